/*
 * The file of ticket keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/tls/tickets.h"

#define NAME "ticket-keys"
#define NEW_NAME "ticket-keys.new"
#define LOCK_NAME "ticket-keys.lock"
#define AHEAD_SECONDS 60
#define ROTATED 2u /* keys in a file of ours: the one in use and the one before */

static bool
is_safe(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       (st->st_mode & 077) == 0;
}

/* Read a whole number of keys; NULL, or what is wrong: then there are none. */
static const char *
file_read(int directory, const char *name, int flags, struct ticket_keys *keys)
{
	int fd = openat(
		directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
	const char *wrong = NULL;
	ssize_t n;

	keys->n = 0;
	memset(&keys->seen, 0, sizeof(keys->seen));
	if (fd < 0)
		return "the file cannot be opened";
	n = pread(fd, keys->keys, sizeof(keys->keys), 0);
	if (fstat(fd, &keys->seen) != 0 || !is_safe(&keys->seen))
		wrong = "the file must be a regular one, readable for its owner alone";
	else if (n <= 0 || n != keys->seen.st_size || (size_t)n % TICKET_KEY_OCTETS != 0)
		wrong = "the file must hold one to four keys of 80 octets";
	else
		keys->n = (size_t)n / TICKET_KEY_OCTETS;
	keys->made = keys->seen.st_mtim.tv_sec;
	(void)close(fd);
	return wrong;
}

/* A key serves for a lifetime. */
static bool
is_old(const struct ticket_keys *keys, uint64_t lifetime)
{
	time_t age = time(NULL) - keys->made;

	/* A clock that was set back must not keep a key for ever; but a file's time runs
	 * ahead of time() by a little. */
	return age < -AHEAD_SECONDS || (age > 0 && (uint64_t)age >= lifetime);
}

static bool
file_write(int directory, const struct ticket_keys *keys)
{
	size_t n = keys->n * TICKET_KEY_OCTETS;
	int fd;

	(void)unlinkat(directory, NEW_NAME, 0);
	fd = openat(directory, NEW_NAME,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	if (write(fd, keys->keys, n) != (ssize_t)n) {
		(void)close(fd);
		return false;
	}
	return close(fd) == 0 && renameat(directory, NEW_NAME, directory, NAME) == 0;
}

/* A new key in front of the one in use, whose place is the second then. */
static bool
add_key(struct ticket_keys *keys)
{
	if (keys->n > 0)
		memmove(keys->keys[1], keys->keys[0], TICKET_KEY_OCTETS);
	keys->n = keys->n > 0 ? ROTATED : 1;
	return getrandom(keys->keys[0], TICKET_KEY_OCTETS, 0) ==
	       (ssize_t)TICKET_KEY_OCTETS;
}

/* Whoever can open a file can keep it locked: this one is ours alone. */
static int
lock(int directory)
{
	int fd = openat(directory, LOCK_NAME,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd >= 0 &&
		(fstat(fd, &st) != 0 || !is_safe(&st) || flock(fd, LOCK_EX) != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* One process at a time; what another has done meanwhile is not done again. */
static const char *
rotate(int directory, uint64_t lifetime, struct ticket_keys *keys)
{
	const char *wrong = NULL;
	int locked = lock(directory);

	if (locked < 0)
		return "the file ticket-keys.lock in the run directory cannot be locked";
	if (file_read(directory, NAME, O_NOFOLLOW, keys) != NULL ||
		is_old(keys, lifetime)) {
		/* Nobody comes back with a ticket of the key before the last. */
		if (keys->n > 0 && is_old(keys, 2 * lifetime))
			keys->n = 0;
		if (!add_key(keys))
			wrong = "there is no randomness";
		else if (!file_write(directory, keys))
			wrong = "the file ticket-keys in the run directory cannot be "
				"written";
		else
			wrong = file_read(directory, NAME, O_NOFOLLOW, keys);
	}
	(void)close(locked);
	return wrong;
}

static const char *
use_directory(int directory, uint64_t lifetime, struct ticket_keys *keys)
{
	struct stat st;

	if (fstat(directory, &st) != 0 || st.st_uid != geteuid() ||
		(st.st_mode & 022) != 0)
		return "the run directory must be writable by its owner alone";
	if (file_read(directory, NAME, O_NOFOLLOW, keys) == NULL &&
		!is_old(keys, lifetime))
		return NULL;
	return rotate(directory, lifetime, keys);
}

static const char *
use_run_directory(const struct tls_setup *setup, struct ticket_keys *keys)
{
	const char *wrong;
	int directory;

	if (mkdir(setup->run_directory, 0700) != 0 && errno != EEXIST)
		return "the run directory cannot be made";
	directory = open(
		setup->run_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return "the run directory cannot be opened";
	wrong = use_directory(directory, setup->ticket_lifetime, keys);
	(void)close(directory);
	return wrong;
}

/* What stands where the keys should; all zero: nothing. */
static void
look_at(const struct tls_setup *setup, struct stat *seen)
{
	char path[PATH_MAX];
	int n = setup->ticket_keys[0] != '\0'
			? snprintf(path, sizeof(path), "%s", setup->ticket_keys)
			: snprintf(path, sizeof(path), "%s/%s", setup->run_directory,
				  NAME);

	if (n < 0 || (size_t)n >= sizeof(path) || stat(path, seen) != 0)
		memset(seen, 0, sizeof(*seen));
}

const char *
ticket_keys_load(const struct tls_setup *setup, struct ticket_keys *keys)
{
	bool ours = setup->ticket_keys[0] == '\0';
	struct stat before;
	const char *wrong;

	look_at(setup, &before);
	wrong = ours ? use_run_directory(setup, keys)
		     : file_read(AT_FDCWD, setup->ticket_keys, 0, keys);
	if (wrong == NULL)
		return NULL;
	/* There is no point in trying again before something has changed. */
	keys->seen = before;
	keys->made = time(NULL);
	keys->n = 0;
	/* Then each process has its own, and its tickets are good for nobody else. */
	if (ours && !add_key(keys))
		keys->n = 0;
	return wrong;
}

bool
ticket_keys_are_stale(const struct tls_setup *setup, const struct ticket_keys *keys)
{
	const struct stat *seen = &keys->seen;
	struct stat now;

	if (setup->ticket_keys[0] == '\0' && is_old(keys, setup->ticket_lifetime))
		return true;
	look_at(setup, &now);
	return now.st_ino != seen->st_ino || now.st_dev != seen->st_dev ||
	       now.st_size != seen->st_size ||
	       now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec ||
	       now.st_ctim.tv_sec != seen->st_ctim.tv_sec ||
	       now.st_ctim.tv_nsec != seen->st_ctim.tv_nsec;
}
