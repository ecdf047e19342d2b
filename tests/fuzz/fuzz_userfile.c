/*
 * A user file from anywhere: read in pieces of a size that the input chooses, it must
 * have the same lines, and every line that is taken must keep what the parser promises.
 * Compiled, it must give each user the line that a search through the file finds.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/credential.h"
#include "auth/usercdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
entry_check(struct auth_span line)
{
	struct userfile_entry entry;

	if (userfile_parse(line, &entry) != NULL)
		return;
	check(credential_is_user(entry.user.p, entry.user.n));
	check(memchr(entry.user.p, ':', entry.user.n) == NULL);
	check(entry.home.n <= AUTH_PATH_MAX && entry.mail.n <= AUTH_PATH_MAX);
	check(entry.home.n == 0 || entry.home.p[0] == '/');
	check(credential_is_printable(entry.mail.p, entry.mail.n));
	check(entry.user.n == userfile_name(line).n);
}

/* Both readers go through one file: a line is where it was, however it was read. */
static void
file_check(int fd, size_t chunk)
{
	static struct userfile_reader whole, pieces;
	struct auth_span a, b;
	enum userfile_status status;

	userfile_start(&whole, fd);
	userfile_start(&pieces, fd);
	pieces.chunk = chunk;
	do {
		status = userfile_next(&whole, &a);
		check(status != USERFILE_ERROR);
		check(userfile_next(&pieces, &b) == status);
		if (status == USERFILE_END)
			break;
		check(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
		check(a.n <= USERFILE_LINE_MAX && memchr(a.p, '\n', a.n) == NULL);
		check(whole.number == pieces.number);
		check(whole.line_start == pieces.line_start);
		if (status == USERFILE_LINE && userfile_is_entry(a))
			entry_check(a);
	} while (true);
}

/* In memory. */
static char root[] = "/dev/shm/pop3d-fuzz-users-XXXXXX";
static int root_fd = -1;

static void
remove_root(void)
{
	(void)unlinkat(root_fd, "users.cdb", 0);
	(void)rmdir(root);
}

/* By its name: with a NUL in it, it is nobody's. */
static void
user_check(int fd, int cdb, struct auth_span name)
{
	static struct userfile_reader reader;
	static unsigned char buffer[USERFILE_LINE_MAX];
	char *user = strndup((const char *)name.p, name.n);
	struct auth_span line, found;

	check(user != NULL);
	if (strlen(user) == name.n && name.n > 0) {
		userfile_start(&reader, fd);
		check(userfile_find(&reader, user, &line) == USERFILE_LINE);
		check(usercdb_find(cdb, user, buffer, &found) == USERFILE_LINE);
		check(line.n == found.n && memcmp(line.p, found.p, line.n) == 0);
	}
	free(user);
}

static void
compiled_check(int fd)
{
	static struct userfile_reader reader;
	struct auth_span line;
	char error[128];
	int cdb;

	if (root_fd < 0) {
		check(mkdtemp(root) != NULL && atexit(remove_root) == 0);
		root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (!usercdb_compile(root_fd, "users", fd, error, sizeof(error))) {
		check(strstr(error, "is too long") != NULL);
		return;
	}
	cdb = openat(root_fd, "users.cdb", O_RDONLY | O_CLOEXEC);
	check(cdb >= 0 && usercdb_is_current(cdb, fd));
	userfile_start(&reader, fd);
	while (userfile_next(&reader, &line) == USERFILE_LINE && reader.number < 64)
		if (userfile_is_entry(line))
			user_check(fd, cdb, userfile_name(line));
	check(close(cdb) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size < 2)
		return 0;
	fd = memfd_create("users", MFD_CLOEXEC);
	check(fd >= 0);
	check(write(fd, data + 2, size - 2) == (ssize_t)(size - 2));
	file_check(fd, 1u + data[0] + 64u * data[1]);
	if ((data[1] & 1) == 0)
		compiled_check(fd);
	check(close(fd) == 0);
	return 0;
}
