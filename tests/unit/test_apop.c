#include "tests/unit/module_fixture.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/apop_seal.h"
#include "tests/unit/tests.h"

#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"
#define DIGEST "c4c9334bac560ecc979e58001b3e22fb"

static const unsigned char key[APOP_KEY_OCTETS] = "a key of exactly 32 octets.....";

static int
setup(void **state)
{
	if (!apop_seal_start() || fixture_setup(state) != 0)
		return 1;
	module_clear();
	module_set("file", fixture_path("secrets"));
	module_set("key", fixture_path("key"));
	fixture_write("key", key, sizeof(key), 0600);
	return 0;
}

static int
teardown(void **state)
{
	module_stop();
	return fixture_teardown(state);
}

/* One entry, `rest` behind the secret. */
static void
entry_write(
	const char *user, const char *sealed_for, const char *secret, const char *rest)
{
	char sealed[APOP_SEALED_SIZE], text[4096];
	int n;

	assert_true(apop_seal_close(sealed, key, sealed_for, fixture_span(secret)));
	n = snprintf(
		text, sizeof(text), "# secrets\n%s:%s%s\nlast:\n", user, sealed, rest);
	assert_true(n > 0);
	fixture_write("secrets", text, (size_t)n, 0600);
	assert_true(module_start("apop"));
}

static enum auth_result
ask(enum auth_proof proof, const char *user, const char *digest, const char *challenge)
{
	return module_ask((struct auth_request){.proof = proof,
		.user = user,
		.secret = fixture_span(digest),
		.challenge = fixture_span(challenge)});
}

static void
apop_opens(void **state)
{
	(void)state;
	entry_write("mrose", "mrose", "tanstaaf",
		":1000:100::/home/m::userdb_mail=maildir:~/M");
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", DIGEST, TIMESTAMP), AUTH_OK);
	assert_string_equal(module_out.identity.user, "mrose");
	assert_int_equal(module_out.identity.uid, 1000);
	assert_int_equal(module_out.identity.gid, 100);
	assert_string_equal(module_out.identity.home, "/home/m");
	assert_string_equal(module_out.identity.mail, "maildir:~/M");
	/* In either case. */
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", "C4C9334BAC560ECC979E58001B3E22FB",
				 TIMESTAMP),
		AUTH_OK);
}

static void
cram_md5_opens(void **state)
{
	static const char challenge[] = "<1896.697170952@postoffice.reston.mci.net>";

	(void)state;
	entry_write("tim", "tim", "tanstaaftanstaaf", "");
	assert_int_equal(ask(AUTH_PROOF_CRAM_MD5, "tim",
				 "b913a602c7eda7a495b4e6e7334d3890", challenge),
		AUTH_OK);
	assert_true(module_out.identity.uid == (uid_t)-1);
	/* The digest of one mechanism is none of the other. */
	assert_int_equal(ask(AUTH_PROOF_APOP, "tim", "b913a602c7eda7a495b4e6e7334d3890",
				 challenge),
		AUTH_DENY);
}

static void
wrong_digests_are_denied(void **state)
{
	char digest[] = DIGEST;

	(void)state;
	entry_write("mrose", "mrose", "tanstaaf", "");
	for (size_t i = 0; i < strlen(digest); i++) {
		digest[i] = digest[i] == '0' ? '1' : '0';
		assert_int_equal(
			ask(AUTH_PROOF_APOP, "mrose", digest, TIMESTAMP), AUTH_DENY);
		assert_string_equal(module_out.reason, "wrong secret");
		digest[i] = DIGEST[i];
	}
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", DIGEST, "<1@x>"), AUTH_DENY);
	assert_int_equal(ask(AUTH_PROOF_APOP, "mros", DIGEST, TIMESTAMP), AUTH_DENY);
	assert_string_equal(module_out.reason, "no module knows the user");
	/* Nobody's secret opens nothing: neither an empty field nor an empty secret. */
	assert_int_equal(ask(AUTH_PROOF_APOP, "last", DIGEST, TIMESTAMP), AUTH_DENY);
	assert_string_equal(module_out.reason, "no secret is set");
	assert_int_equal(module_ask((struct auth_request){.proof = AUTH_PROOF_PASSWORD,
				 .user = "mrose",
				 .secret = fixture_span("tanstaaf")}),
		AUTH_DENY);
}

static void
flags_deny(void **state)
{
	static const char *const flags[] = {"nologin", "nopassword", "allow_nets=::1"};
	char rest[64];

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		(void)snprintf(rest, sizeof(rest), "::::::%s", flags[i]);
		entry_write("mrose", "mrose", "tanstaaf", rest);
		assert_int_equal(
			ask(AUTH_PROOF_APOP, "mrose", DIGEST, TIMESTAMP), AUTH_DENY);
		assert_string_not_equal(module_out.reason, "wrong secret");
		module_stop();
	}
}

static void
moved_and_broken_entries_fail(void **state)
{
	(void)state;
	/* Mallory gives herself the secret she knows under the name of another. */
	entry_write("mrose", "mallory", "tanstaaf", "");
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", DIGEST, TIMESTAMP), AUTH_TEMPFAIL);
	assert_non_null(strstr(module_logged, "secrets:2: secret was not sealed"));
	module_stop();
	entry_write("mrose", "mrose", "tanstaaf", ":x");
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", DIGEST, TIMESTAMP), AUTH_TEMPFAIL);
	assert_non_null(strstr(module_logged, "uid is not a number"));
	assert_int_equal(ask(AUTH_PROOF_APOP, "last", DIGEST, TIMESTAMP), AUTH_DENY);
	module_stop();
	fixture_write("secrets", "mrose:{PLAIN}tanstaaf\n", 22, 0600);
	assert_true(module_start("apop"));
	assert_int_equal(ask(AUTH_PROOF_APOP, "mrose", DIGEST, TIMESTAMP), AUTH_TEMPFAIL);
}

static void
unsafe_files_are_refused(void **state)
{
	(void)state;
	assert_false(module_start("apop"));
	assert_non_null(strstr(module_logged, "secrets: No such file"));
	fixture_write("secrets", "", 0, 0602);
	assert_false(module_start("apop"));
	fixture_write("secrets", "", 0, 0600);
	assert_true(module_start("apop"));
	module_stop();
	fixture_write("key", key, sizeof(key), 0604);
	assert_false(module_start("apop"));
	assert_int_equal(unlink(fixture_path("key")), 0);
	assert_false(module_start("apop"));
	assert_non_null(strstr(module_logged, "key: No such file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_apop(void)
{
	const struct CMUnitTest tests[] = {
		TEST(apop_opens),
		TEST(cram_md5_opens),
		TEST(wrong_digests_are_denied),
		TEST(flags_deny),
		TEST(moved_and_broken_entries_fail),
		TEST(unsafe_files_are_refused),
	};

	return cmocka_run_group_tests_name("apop", tests, NULL, NULL);
}
