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
/* Of mkpasswd, openssl passwd and crypt(3), all "password". */
#define SHA512                                                                           \
	"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"                        \
	"jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
#define SHA512_ROUNDS                                                                    \
	"$6$rounds=1000$f6.g2290G7LsgUHy$d8tFdF8n7wNoGQy4C."                             \
	"RSUF9d7wgdfiQQXEhnzt9SzcifPaWX"                                                 \
	"7EG9WWXE2m2jfQhY93SoAG4FVU21xpmodVASG/"
#define SHA256 "$5$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC."
#define MD5 "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"
#define BCRYPT "$2b$05$OLJLUBYRDYDlWCRZ6jVmleK7gn75.hqG9v0u8qvXcq.96MLcI1Nh2"
#define BCRYPT_A "$2a$05$gjLZJi/CT6.Bn9y4n.vnbeCQmj69.lsq6AJBlNYac4mFaHaLbjVWe"
#define BCRYPT_Y "$2y$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm"
#define YESCRYPT                                                                         \
	"$y$j75$oV1iZrOsUKQlTjdSyPcge/$Ji7D2KhRusYm33fPfdpKeS8/7PWR8.9Q4aLyIBWxlD5"
#define SCRYPT                                                                           \
	"$7$BU..../....sWwSCmSPrxeiczUSPiMg61$7GNGn/Sfkx8z1bM8ikQcX0mTWpcFyCi0QYIHL6/"   \
	"QHC6"
/* SCRAM keys behind their number of iterations, which is 4096 for "password". */
#define KEYS                                                                             \
	",c2FsdHNhbHQ=,yHpjk+qWcZfrC5NiVT6UNcmrE3uC62Yd1qm6M9EQ0dk=,"                    \
	"6IH2OXHom4SeQ1z1AIIIl+5p7tKFSKXHGQFWs2/VRbo="

/* What the dummy asks for; see struct crypto_count. */
#define DUMMY "$argon2id$v=19$m=65536,t=2,p=1$"

unsigned crypto_count;
char crypto_last[crypto_pwhash_STRBYTES];
bool crypto_no_memory;

/*
 * Stands before libsodium's own, so that tests can see that it is called.  The dummy
 * takes longest, and whether it is right is asked for each hash that is none: once is
 * enough.
 */
