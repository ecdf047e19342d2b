/*
 * A database of users from anywhere: a search yields a line that bears the name asked
 * for, or none.  The search is for the four octets that the input begins with.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/usercdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char buffer[USERFILE_LINE_MAX];
	char user[5] = "";
	struct auth_span line, name;
	int fd;

	if (size < 4)
		return 0;
	memcpy(user, data, 4);
	fd = memfd_create("cdb", MFD_CLOEXEC);
	check(fd >= 0);
	check(write(fd, data + 4, size - 4) == (ssize_t)(size - 4));
	if (usercdb_find(fd, user, buffer, &line) == USERFILE_LINE) {
		check(line.p == buffer && line.n <= sizeof(buffer));
		name = userfile_name(line);
		check(name.n == strlen(user) && memcmp(name.p, user, name.n) == 0);
	}
	(void)usercdb_is_current(fd, fd);
	check(close(fd) == 0);
	return 0;
}
