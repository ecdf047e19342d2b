#include "tests/unit/module_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS 16

char module_logged[512];
unsigned module_lines;
struct auth_out module_out;

static struct {
	char name[32];
	char value[512];
} keys[KEYS];
static struct auth_chain *chain;

static void
line_note(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	module_lines++;
	(void)snprintf(module_logged, sizeof(module_logged), "%s", text);
}

static const char *
key_value(void *cookie, const char *module, const char *key)
{
	(void)cookie;
	(void)module;
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].value;
	return NULL;
}

void
module_clear(void)
{
	memset(keys, 0, sizeof(keys));
}

void
module_set(const char *key, const char *value)
{
	size_t i = 0;

	while (i < KEYS && keys[i].name[0] != '\0' && strcmp(keys[i].name, key) != 0)
		i++;
	assert_true(i < KEYS);
	(void)snprintf(
		keys[i].name, sizeof(keys[i].name), "%s", value != NULL ? key : "-");
	(void)snprintf(
		keys[i].value, sizeof(keys[i].value), "%s", value != NULL ? value : "");
}

static void
object_copy(const char *name, const char *suffix)
{
	char path[64], copy[64], *text;
	FILE *file;
	size_t n = 0, size = 16u << 20;

	(void)snprintf(path, sizeof(path), "auth/%s%s", name, suffix);
	(void)snprintf(copy, sizeof(copy), "%s%s", name, suffix);
	/* Never over one that is loaded: it stays mapped.  Few have a second part. */
	if (access(fixture_path(copy), F_OK) == 0 || access(path, F_OK) != 0)
		return;
	text = malloc(size);
	assert_non_null(text);
	file = fopen(path, "re");
	assert_non_null(file);
	n = fread(text, 1, size, file);
	assert_int_equal(fclose(file), 0);
	assert_true(n > 0 && n < size);
	fixture_write(copy, text, n, 0644);
	free(text);
}

bool
module_start(const char *name)
{
	struct auth_chain_options options = {.directory = fixture_directory,
		.modules = name,
		.log = line_note,
		.config = key_value};
	char error[256] = "";

	object_copy(name, ".so");
	object_copy(name, ".part");
	module_lines = 0;
	module_logged[0] = '\0';
	chain = auth_chain_load(&options, error, sizeof(error));
	assert_string_equal(error, "");
	assert_non_null(chain);
	if (auth_chain_open(chain))
		return true;
	module_stop();
	return false;
}

enum auth_result
module_ask(struct auth_request request)
{
	request.size = sizeof(request);
	request.mechanism = "TEST";
	request.remote = "";
	request.local = "";
	module_lines = 0;
	module_logged[0] = '\0';
	return auth_chain_verify(chain, &request, &module_out);
}

void
module_stop(void)
{
	auth_chain_free(chain);
	chain = NULL;
}