int
crypto_pwhash_str_verify(const char hash[crypto_pwhash_STRBYTES],
	const char *const password, unsigned long long n)
{
	static char wrong[crypto_pwhash_STRBYTES], wrong_password[64];
	int (*real)(const char *, const char *, unsigned long long);
	int result;

	crypto_count++;
	(void)snprintf(crypto_last, sizeof(crypto_last), "%s", hash);
	if (crypto_no_memory) {
		errno = ENOMEM;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
	assert_non_null(real);
	if (strcmp(hash, wrong) == 0 && n == strlen(wrong_password) &&
		memcmp(password, wrong_password, n) == 0) {
		errno = EINVAL;
		return -1;
	}
	result = real(hash, password, n);
	if (result != 0 && strncmp(hash, DUMMY, strlen(DUMMY)) == 0 &&
		n < sizeof(wrong_password)) {
		(void)snprintf(wrong, sizeof(wrong), "%s", hash);
		(void)snprintf(
			wrong_password, sizeof(wrong_password), "%.*s", (int)n, password);
	}
	return result;
}

static struct password_policy policy;

static enum password_verdict
verify(const char *stored, const char *password)
{
	crypto_count = 0;
	return password_hash_verify(
		&policy, fixture_span(stored), fixture_span(password));
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
hashes_of_others(void **state)
{
	static const char *const stored[] = {SHA512, "{SHA512-CRYPT}" SHA512,
		"{sha512-crypt}" SHA512, "{CRYPT}" SHA512, SHA512_ROUNDS, SHA256,
		"{SHA256-CRYPT}" SHA256, "{CRYPT}" SHA256, BCRYPT, "{BLF-CRYPT}" BCRYPT,
		"{CRYPT}" BCRYPT, BCRYPT_A, "{BLF-CRYPT}" BCRYPT_A, BCRYPT_Y,
		"{BLF-CRYPT}" BCRYPT_Y, YESCRYPT, "{CRYPT}" YESCRYPT, SCRYPT,
		"{CRYPT}" SCRYPT, "{ARGON2}" SMALL, "{ARGON2}" ARGON2I,
		"{SCRAM-SHA-256}4096" KEYS, "{scram-sha-256}4096" KEYS};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		if (verify(stored[i], "password") != PASSWORD_RIGHT)
			fail_msg("\"%s\" is not right", stored[i]);
		if (verify(stored[i], "Password") != PASSWORD_WRONG ||
			verify(stored[i], "") != PASSWORD_WRONG)
			fail_msg("\"%s\" is right for another password", stored[i]);
		assert_int_equal(verify(stored[i], "password ") == PASSWORD_RIGHT, false);
		/* A hash that is cut short is that of no password. */
		(void)snprintf(text, sizeof(text), "%.*s", (int)strlen(stored[i]) - 1,
			stored[i]);
		assert_int_not_equal(verify(text, "password"), PASSWORD_RIGHT);
		(void)snprintf(text, sizeof(text), "%sx", stored[i]);
		assert_int_not_equal(verify(text, "password"), PASSWORD_RIGHT);
	}
}

/* libcrypt takes no longer ones: they match nothing, at the cost of a hash. */
static void
long_passwords(void **state)
{
	char password[1024 + 1];

	(void)state;
	memset(password, 'x', sizeof(password));
	password[1024] = '\0';
	assert_int_equal(verify(SHA512, password), PASSWORD_WRONG);
	assert_int_equal(crypto_count, 1);
	assert_memory_equal(crypto_last, DUMMY, strlen(DUMMY));
	password[512] = '\0';
	assert_int_equal(verify(SHA512, password), PASSWORD_WRONG);
	assert_int_equal(crypto_count, 1);
	password[511] = '\0';
	assert_int_equal(verify(SHA512, password), PASSWORD_WRONG);
	assert_int_equal(crypto_count, 0);
}

/* Each of these is refused, at the cost of a hash, until the configuration permits it. */
static void
weak_schemes_need_leave(void **state)
{
	static const char *const plain[] = {
		"{PLAIN}password", "{CLEARTEXT}password", "{CLEAR}password"};
	static const char *const weak[] = {
		MD5, "{MD5-CRYPT}" MD5, "{MD5}" MD5, "{CRYPT}" MD5};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(verify(plain[i], "password"), PASSWORD_REFUSED);
		assert_int_equal(crypto_count, 1);
		policy.plain = true;
		assert_int_equal(verify(plain[i], "password"), PASSWORD_RIGHT);
		assert_int_equal(crypto_count, 1);
		assert_int_equal(verify(plain[i], "passwore"), PASSWORD_WRONG);
		assert_int_equal(crypto_count, 1);
		assert_int_equal(verify(plain[i], "passwor"), PASSWORD_WRONG);
		policy.plain = false;
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(verify(weak[i], "password"), PASSWORD_REFUSED);
		assert_int_equal(crypto_count, 1);
		policy.weak = true;
		assert_int_equal(verify(weak[i], "password"), PASSWORD_RIGHT);
		assert_int_equal(verify(weak[i], "x"), PASSWORD_WRONG);
		policy.weak = false;
	}
	policy.plain = policy.weak = true;
	assert_int_equal(
		verify("{SCRAM-SHA-256}4095" KEYS, "password"), PASSWORD_REFUSED);
	policy.plain = policy.weak = false;
}

static void
old_hashes(void **state)
{
	static const char *const old[] = {SMALL, ARGON2I, SHA512, BCRYPT, YESCRYPT, MD5,
		"{PLAIN}password", "$argon2id$v=19$m=65535,t=2,p=1$a$b",
		"$argon2id$v=19$m=65536,t=1,p=1$a$b"};
	static const char *const not_old[] = {"$argon2id$v=19$m=65536,t=2,p=1$a$b",
		"{ARGON2ID}$argon2id$v=19$m=1048576,t=3,p=1$a$b",
		("{SCRAM-SHA-256}4096" KEYS), "", "*", "{SHA512}x"};

	(void)state;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		assert_true(password_scheme_is_old(fixture_span(old[i])));
	for (size_t i = 0; i < sizeof(not_old) / sizeof(not_old[0]); i++)
		assert_false(password_scheme_is_old(fixture_span(not_old[i])));
}

static void
costly_hashes(void **state)
{
	(void)state;
	assert_true(password_scheme_is_costly(&policy, fixture_span(SMALL)));
	assert_true(password_scheme_is_costly(&policy, fixture_span(SHA512)));
	assert_false(password_scheme_is_costly(&policy, fixture_span(MD5)));
	assert_false(password_scheme_is_costly(&policy, fixture_span("{PLAIN}x")));
	assert_false(password_scheme_is_costly(&policy, fixture_span("")));
	policy.weak = true;
	assert_true(password_scheme_is_costly(&policy, fixture_span(MD5)));
	policy.weak = false;
}

