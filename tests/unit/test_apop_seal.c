#include "tests/unit/module_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/apop_seal.h"
#include "tests/unit/tests.h"

static const unsigned char key[APOP_KEY_OCTETS] = "a key of exactly 32 octets.....";
static char sealed[APOP_SEALED_SIZE];
static struct apop_secret secret;
static char logged[256];

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	(void)priority;
	va_start(args, format);
	(void)vsnprintf(logged, sizeof(logged), format, args);
	va_end(args);
}

static int
setup(void **state)
{
	return !apop_seal_start() || fixture_setup(state) != 0;
}

static bool
unseal(const char *user)
{
	return apop_seal_open(&secret, key, user, fixture_span(sealed));
}

static void
sealed_secrets_open(void **state)
{
	char user[AUTH_USER_MAX + 2], text[AUTH_PASSWORD_MAX + 2];

	(void)state;
	memset(user, 'u', sizeof(user));
	memset(text, 's', sizeof(text));
	for (size_t n = 0; n <= AUTH_PASSWORD_MAX; n += n < 130 ? 1 : 149) {
		struct auth_span span = {(const unsigned char *)text, n};

		user[AUTH_USER_MAX - n % AUTH_USER_MAX] = '\0';
		assert_true(apop_seal_close(sealed, key, user, span));
		assert_null(strchr(sealed, ':'));
		assert_true(apop_seal_is_sealed(fixture_span(sealed)));
		assert_true(unseal(user));
		assert_int_equal(secret.n, n);
		assert_memory_equal(secret.p, text, n);
		memset(user, 'u', sizeof(user));
	}
	user[AUTH_USER_MAX] = '\0';
	assert_true(apop_seal_close(sealed, key, user,
		(struct auth_span){(const unsigned char *)text, AUTH_PASSWORD_MAX}));
	assert_true(unseal(user));
	assert_int_equal(secret.n, AUTH_PASSWORD_MAX);
	assert_false(apop_seal_close(sealed, key, user,
		(struct auth_span){(const unsigned char *)text, AUTH_PASSWORD_MAX + 1}));
	user[AUTH_USER_MAX] = 'u';
	user[AUTH_USER_MAX + 1] = '\0';
	assert_false(apop_seal_close(sealed, key, user, fixture_span("s")));
}

static void
no_two_are_alike(void **state)
{
	char other[APOP_SEALED_SIZE];

	(void)state;
	assert_true(apop_seal_close(sealed, key, "jo", fixture_span("tanstaaf")));
	assert_true(apop_seal_close(other, key, "jo", fixture_span("tanstaaf")));
	assert_string_not_equal(sealed, other);
	/* Nor does the length of a short secret show. */
	assert_true(apop_seal_close(other, key, "jo", fixture_span("t")));
	assert_int_equal(strlen(sealed), strlen(other));
}

static void
other_users_and_keys_do_not_open(void **state)
{
	unsigned char other[APOP_KEY_OCTETS];

	(void)state;
	assert_true(apop_seal_close(sealed, key, "jo", fixture_span("tanstaaf")));
	assert_false(unseal("joe"));
	assert_int_equal(secret.n, 0);
	assert_false(unseal("j"));
	assert_false(unseal(""));
	memcpy(other, key, sizeof(other));
	other[31] ^= 1u;
	assert_false(apop_seal_open(&secret, other, "jo", fixture_span(sealed)));
	assert_int_equal(secret.n, 0);
	assert_true(unseal("jo"));
}

static void
changed_octets_do_not_open(void **state)
{
	char good[APOP_SEALED_SIZE];
	size_t n;

	(void)state;
	assert_true(apop_seal_close(good, key, "jo", fixture_span("tanstaaf")));
	n = strlen(good);
	for (size_t i = 0; i < n; i++) {
		memcpy(sealed, good, n + 1);
		sealed[i] = sealed[i] == 'A' ? 'B' : 'A';
		assert_false(unseal("jo"));
		memcpy(sealed, good, n + 1);
		sealed[i] = '\0';
		assert_false(unseal("jo"));
	}
	assert_false(apop_seal_is_sealed(fixture_span("")));
	assert_false(apop_seal_is_sealed(fixture_span("AAAA")));
	memset(sealed, 'A', sizeof(sealed));
	sealed[sizeof(sealed) - 1] = '\0';
	assert_false(unseal("jo"));
}

static void
keys_are_read_with_care(void **state)
{
	const struct auth_host host = {.log = host_log};
	unsigned char got[APOP_KEY_OCTETS];
	const char *path = fixture_path("key");

	(void)state;
	assert_false(apop_seal_read_key(&host, path, got));
	assert_non_null(strstr(logged, "No such file"));
	fixture_write("key", key, sizeof(key), 0600);
	assert_true(apop_seal_read_key(&host, path, got));
	assert_memory_equal(got, key, sizeof(key));
	fixture_write("key", key, sizeof(key), 0640);
	assert_false(apop_seal_read_key(&host, path, got));
	assert_non_null(strstr(logged, "mode 0640 lets others read"));
	fixture_write("key", key, sizeof(key) - 1, 0600);
	assert_false(apop_seal_read_key(&host, path, got));
	assert_non_null(strstr(logged, "not a key of 32 octets"));
	fixture_write("key", "a key of exactly 32 octets......+", 33, 0600);
	assert_false(apop_seal_read_key(&host, path, got));
	if (geteuid() == 0) {
		fixture_write("key", key, sizeof(key), 0600);
		assert_int_equal(chown(path, 4711, 0), 0);
		assert_false(apop_seal_read_key(&host, path, got));
		assert_non_null(strstr(logged, "owned by uid 4711"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
test_apop_seal(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sealed_secrets_open),
		TEST(no_two_are_alike),
		TEST(other_users_and_keys_do_not_open),
		TEST(changed_octets_do_not_open),
		TEST(keys_are_read_with_care),
	};

	return cmocka_run_group_tests_name("apop_seal", tests, NULL, NULL);
}
