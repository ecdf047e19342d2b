#include "pop3d/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "seed"

/* The file must be ours alone: who knows the seed can tell which salts are made up. */
static bool
file_read(int directory, unsigned char seed[SEED_OCTETS])
{
	struct stat st;
	bool good;
	int fd = openat(directory, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0 && st.st_size == (off_t)SEED_OCTETS &&
	       read(fd, seed, SEED_OCTETS) == (ssize_t)SEED_OCTETS;
	(void)close(fd);
	return good;
}

/* A file gets its name when it is whole, and only the first of several gets it. */
static bool
file_make(int directory, const unsigned char seed[SEED_OCTETS])
{
	char path[64];
	bool made;
	int fd = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	made = write(fd, seed, SEED_OCTETS) == (ssize_t)SEED_OCTETS &&
	       (linkat(AT_FDCWD, path, directory, NAME, AT_SYMLINK_FOLLOW) == 0 ||
		       errno == EEXIST);
	return close(fd) == 0 && made;
}

static const char *
directory_use(int directory, unsigned char seed[SEED_OCTETS])
{
	unsigned char fresh[SEED_OCTETS];
	struct stat st;
	const char *wrong = NULL;

	if (fstat(directory, &st) != 0 || st.st_uid != geteuid() ||
		(st.st_mode & 022) != 0)
		return "the run directory must be writable by its owner alone";
	memcpy(fresh, seed, sizeof(fresh));
	if (!file_read(directory, seed) &&
		(!file_make(directory, fresh) || !file_read(directory, seed))) {
		memcpy(seed, fresh, sizeof(fresh));
		wrong = "the file seed in the run directory cannot be used";
	}
	explicit_bzero(fresh, sizeof(fresh));
	return wrong;
}

const char *
seed_read(const char *directory, unsigned char seed[SEED_OCTETS], bool *usable)
{
	const char *wrong;
	int fd;

	*usable = getrandom(seed, SEED_OCTETS, 0) == (ssize_t)SEED_OCTETS;
	if (!*usable)
		return "there is no randomness";
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return "the run directory cannot be made";
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return "the run directory cannot be opened";
	wrong = directory_use(fd, seed);
	(void)close(fd);
	return wrong;
}
