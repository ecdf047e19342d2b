#include "tests/unit/jwt_fixture.h"
#include "tests/unit/module_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/credential.h"
#include "tests/unit/tests.h"

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"

static int
setup(void **state)
{
	const char *set = jwt_fixture_set();

	if (fixture_setup(state) != 0)
		return 1;
	fixture_write("jwks", set, strlen(set), 0644);
	module_clear();
	module_set("jwks", fixture_path("jwks"));
	module_set("issuer", "https://id.example.org");
	module_set("audience", "pop3d");
	return 0;
}

static int
teardown(void **state)
{
	module_stop();
	return fixture_teardown(state);
}

/* Claims of jo that hold for a minute, with more members. */
static const char *
claims(const char *members)
{
	static char text[1024];

	(void)snprintf(text, sizeof(text),
		"{\"iss\":\"https://id.example.org\",\"aud\":\"pop3d\",\"sub\":\"jo\","
		"\"exp\":%lld%s}",
		(long long)time(NULL) + 60, members);
	return text;
}

static enum auth_result
ask(const char *token)
{
	return module_ask((struct auth_request){
		.proof = AUTH_PROOF_TOKEN, .user = "", .secret = fixture_span(token)});
}

static void
tokens_of_every_kind_open(void **state)
{
	(void)state;
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_OK);
	assert_string_equal(module_out.identity.user, "jo");
	assert_true(module_out.identity.uid == (uid_t)-1);
	assert_string_equal(module_out.identity.home, "");
	assert_string_equal(module_out.identity.mail, "");
	assert_int_equal(
		ask(jwt_fixture_token("{\"alg\":\"RS256\"}", claims(""), JWT_RS256, 0)),
		AUTH_OK);
	assert_int_equal(ask(jwt_fixture_token("{\"alg\":\"ES256\",\"kid\":\"ec\"}",
				 claims(",\"nbf\":1,\"iat\":1.5"), JWT_ES256, 0)),
		AUTH_OK);
	/* A chroot has no files: the descriptor is enough. */
	module_stop();
	assert_true(module_start("jwt"));
	assert_int_equal(unlink(fixture_path("jwks")), 0);
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_OK);
}

static void
forged_tokens_are_denied(void **state)
{
	const char *jwks = jwt_fixture_jwk(JWT_EDDSA, 0, "");

	(void)state;
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 1)), AUTH_DENY);
	assert_string_equal(module_out.reason, "token: wrong signature");
	assert_string_equal(module_out.identity.user, "");
	assert_int_equal(ask(jwt_fixture_hmac("{\"alg\":\"HS256\"}", claims(""), jwks)),
		AUTH_DENY);
	assert_string_equal(module_out.reason, "token: algorithm is not allowed");
	assert_int_equal(
		ask(jwt_fixture_token("{\"alg\":\"none\"}", claims(""), JWT_EDDSA, 0)),
		AUTH_DENY);
	assert_int_equal(ask(jwt_fixture_token("{\"alg\":\"EdDSA\",\"kid\":\"x\"}",
				 claims(""), JWT_EDDSA, 0)),
		AUTH_DENY);
	assert_string_equal(module_out.reason, "token: no such key");
}

static void
claims_are_checked(void **state)
{
	(void)state;
	module_set("scope", "pop");
	module_set("user_claim", "email");
	module_set("unverified_email", "yes");
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_DENY);
	assert_string_equal(module_out.reason, "token: without the scope");
	assert_int_equal(ask(jwt_fixture_token(
				 HEADER, claims(",\"scope\":\"pop\""), JWT_EDDSA, 0)),
		AUTH_DENY);
	assert_string_equal(module_out.reason, "token: names no user");
	assert_int_equal(
		ask(jwt_fixture_token(HEADER,
			claims(",\"scope\":\"pop\",\"email\":\"jo@example.org\""),
			JWT_EDDSA, 0)),
		AUTH_OK);
	assert_string_equal(module_out.identity.user, "jo@example.org");
	assert_int_equal(ask(jwt_fixture_token(HEADER,
				 "{\"iss\":\"https://id.example.org\",\"aud\":\"pop3d\","
				 "\"scope\":\"pop\",\"email\":\"jo\",\"exp\":1700000000}",
				 JWT_EDDSA, 0)),
		AUTH_DENY);
	assert_string_equal(module_out.reason, "token: expired");
}

