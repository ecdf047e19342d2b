/*
 * A configuration file, and its beginning as an option.  It is refused exactly if a
 * problem is told, every value that is taken is one that its key accepts, and what is
 * printed reads back as the same configuration.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/config.h"
#include "pop3d/config_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

struct problems {
	const char *path; /* NULL: of an option */
	unsigned n;
};

static void
take_problem(void *cookie, const char *text)
{
	struct problems *problems = cookie;

	problems->n++;
	check(text[0] != '\0');
	if (problems->path != NULL)
		check(strncmp(text, problems->path, strlen(problems->path)) == 0);
	else
		check(strncmp(text, "option -o ", 10) == 0);
}

static bool
read_octets(struct config *config, const void *p, size_t n)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[64];
	struct problems problems = {path, 0};
	const struct config_report report = {take_problem, &problems};
	bool good;

	check(fd >= 0 && fchmod(fd, 0600) == 0);
	check(write(fd, p, n) == (ssize_t)n);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	good = config_read(config, path, &report);
	check(good == (problems.n == 0));
	check(close(fd) == 0);
	return good;
}

static uint64_t
number_of(const struct config *config, const struct config_key *key)
{
	uint64_t number;

	memcpy(&number, (const char *)config + key->offset, sizeof(number));
	return number;
}

static bool
is_permitted(const struct config_key *key, uint64_t number)
{
	for (const struct config_choice *choice = key->choices;
		choice != NULL && choice->word != NULL; choice++)
		if (choice->value == number)
			return true;
	return number >= key->min && number <= key->max;
}

/*
 * Each is one that its key may have, and setting it once more changes nothing.  There are
 * many keys, and most are as they were.
 */
static void
check_values(struct config *config)
{
	static struct config *untouched;

	if (untouched == NULL) {
		untouched = config_new();
		check(untouched != NULL);
		check_values(untouched);
	}
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		char number[32], other[32];
		const char *text = config_key_text(config, key, number, sizeof(number));
		char *copy;

		if (config != untouched &&
			strcmp(text, config_key_text(
					     untouched, key, other, sizeof(other))) == 0)
			continue;
		copy = strdup(text);
		check(copy != NULL);
		if (key->type == CONFIG_NUMBER)
			check(is_permitted(key, number_of(config, key)));
		check(config_key_set(config, key, copy) == NULL);
		check(strcmp(config_key_text(config, key, number, sizeof(number)),
			      copy) == 0);
		free(copy);
	}
}

static char *
print(const struct config *config, size_t *n)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, n);

	check(file != NULL);
	config_print(config, file);
	check(fclose(file) == 0);
	return text;
}

/* A value that begins with '#' would, behind the blank it is printed with, be a comment.
 */
static bool
is_printable(const char *text)
{
	return strstr(text, " = #") == NULL;
}

/* Twice if need be: the sections of modules come in the opposite order each time. */
static void
check_print(struct config *config)
{
	static char *known; /* of the last one: most are as if there were no file */
	size_t n, again = 0;
	char *first = print(config, &n), *text = strdup(first), *next;
	bool same = !is_printable(first) || (known != NULL && strcmp(first, known) == 0);

	check(text != NULL);
	for (unsigned round = 0; round < 2 && !same; round++) {
		struct config *copy = config_new();

		check(copy != NULL);
		check(read_octets(copy, text, strlen(text)));
		next = print(copy, &again);
		config_free(copy);
		free(text);
		text = next;
		same = again == n && strcmp(first, text) == 0;
	}
	check(same);
	free(known);
	known = first;
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = {NULL, 0};
	const struct config_report report = {take_problem, &problems};
	struct config *config = config_new();
	char *option = strndup((const char *)data, size);
	bool good;

	check(config != NULL && option != NULL);
	good = read_octets(config, data, size);
	check(!good || size == 0 || memchr(data, '\0', size) == NULL);
	check_values(config);
	/* Printed with blanks that were not there, a long line can become too long. */
	if (size < 4000)
		check_print(config);
	check(config_option(config, option, &report) == (problems.n == 0));
	check_values(config);
	config_free(config);
	free(option);
	return 0;
}
