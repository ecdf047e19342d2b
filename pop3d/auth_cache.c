#include "pop3d/auth_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/hmac.h"

#define TABLE_NAME "auth-cache"
#define KEY_NAME "auth-cache.key"
#define BUCKETS ((size_t)1024)
#define WAYS 4u /* entries that a user's hash may stand in */

struct entry {
	unsigned char tag[SHA256_DIGEST_LENGTH];
	uint64_t until; /* seconds since the machine started */
};

#define TABLE_OCTETS (BUCKETS * WAYS * sizeof(struct entry))

/* A file that is ours alone; -1 with errno. */
static int
open_private(int directory, const char *name)
{
	struct stat st;
	int fd = openat(directory, name,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & 077) == 0)
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

/*
 * Whoever finds no key makes one; link() lets only one of several be first.  A reader
 * can therefore never see half a key.
 */
static bool
make_key(int directory)
{
	unsigned char key[AUTH_CACHE_KEY];
	char path[64];
	bool made = false;
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	if (getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
		write(fd, key, sizeof(key)) == (ssize_t)sizeof(key)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		made = linkat(AT_FDCWD, path, directory, KEY_NAME, AT_SYMLINK_FOLLOW) ==
			       0 ||
		       errno == EEXIST;
	}
	explicit_bzero(key, sizeof(key));
	(void)close(fd);
	return made;
}

static bool
read_key(struct auth_cache *cache, int directory)
{
	bool done;
	int fd;

	if (faccessat(directory, KEY_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
		!make_key(directory))
		return false;
	fd = open_private(directory, KEY_NAME);
	if (fd < 0)
		return false;
	done = pread(fd, cache->key, sizeof(cache->key), 0) ==
	       (ssize_t)sizeof(cache->key);
	(void)close(fd);
	return done;
}

/* Where the run directory outlives the machine's uptime, its entries must not. */
static bool
read_boot(struct auth_cache *cache)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, cache->boot, sizeof(cache->boot) - 1);

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)sizeof(cache->boot) - 1;
}

static bool
open_table(struct auth_cache *cache, int directory)
{
	struct stat st;

	cache->fd = open_private(directory, TABLE_NAME);
	if (cache->fd < 0)
		return false;
	if (fstat(cache->fd, &st) == 0 &&
		(st.st_size == (off_t)TABLE_OCTETS ||
			ftruncate(cache->fd, TABLE_OCTETS) == 0))
		return true;
	(void)close(cache->fd);
	cache->fd = -1;
	return false;
}

/* The run directory, or -1 with a reason. */
static int
open_directory(const char *directory, const char **wrong)
{
	struct stat st;
	int fd;

	*wrong = NULL;
	if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
		*wrong = "the run directory cannot be made";
		return -1;
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		*wrong = "the run directory cannot be opened";
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	(void)close(fd);
	*wrong = "the run directory must be writable by its owner alone";
	return -1;
}

const char *
auth_cache_check(const char *directory, uint64_t ttl)
{
	const char *wrong = NULL;
	int fd = ttl != 0 ? open_directory(directory, &wrong) : -1;

	if (fd >= 0)
		(void)close(fd);
	return wrong;
}

const char *
auth_cache_open(struct auth_cache *cache, const char *directory, uint64_t ttl)
{
	const char *wrong;
	int fd;

	cache->fd = -1;
	cache->ttl = ttl;
	if (ttl == 0)
		return NULL;
	fd = open_directory(directory, &wrong);
	if (fd < 0)
		return wrong;
	if (!read_boot(cache) || !read_key(cache, fd) || !open_table(cache, fd))
		wrong = "the files of the cache cannot be used";
	(void)close(fd);
	return wrong;
}

static uint64_t
seconds_up(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

static void
add_field(struct hmac *hmac, const void *p, size_t n)
{
	const uint64_t length = n;

	/* With its length before it, no field can pass for the end of another one. */
	hmac_add(hmac, &length, sizeof(length));
	hmac_add(hmac, p, n);
}

/* What proves that this was checked, to hold until then. */
static void
make_tag(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored, uint64_t until,
	unsigned char tag[SHA256_DIGEST_LENGTH])
{
	struct hmac hmac;

	hmac_begin(&hmac, cache->key, sizeof(cache->key));
	add_field(&hmac, "entry", 5);
	add_field(&hmac, cache->boot, strlen(cache->boot));
	add_field(&hmac, module, strlen(module));
	add_field(&hmac, request->user, strlen(request->user));
	add_field(&hmac, &request->proof, sizeof(request->proof));
	add_field(&hmac, stored.p, stored.n);
	add_field(&hmac, request->secret.p, request->secret.n);
	add_field(&hmac, &until, sizeof(until));
	hmac_end(&hmac, tag);
}

/* Where the entries of a user stand. */
static off_t
bucket_of(const struct auth_cache *cache, const char *module, const char *user)
{
	unsigned char mac[SHA256_DIGEST_LENGTH];
	struct hmac hmac;
	uint32_t number;

	hmac_begin(&hmac, cache->key, sizeof(cache->key));
	add_field(&hmac, "bucket", 6);
	add_field(&hmac, module, strlen(module));
	add_field(&hmac, user, strlen(user));
	hmac_end(&hmac, mac);
	memcpy(&number, mac, sizeof(number));
	return (off_t)(number % BUCKETS * WAYS * sizeof(struct entry));
}

static bool
read_bucket(const struct auth_cache *cache, off_t at, struct entry entries[WAYS])
{
	const size_t octets = WAYS * sizeof(struct entry);

	return pread(cache->fd, entries, octets, at) == (ssize_t)octets;
}

static bool
equal_tags(const unsigned char *a, const unsigned char *b)
{
	unsigned char difference = 0;

	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

bool
auth_cache_known(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored)
{
	unsigned char tag[SHA256_DIGEST_LENGTH];
	struct entry entries[WAYS];
	uint64_t now = seconds_up();
	bool known = false;

	if (cache->fd < 0 ||
		!read_bucket(cache, bucket_of(cache, module, request->user), entries))
		return false;
	for (size_t i = 0; i < WAYS && !known; i++) {
		/* A ttl that was lowered holds for entries that are there, too. */
		if (entries[i].until <= now || entries[i].until > now + cache->ttl)
			continue;
		make_tag(cache, module, request, stored, entries[i].until, tag);
		known = equal_tags(tag, entries[i].tag);
	}
	return known;
}

void
auth_cache_remember(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored)
{
	struct entry entries[WAYS], entry;
	size_t oldest = 0;
	off_t at;

	if (cache->fd < 0)
		return;
	at = bucket_of(cache, module, request->user);
	if (!read_bucket(cache, at, entries))
		return;
	for (size_t i = 1; i < WAYS; i++)
		if (entries[i].until < entries[oldest].until)
			oldest = i;
	entry.until = seconds_up() + cache->ttl;
	make_tag(cache, module, request, stored, entry.until, entry.tag);
	/* What could not be written will be checked again: there is nothing to do about
	 * it. */
	if (pwrite(cache->fd, &entry, sizeof(entry),
		    at + (off_t)(oldest * sizeof(entry))) < 0)
		return;
}