/* Of another issuer, or no such thing at all: somebody else may know it. */
static void
foreign_tokens_are_left_to_others(void **state)
{
	(void)state;
	assert_true(module_start("jwt"));
	assert_int_equal(ask("opaque"), AUTH_DENY);
	assert_string_equal(module_out.reason, "no module knows the user");
	assert_non_null(strstr(module_logged, "no JSON Web Token"));
	assert_int_equal(ask(jwt_fixture_token(HEADER, "{\"iss\":\"x\"}", JWT_EDDSA, 0)),
		AUTH_DENY);
	assert_string_equal(module_out.reason, "no module knows the user");
	assert_non_null(strstr(module_logged, "another issuer"));
}

static void
large_tokens(void **state)
{
	char *filler = malloc(60000), *text;
	size_t n;

	(void)state;
	assert_non_null(filler);
	assert_true(module_start("jwt"));
	n = (size_t)snprintf(filler, 60000,
		"{\"iss\":\"https://id.example.org\",\"aud\":\"pop3d\",\"sub\":\"jo\","
		"\"exp\":9999999999,\"x\":\"");
	memset(filler + n, 'x', 48000 - n);
	memcpy(filler + 48000, "\"}", 3);
	text = jwt_fixture_token(HEADER, filler, JWT_EDDSA, 0);
	assert_true(strlen(text) > 64000 && strlen(text) <= AUTH_TOKEN_MAX);
	assert_int_equal(ask(text), AUTH_OK);
	free(filler);
}

static void
wrong_settings_are_refused(void **state)
{
	static const struct {
		const char *key, *value, *said;
	} cases[] = {
		{"jwks", NULL, "jwks is not set"},
		{"issuer", NULL, "issuer is not set"},
		{"issuer", "", "issuer is not set"},
		{"audience", NULL, "audience is not set"},
		{"unverified_email", "perhaps", "expected yes or no"},
		{"leeway", "3601", "leeway: expected"},
		{"leeway", "-1", "leeway: expected"},
		{"leeway", "", "leeway: expected"},
		{"leeway", "1m", "leeway: expected"},
		{"algorithms", "RS256 HS256", "algorithms: HS256, expected"},
		{"algorithms", "none", "algorithms: none, expected"},
		{"algorithms", " ", "algorithms: none is set"},
		{"jwks", "/nonexistent/jwks", "No such file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		module_clear();
		module_set("jwks", fixture_path("jwks"));
		module_set("issuer", "https://id.example.org");
		module_set("audience", "pop3d");
		module_set(cases[i].key, cases[i].value);
		assert_false(module_start("jwt"));
		assert_non_null(strstr(module_logged, cases[i].said));
	}
}

static void
algorithms_can_be_limited(void **state)
{
	(void)state;
	module_set("algorithms", " ES256  RS256 ");
	module_set("leeway", "0");
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_DENY);
	assert_string_equal(module_out.reason, "token: algorithm is not allowed");
	assert_int_equal(ask(jwt_fixture_token("{\"alg\":\"ES256\",\"kid\":\"ec\"}",
				 claims(""), JWT_ES256, 0)),
		AUTH_OK);
}

static void
broken_key_sets_are_a_failure_for_now(void **state)
{
	(void)state;
	fixture_write("jwks", "{\"keys\":", 8, 0644);
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_TEMPFAIL);
	assert_non_null(strstr(module_logged, "no key set with a usable key"));
	module_stop();
	assert_int_equal(truncate(fixture_path("jwks"), 2 << 20), 0);
	assert_true(module_start("jwt"));
	assert_int_equal(
		ask(jwt_fixture_token(HEADER, claims(""), JWT_EDDSA, 0)), AUTH_TEMPFAIL);
	assert_non_null(strstr(module_logged, "too large for a key set"));
	module_stop();
	fixture_write("jwks", "{}", 2, 0646);
	assert_false(module_start("jwt"));
	assert_non_null(strstr(module_logged, "lets others write"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_jwt(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tokens_of_every_kind_open),
		TEST(forged_tokens_are_denied),
		TEST(claims_are_checked),
		TEST(foreign_tokens_are_left_to_others),
		TEST(large_tokens),
		TEST(wrong_settings_are_refused),
		TEST(algorithms_can_be_limited),
		TEST(broken_key_sets_are_a_failure_for_now),
	};

	return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
