#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <string.h>

#include "auth/jwt_claims.h"
#include "tests/unit/tests.h"

#define NOW 1800000000
#define GOOD "\"iss\":\"https://id\",\"aud\":\"mail\",\"exp\":1800000001"

static struct jwt_rules rules;

static int
setup(void **state)
{
	(void)state;
	rules = (struct jwt_rules){.issuer = "https://id",
		.audience = "mail",
		.user_claim = "sub",
		.leeway = 60};
	return 0;
}

/* What is wrong with the claims between the braces, "good" if nothing is. */
static const char *
check(const char *members)
{
	char text[1024];
	json_t *claims;
	const char *fault;

	(void)snprintf(text, sizeof(text), "{%s}", members);
	claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(claims);
	fault = jwt_claims_check(&rules, claims, NOW);
	json_decref(claims);
	return fault != NULL ? fault : "good";
}

#define ASSERT_CHECK(members, fault) assert_string_equal(check(members), fault)

static void
issuer_and_audience(void **state)
{
	(void)state;
	ASSERT_CHECK(GOOD, "good");
	ASSERT_CHECK("\"aud\":\"mail\",\"exp\":1800000001", "another issuer");
	ASSERT_CHECK("\"iss\":\"https://id/\",\"aud\":\"mail\",\"exp\":1800000001",
		"another issuer");
	ASSERT_CHECK("\"iss\":[\"https://id\"],\"aud\":\"mail\",\"exp\":1800000001",
		"another issuer");
	ASSERT_CHECK(
		"\"iss\":\"https://id\",\"aud\":[\"web\",\"mail\"],\"exp\":1800000001",
		"good");
	ASSERT_CHECK("\"iss\":\"https://id\",\"exp\":1800000001", "for another audience");
	ASSERT_CHECK("\"iss\":\"https://id\",\"aud\":[],\"exp\":1800000001",
		"for another audience");
	ASSERT_CHECK("\"iss\":\"https://id\",\"aud\":[1,[\"mail\"]],\"exp\":1800000001",
		"for another audience");
	ASSERT_CHECK("\"iss\":\"https://id\",\"aud\":{\"mail\":1},\"exp\":1800000001",
		"for another audience");
	ASSERT_CHECK("\"iss\":\"https://id\",\"aud\":\"web mail\",\"exp\":1800000001",
		"for another audience");
}

static void
times(void **state)
{
	static const char prefix[] = "\"iss\":\"https://id\",\"aud\":\"mail\"";
	static const struct {
		const char *members;
		const char *fault;
	} cases[] = {
		{"", "no time of expiry"},
		{",\"exp\":\"1800000001\"", "no time of expiry"},
		{",\"exp\":null", "no time of expiry"},
		{",\"exp\":1799999941", "good"},
		{",\"exp\":1799999940.5", "good"},
		{",\"exp\":1799999940", "expired"},
		{",\"exp\":-1", "expired"},
		{",\"exp\":1e300", "good"},
		{",\"exp\":1800000001,\"nbf\":1800000060", "good"},
		{",\"exp\":1800000001,\"nbf\":1800000061", "not valid yet"},
		{",\"exp\":1800000001,\"nbf\":true", "time of beginning is no number"},
		{",\"exp\":1800000001,\"iat\":1800000060", "good"},
		{",\"exp\":1800000001,\"iat\":1800000061", "issued in the future"},
		{",\"exp\":1800000001,\"iat\":\"\"", "time of issue is no number"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", prefix, cases[i].members);
		ASSERT_CHECK(text, cases[i].fault);
	}
	rules.leeway = 0;
	ASSERT_CHECK(GOOD, "good");
	ASSERT_CHECK(
		"\"iss\":\"https://id\",\"aud\":\"mail\",\"exp\":1800000000", "expired");
}

static void
scopes(void **state)
{
	(void)state;
	rules.scope = "pop";
	ASSERT_CHECK(GOOD, "without the scope");
	ASSERT_CHECK(GOOD ",\"scope\":\"pop\"", "good");
	ASSERT_CHECK(GOOD ",\"scope\":\"imap pop smtp\"", "good");
	ASSERT_CHECK(GOOD ",\"scope\":\"imap  pop\"", "good");
	ASSERT_CHECK(GOOD ",\"scope\":[\"imap\",\"pop\"]", "good");
	ASSERT_CHECK(GOOD ",\"scp\":\"imap pop\"", "good");
	ASSERT_CHECK(GOOD ",\"scope\":\"\"", "without the scope");
	ASSERT_CHECK(GOOD ",\"scope\":\"popular imap.pop\"", "without the scope");
	ASSERT_CHECK(GOOD ",\"scope\":[\"imap pop\"]", "without the scope");
	ASSERT_CHECK(GOOD ",\"scope\":1", "without the scope");
}

/* The user that the claims between the braces name, "" if none. */
static const char *
user_of(const char *members)
{
	static char user[AUTH_USER_MAX + 1];
	char text[1024];
	json_t *claims;

	(void)snprintf(text, sizeof(text), "{%s}", members);
	claims = json_loads(text, 0, NULL);
	assert_non_null(claims);
	if (!jwt_claims_user(&rules, claims, user))
		user[0] = '\0';
	json_decref(claims);
	return user;
}

static void
users(void **state)
{
	char text[512];

	(void)state;
	assert_string_equal(user_of("\"sub\":\"jo\",\"email\":\"jo@example.org\""), "jo");
	assert_string_equal(user_of("\"email\":\"jo@example.org\""), "");
	assert_string_equal(user_of("\"sub\":7"), "");
	assert_string_equal(user_of("\"sub\":\"\""), "");
	assert_string_equal(user_of("\"sub\":\"j\\no\""), "");
	(void)snprintf(text, sizeof(text), "\"sub\":\"%0255d\"", 0);
	assert_int_equal(strlen(user_of(text)), 255);
	(void)snprintf(text, sizeof(text), "\"sub\":\"%0256d\"", 0);
	assert_string_equal(user_of(text), "");
	rules.user_claim = "email";
	assert_string_equal(
		user_of("\"sub\":\"jo\",\"email\":\"jo@example.org\""), "jo@example.org");
	rules.user_claim = "sub";
	ASSERT_CHECK(GOOD ",\"email_verified\":false", "good");
}

/* Only what the issuer says it has verified, unless the configuration trusts it all. */
static void
addresses(void **state)
{
	static const char *const unverified[] = {"", ",\"email_verified\":false",
		",\"email_verified\":\"false\"", ",\"email_verified\":\"True\"",
		",\"email_verified\":0", ",\"email_verified\":1",
		",\"email_verified\":null", ",\"email_verified\":[true]"};
	char text[256];

	(void)state;
	rules.user_claim = "email";
	ASSERT_CHECK(GOOD ",\"email_verified\":true", "good");
	ASSERT_CHECK(GOOD ",\"email_verified\":\"true\"", "good");
	for (size_t i = 0; i < sizeof(unverified) / sizeof(unverified[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", GOOD, unverified[i]);
		rules.unverified_email = false;
		ASSERT_CHECK(text, "address is not verified");
		rules.unverified_email = true;
		ASSERT_CHECK(text, "good");
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int
test_jwt_claims(void)
{
	const struct CMUnitTest tests[] = {
		TEST(issuer_and_audience),
		TEST(times),
		TEST(scopes),
		TEST(users),
		TEST(addresses),
	};

	return cmocka_run_group_tests_name("jwt_claims", tests, NULL, NULL);
}
