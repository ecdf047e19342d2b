#include "tests/unit/auth_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "auth/password_hash.h"
#include "tests/unit/crypto_count.h"
#include "tests/unit/tests.h"

/* Vectors of the argon2 reference implementation: "password" with the salt "somesalt". */
#define SMALL                                                                            \
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/"                         \
	"uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
#define ARGON2I                                                                          \
	"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+"                           \
	"sCcFanM2xBT63UP2sghkUoHLIUpWRS8"
/* What the dummy asks for; see struct crypto_count. */
#define DUMMY "$argon2id$v=19$m=65536,t=2,p=1$"

unsigned crypto_count;
char crypto_last[crypto_pwhash_STRBYTES];
bool crypto_no_memory;

/* Stands before libsodium's own, so that tests can see that it is called. */
int
crypto_pwhash_str_verify(const char hash[crypto_pwhash_STRBYTES],
	const char *const password, unsigned long long n)
{
	int (*real)(const char *, const char *, unsigned long long);

	crypto_count++;
	(void)snprintf(crypto_last, sizeof(crypto_last), "%s", hash);
	if (crypto_no_memory) {
		errno = ENOMEM;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
	assert_non_null(real);
	return real(hash, password, n);
}

static enum password_verdict
verify(const char *stored, const char *password)
{
	crypto_count = 0;
	return password_hash_verify(fixture_span(stored), fixture_span(password));
}

static void
reference_hashes(void **state)
{
	(void)state;
	assert_int_equal(verify(SMALL, "password"), PASSWORD_RIGHT);
	assert_int_equal(verify("{ARGON2ID}" SMALL, "password"), PASSWORD_RIGHT);
	assert_int_equal(verify("{argon2id}" SMALL, "password"), PASSWORD_RIGHT);
	assert_int_equal(verify(ARGON2I, "password"), PASSWORD_RIGHT);
	assert_int_equal(verify("{ARGON2I}" ARGON2I, "password"), PASSWORD_RIGHT);
	assert_int_equal(verify(SMALL, "Password"), PASSWORD_WRONG);
	assert_int_equal(verify(SMALL, "passwor"), PASSWORD_WRONG);
	assert_int_equal(verify(SMALL, "password "), PASSWORD_WRONG);
	assert_int_equal(verify("{ARGON2I}" ARGON2I, "x"), PASSWORD_WRONG);
	assert_int_equal(crypto_count, 1);
}

static void
new_hash_is_right(void **state)
{
	char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];

	(void)state;
	assert_true(password_hash_make(hash, fixture_span("a b:c\xff")));
	assert_memory_equal(hash, "{ARGON2ID}" DUMMY, strlen("{ARGON2ID}" DUMMY));
	assert_null(strchr(hash, ':'));
	assert_true(password_hash_make(again, fixture_span("a b:c\xff")));
	assert_string_not_equal(hash, again);
	assert_int_equal(verify(hash, "a b:c\xff"), PASSWORD_RIGHT);
	assert_int_equal(verify(hash, "a b:c"), PASSWORD_WRONG);
}

/* What cannot be checked costs one hash of today all the same. */
static void
unsupported_hashes(void **state)
{
	static const char *const stored[] = {"", "{", "{}", "{PLAIN}password", "password",
		"*", "{ARGON2ID}", "{ARGON2ID}password", "{ARGON2ID", ("{ARGON2I}" SMALL),
		("{ARGON2ID}" ARGON2I), ("{CRYPT}" SMALL), ("{ARGON2ID.B64}" SMALL),
		"$argon2id$v=19$m=256,t=2,p=1",
		"$argon2id$v=19$m=,t=2,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$m=4294967552,t=2,p=1$c29tZXNhbHQ$nf65",
		"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65", "$6$salt$hash",
		"$2y$05$abc"};

	(void)state;
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		if (verify(stored[i], "password") != PASSWORD_UNSUPPORTED)
			fail_msg("\"%s\" is not unsupported", stored[i]);
		assert_int_equal(crypto_count, 1);
		assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
	}
}

/* Nothing behind the parameters may make it right, or read over its end. */
static void
torn_hashes_are_never_right(void **state)
{
	char text[sizeof(SMALL) + 100];

	(void)state;
	for (size_t n = 35; n < sizeof(SMALL) - 1; n++) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)n, SMALL);
		assert_int_not_equal(verify(text, "password"), PASSWORD_RIGHT);
	}
	(void)snprintf(text, sizeof(text), "%sA", SMALL);
	assert_int_not_equal(verify(text, "password"), PASSWORD_RIGHT);
	memset(text, 'A', sizeof(text) - 1);
	memcpy(text, SMALL, sizeof(SMALL) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(verify(text, "password"), PASSWORD_UNSUPPORTED);
}

static void
excessive_hashes_are_not_tried(void **state)
{
	static const char *const stored[] = {
		"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$nf65",
		"{ARGON2ID}$argon2id$v=19$m=256,t=4294967295,p=1$c29tZXNhbHQ$nf65",
		"$argon2i$v=19$m=1048576,t=9,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$m=256,t=2,p=16777216$c29tZXNhbHQ$nf65",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		assert_int_equal(verify(stored[i], "password"), PASSWORD_EXCESSIVE);
		assert_int_equal(crypto_count, 1);
		assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
	}
}

static void
no_memory_is_no_verdict(void **state)
{
	(void)state;
	crypto_no_memory = true;
	assert_int_equal(verify(SMALL, "password"), PASSWORD_ERROR);
	assert_int_equal(verify("{PLAIN}password", "password"), PASSWORD_ERROR);
	assert_false(password_hash_dummy(fixture_span("password")));
	crypto_no_memory = false;
	assert_true(password_hash_dummy(fixture_span("password")));
	assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
}

static int
start(void **state)
{
	(void)state;
	return !password_hash_start();
}

int
test_password_hash(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_hashes),
		cmocka_unit_test(new_hash_is_right),
		cmocka_unit_test(unsupported_hashes),
		cmocka_unit_test(torn_hashes_are_never_right),
		cmocka_unit_test(excessive_hashes_are_not_tried),
		cmocka_unit_test(no_memory_is_no_verdict),
	};

	return cmocka_run_group_tests_name("password_hash", tests, start, NULL);
}
