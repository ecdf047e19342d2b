#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/auth_cache.h"
#include "tests/unit/tests.h"

static char directory[64];
static struct auth_cache cache;

static struct auth_span
span(const char *text)
{
	return (struct auth_span){(const unsigned char *)text, strlen(text)};
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/pop3d-cache-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return 1;
	return auth_cache_open(&cache, directory, 100) != NULL;
}

static int
tear_down(void **state)
{
	char path[128];

	(void)state;
	(void)close(cache.fd);
	(void)snprintf(path, sizeof(path), "%s/auth-cache", directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/auth-cache.key", directory);
	(void)unlink(path);
	return rmdir(directory);
}

static bool
known(const char *module, const char *user, const char *stored, const char *secret)
{
	const struct auth_request request = {
		.proof = AUTH_PROOF_PASSWORD, .user = user, .secret = span(secret)};

	return auth_cache_known(&cache, module, &request, span(stored));
}

static void
remember(const char *module, const char *user, const char *stored, const char *secret)
{
	const struct auth_request request = {
		.proof = AUTH_PROOF_PASSWORD, .user = user, .secret = span(secret)};

	auth_cache_remember(&cache, module, &request, span(stored));
}

static void
only_the_same_is_known(void **state)
{
	struct auth_request request = {
		.proof = AUTH_PROOF_APOP, .user = "jo", .secret = span("secret")};

	(void)state;
	assert_false(known("passwd", "jo", "hash", "secret"));
	remember("passwd", "jo", "hash", "secret");
	assert_true(known("passwd", "jo", "hash", "secret"));
	assert_false(known("pam", "jo", "hash", "secret"));
	assert_false(known("passwd", "jO", "hash", "secret"));
	assert_false(known("passwd", "jo", "hasH", "secret"));
	assert_false(known("passwd", "jo", "hash", "secreT"));
	assert_false(known("passwd", "jo", "hash", ""));
	/* The same octets, cut into fields elsewhere. */
	assert_false(known("passwd", "joh", "ash", "secret"));
	assert_false(known("passwd", "jo", "hashs", "ecret"));
	assert_false(auth_cache_known(&cache, "passwd", &request, span("hash")));
}

static void
other_keys_and_other_boots_know_nothing(void **state)
{
	unsigned char key[HOST_KEY_OCTETS];

	(void)state;
	remember("passwd", "jo", "hash", "secret");
	memcpy(key, cache.key.octets, sizeof(key));
	cache.key.octets[31] ^= 1;
	assert_false(known("passwd", "jo", "hash", "secret"));
	memcpy(cache.key.octets, key, sizeof(key));
	cache.key.boot[0] ^= 1;
	assert_false(known("passwd", "jo", "hash", "secret"));
	cache.key.boot[0] ^= 1;
	assert_true(known("passwd", "jo", "hash", "secret"));
}

static void
time_ends_it(void **state)
{
	(void)state;
	cache.ttl = 1;
	remember("passwd", "jo", "hash", "secret");
	assert_true(known("passwd", "jo", "hash", "secret"));
	(void)sleep(2);
	assert_false(known("passwd", "jo", "hash", "secret"));
	/* An entry that would hold for longer than is now permitted. */
	cache.ttl = 1000;
	remember("passwd", "jo", "hash", "secret");
	cache.ttl = 10;
	assert_false(known("passwd", "jo", "hash", "secret"));
}

static void
a_second_process_has_the_same_key(void **state)
{
	struct auth_cache other;

	(void)state;
	assert_null(auth_cache_open(&other, directory, 100));
	assert_memory_equal(other.key.octets, cache.key.octets, HOST_KEY_OCTETS);
	(void)close(other.fd);
}

static void
it_does_not_grow(void **state)
{
	struct stat before, after;
	char user[32];

	(void)state;
	assert_int_equal(fstat(cache.fd, &before), 0);
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(user, sizeof(user), "user%d", i);
		remember("passwd", user, "hash", "secret");
		assert_true(known("passwd", user, "hash", "secret"));
	}
	assert_int_equal(fstat(cache.fd, &after), 0);
	assert_true(before.st_size == after.st_size);
}

/* Whatever stands in the table, it is no entry. */
static void
garbage_is_no_entry(void **state)
{
	unsigned char block[4096];

	(void)state;
	remember("passwd", "jo", "hash", "secret");
	memset(block, 0x55, sizeof(block));
	for (off_t at = 0; at < 163840; at += (off_t)sizeof(block))
		assert_int_equal(
			pwrite(cache.fd, block, sizeof(block), at), sizeof(block));
	assert_false(known("passwd", "jo", "hash", "secret"));
	assert_int_equal(ftruncate(cache.fd, 10), 0);
	assert_false(known("passwd", "jo", "hash", "secret"));
	remember("passwd", "jo", "hash", "secret");
}

/* The table holds nothing that the password could be recognised by. */
static void
nothing_stands_in_clear(void **state)
{
	static unsigned char table[1024 * 4 * 64];
	ssize_t n;

	(void)state;
	remember("passwd", "jonathan", "$argon2id$hash", "open sesame");
	n = pread(cache.fd, table, sizeof(table), 0);
	assert_true(n > 0);
	assert_null(memmem(table, (size_t)n, "open sesame", 11));
	assert_null(memmem(table, (size_t)n, "jonathan", 8));
	assert_null(memmem(table, (size_t)n, "$argon2id$", 10));
	assert_null(memmem(table, (size_t)n, cache.key.octets, HOST_KEY_OCTETS));
}

static void
unsafe_directories_are_refused(void **state)
{
	struct auth_cache other;
	char path[128];

	(void)state;
	assert_int_equal(chmod(directory, 0777), 0);
	assert_non_null(auth_cache_open(&other, directory, 100));
	assert_int_equal(other.fd, -1);
	assert_int_equal(chmod(directory, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/auth-cache.key", directory);
	assert_int_equal(chmod(path, 0644), 0);
	assert_non_null(auth_cache_open(&other, directory, 100));
	assert_int_equal(chmod(path, 0600), 0);
	assert_null(auth_cache_open(&other, directory, 0));
	assert_int_equal(other.fd, -1);
	assert_false(auth_cache_known(&other, "m",
		&(struct auth_request){.user = "u", .secret = span("s")}, span("h")));
}

int
test_auth_cache(void)
{
#define WITH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH(only_the_same_is_known),
		WITH(other_keys_and_other_boots_know_nothing),
		WITH(time_ends_it),
		WITH(a_second_process_has_the_same_key),
		WITH(it_does_not_grow),
		WITH(garbage_is_no_entry),
		WITH(nothing_stands_in_clear),
		WITH(unsafe_directories_are_refused),
	};

	return cmocka_run_group_tests_name("auth_cache", tests, NULL, NULL);
}
