/*
 * A user file from anywhere: read in pieces of a size that the input chooses, it must
 * have the same lines, and every line that is taken must keep what the parser promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/credential.h"
#include "auth/userfile.h"

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
	check(close(fd) == 0);
	return 0;
}
