#include "tests/unit/auth_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char fixture_directory[256];

int
fixture_setup(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	(void)snprintf(fixture_directory, sizeof(fixture_directory),
		"%s/pop3d-unit-XXXXXX", base != NULL ? base : "/tmp");
	return mkdtemp(fixture_directory) == NULL;
}

static int
entry_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

int
fixture_teardown(void **state)
{
	(void)state;
	return nftw(fixture_directory, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
fixture_path(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", fixture_directory, name);
	return path;
}

void
fixture_write(const char *name, const void *text, size_t n, unsigned mode)
{
	int fd = open(fixture_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static char *
file_read(const char *path, size_t *n)
{
	struct stat st;
	char *text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*n = (size_t)st.st_size;
	text = malloc(*n + 1);
	assert_non_null(text);
	assert_int_equal(read(fd, text, *n), *n);
	text[*n] = '\0';
	assert_int_equal(close(fd), 0);
	return text;
}

char *
fixture_read(const char *name, size_t *n)
{
	return file_read(fixture_path(name), n);
}

static void
object_copy(const char *from, const char *name, const char *suffix)
{
	char path[256], copy[64];
	char *text;
	size_t n;

	(void)snprintf(path, sizeof(path), "tests/modules/%s%s", from, suffix);
	(void)snprintf(copy, sizeof(copy), "%s%s", name, suffix);
	text = file_read(path, &n);
	fixture_write(copy, text, n, 0644);
	free(text);
}

void
fixture_module(const char *name)
{
	object_copy(name, name, ".so");
}

void
fixture_part(const char *from, const char *name)
{
	object_copy(from, name, ".part");
}

struct auth_span
fixture_span(const char *text)
{
	return (struct auth_span){(const unsigned char *)text, strlen(text)};
}
