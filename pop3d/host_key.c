#include "pop3d/host_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "pop3d/run_directory.h"

/*
 * Whoever finds no key makes one; link() lets only one of several be first.  A reader
 * can therefore never see half a key.
 */
static bool
make(int directory, const char *name)
{
	unsigned char key[HOST_KEY_OCTETS];
	char path[64];
	bool made = false;
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	if (getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
		write(fd, key, sizeof(key)) == (ssize_t)sizeof(key)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		made = linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0 ||
		       errno == EEXIST;
	}
	explicit_bzero(key, sizeof(key));
	(void)close(fd);
	return made;
}

static bool
read_boot(struct host_key *key)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, key->boot, sizeof(key->boot) - 1);

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)sizeof(key->boot) - 1;
}

bool
host_key_read(struct host_key *key, int run_directory, const char *name)
{
	bool done;
	int fd;

	memset(key, 0, sizeof(*key));
	if (!read_boot(key) ||
		(faccessat(run_directory, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
			!make(run_directory, name)))
		return false;
	fd = run_directory_file(run_directory, name);
	if (fd < 0)
		return false;
	done = pread(fd, key->octets, sizeof(key->octets), 0) ==
	       (ssize_t)sizeof(key->octets);
	(void)close(fd);
	return done;
}

void
host_key_add(struct hmac *hmac, const void *p, size_t n)
{
	const uint64_t length = n;

	/* With its length before it, no field can pass for the end of another one. */
	hmac_add(hmac, &length, sizeof(length));
	hmac_add(hmac, p, n);
}

void
host_key_begin(struct hmac *hmac, const struct host_key *key, const char *kind)
{
	hmac_begin(hmac, key->octets, sizeof(key->octets));
	host_key_add(hmac, kind, strlen(kind));
	host_key_add(hmac, key->boot, strlen(key->boot));
}
