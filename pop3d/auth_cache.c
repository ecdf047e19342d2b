#include "pop3d/auth_cache.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/hmac.h"
#include "pop3d/run_directory.h"

#define TABLE_NAME "auth-cache"
#define KEY_NAME "auth-cache.key"
#define BUCKETS ((size_t)1024)
#define WAYS 4u /* entries that a user's hash may stand in */

struct entry {
	unsigned char tag[SHA256_DIGEST_LENGTH];
	uint64_t until; /* seconds since the machine started */
};

#define TABLE_OCTETS (BUCKETS * WAYS * sizeof(struct entry))

static bool
open_table(struct auth_cache *cache, int directory)
{
	struct stat st;

	cache->fd = run_directory_file(directory, TABLE_NAME);
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

const char *
auth_cache_open(struct auth_cache *cache, const char *directory, uint64_t ttl)
{
	const char *wrong;
	int fd;

	cache->fd = -1;
	cache->ttl = ttl;
	if (ttl == 0)
		return NULL;
	fd = run_directory_open(directory, &wrong);
	if (fd < 0)
		return wrong;
	if (!host_key_read(&cache->key, fd, KEY_NAME) || !open_table(cache, fd))
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

/* What proves that this was checked, to hold until then. */
static void
make_tag(const struct auth_cache *cache, const char *module,
	const struct auth_request *request, struct auth_span stored, uint64_t until,
	unsigned char tag[SHA256_DIGEST_LENGTH])
{
	struct hmac hmac;

	host_key_begin(&hmac, &cache->key, "entry");
	host_key_add(&hmac, module, strlen(module));
	host_key_add(&hmac, request->user, strlen(request->user));
	host_key_add(&hmac, &request->proof, sizeof(request->proof));
	host_key_add(&hmac, stored.p, stored.n);
	host_key_add(&hmac, request->secret.p, request->secret.n);
	host_key_add(&hmac, &until, sizeof(until));
	hmac_end(&hmac, tag);
}

/* Where the entries of a user stand. */
static off_t
bucket_of(const struct auth_cache *cache, const char *module, const char *user)
{
	unsigned char mac[SHA256_DIGEST_LENGTH];
	struct hmac hmac;
	uint32_t number;

	host_key_begin(&hmac, &cache->key, "bucket");
	host_key_add(&hmac, module, strlen(module));
	host_key_add(&hmac, user, strlen(user));
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