static void
new_keys_are_right(void **state)
{
	char text[32 + SCRAM_KEYS_TEXT_SIZE] = "{SCRAM-SHA-256}";

	(void)state;
	/* What looks the same is the same: a decomposed and a composed letter. */
	assert_true(password_hash_scram(text + 15, fixture_span("zo\xcc\x88"
								"e")));
	assert_int_equal(verify(text, "z\xc3\xb6"
				      "e"),
		PASSWORD_RIGHT);
	assert_int_equal(verify(text, "zoe"), PASSWORD_WRONG);
	assert_int_equal(password_scheme_keys(fixture_span(text)).n, strlen(text + 15));
	assert_int_equal(password_scheme_keys(fixture_span(SMALL)).n, 0);
	/* Neither Latin-1 nor a control octet can be prepared. */
	assert_false(password_hash_scram(text + 15, fixture_span("z\xf6"
								 "e")));
	assert_false(password_hash_scram(text + 15, fixture_span("a\tb")));
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
	static const char *const stored[] = {"", "{", "{}", "{PLAIN}", "password", "*",
		"{ARGON2ID}", "{ARGON2ID}password", "{ARGON2ID", ("{ARGON2I}" SMALL),
		("{ARGON2ID}" ARGON2I), ("{CRYPT}" SMALL), ("{ARGON2ID.B64}" SMALL),
		"$argon2id$v=19$m=256,t=2,p=1",
		"$argon2id$v=19$m=,t=2,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65",
		"$argon2id$v=19$m=4294967552,t=2,p=1$c29tZXNhbHQ$nf65",
		"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65", "$2y$05$abc",
		("{SHA512-CRYPT}" SHA256), ("{SHA512-CRYPT.B64}" SHA512),
		("{SHA512-CRYPT.HEX}" SHA512), "{PLAIN.b64}cGFzc3dvcmQ=", "{SHA512}x",
		"{SSHA}x", "{CRYPT}iN/RktGWjRdYE", "iN/RktGWjRdYE", ("!" SHA512), "*",
		"$3$$8846f7eaee8fb117ad06bdd830b7586c", "$gy$j75$a$b", "$y$", "$y$j",
		"$y$j7", "$y$j75", "$y$k75$oV1iZrOsUKQlTjdSyPcge/$a", "$y$j75.$oV1$a",
		"$7$", "$7$BU", "$7$B.....0....sWwS$a", "$2b$5$abc", "$2x$05$abc",
		"$6$rounds=$salt$a", "$6$rounds=01000$salt$a", "$6$rounds=1000salt",
		"{SCRAM-SHA-256}x", "{SCRAM-SHA-256}", ("{SCRAM-SHA-256}4096" KEYS "x"),
		("{SCRAM-SHA-1}4096" KEYS)};

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
		"$6$rounds=2000001$saltsalt$x",
		"{SHA256-CRYPT}$5$rounds=999999999$saltsalt$x",
		"$6$rounds=99999999999999999999999$saltsalt$x",
		"$2b$16$OLJLUBYRDYDlWCRZ6jVmleK7gn75.hqG9v0u8qvXcq.96MLcI1Nh2",
		"{BLF-CRYPT}$2y$31$OLJLUBYRDYDlWCRZ6jVmleK7gn75.hqG9v0u8qvXcq.96MLcI1Nh2",
		"$y$jGT$oV1iZrOsUKQlTjdSyPcge/$Ji7D",
		"$y$jjj$oV1iZrOsUKQlTjdSyPcge/$Ji7D",
		"$7$GU....0....sWwSCmSPrxeiczUSPiMg61$7GNG",
		"$7$zU..../....sWwS$7GNG",
		"$7$BzzzzzzzzzzsWwS$7GNG",
		("{SCRAM-SHA-256}5000001" KEYS),
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
		cmocka_unit_test(hashes_of_others),
		cmocka_unit_test(long_passwords),
		cmocka_unit_test(weak_schemes_need_leave),
		cmocka_unit_test(old_hashes),
		cmocka_unit_test(costly_hashes),
		cmocka_unit_test(new_keys_are_right),
		cmocka_unit_test(new_hash_is_right),
		cmocka_unit_test(unsupported_hashes),
		cmocka_unit_test(torn_hashes_are_never_right),
		cmocka_unit_test(excessive_hashes_are_not_tried),
		cmocka_unit_test(no_memory_is_no_verdict),
	};

	return cmocka_run_group_tests_name("password_hash", tests, start, NULL);
}
