#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/ctl/authclient.h"
#include "tests/unit/tests.h"

static struct authclient_message message;

static struct auth_span
span(const char *text)
{
	return (struct auth_span){(const unsigned char *)text, strlen(text)};
}

static struct authclient
client(const char *mechanism, const char *user, const char *secret)
{
	return (struct authclient){.mechanism = mechanism,
		.user = user,
		.secret = span(secret),
		.banner = "<1896.697170952@dbc.mtview.ca.us>"};
}

static void
expect(struct authclient *c, const char *challenge, const void *answer, size_t n)
{
	assert_null(authclient_step(c, span(challenge), &message));
	assert_false(message.nothing);
	assert_int_equal(message.n, n);
	assert_memory_equal(message.p, answer, n);
}

#define EXPECT(c, challenge, literal)                                                    \
	expect((c), (challenge), (literal), sizeof(literal) - 1)

/* Nobody may be drawn into an endless conversation. */
static void
expect_end(struct authclient *c)
{
	assert_non_null(authclient_step(c, span("x"), &message));
	assert_non_null(authclient_step(c, span("x"), &message));
}

static void
passwords_are_sent_as_they_are(void **state)
{
	struct authclient c = client("USER", "ann", "a \001b");

	(void)state;
	EXPECT(&c, "", "ann\0a \001b");
	expect_end(&c);
	c = client("PLAIN", "ann", "secret");
	EXPECT(&c, "", "\0ann\0secret");
	expect_end(&c);
	c = client("LOGIN", "ann", "secret");
	EXPECT(&c, "", "ann");
	EXPECT(&c, "Password:", "secret");
	expect_end(&c);
}

/* RFC 1939 section 7. */
static void
apop_answers_the_greeting(void **state)
{
	struct authclient c = client("APOP", "mrose", "tanstaaf");

	(void)state;
	EXPECT(&c, "", "mrose\0c4c9334bac560ecc979e58001b3e22fb");
	expect_end(&c);
}

/* RFC 2195 section 2. */
static void
cram_md5_answers_the_challenge(void **state)
{
	struct authclient c = client("CRAM-MD5", "tim", "tanstaaftanstaaf");

	(void)state;
	assert_null(authclient_step(&c, span(""), &message));
	assert_true(message.nothing);
	assert_int_equal(message.n, 0);
	EXPECT(&c, "<1896.697170952@postoffice.reston.mci.net>",
		"tim b913a602c7eda7a495b4e6e7334d3890");
	expect_end(&c);
}

#define SERVER_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST "r=" SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static struct authclient
scram_client(const char *user)
{
	struct authclient c = client("SCRAM-SHA-256", user, "pencil");

	memcpy(c.nonce, "rOprNGfwEbeRWgbNEkqO", sizeof("rOprNGfwEbeRWgbNEkqO"));
	return c;
}

/* RFC 7677 section 3. */
static void
scram_proves_and_wants_a_proof(void **state)
{
	struct authclient c = scram_client("user");

	(void)state;
	EXPECT(&c, "", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	EXPECT(&c, SERVER_FIRST,
		"c=biws,r=" SERVER_NONCE
		",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	EXPECT(&c, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "");
	expect_end(&c);
	c = scram_client("user");
	EXPECT(&c, "", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	assert_null(authclient_step(&c, span(SERVER_FIRST), &message));
	assert_non_null(authclient_step(
		&c, span("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &message));
}

static void
scram_believes_no_odd_server(void **state)
{
	static const char *const odd[] = {"", "r=", "e=other-error",
		"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=" SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==",
		"r=" SERVER_NONCE ",s=,i=4096", "r=" SERVER_NONCE ",s=!,i=4096",
		"r=" SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
		"r=" SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1",
		"r=" SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999",
		"r=" SERVER_NONCE ",i=4096,s=W22ZaJ0SNY7soEsUEjb6gQ=="};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct authclient c = scram_client("user");
		assert_null(authclient_step(&c, span(""), &message));
		if (authclient_step(&c, span(odd[i]), &message) == NULL)
			fail_msg("\"%s\" is believed", odd[i]);
	}
}

static void
names_are_escaped_and_nonces_new(void **state)
{
	struct authclient c = scram_client("a,b=c"), other;

	(void)state;
	EXPECT(&c, "", "n,,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO");
	c = client("SCRAM-SHA-256", "u", "x");
	other = c;
	assert_null(authclient_step(&c, span(""), &message));
	assert_null(authclient_step(&other, span(""), &message));
	assert_int_equal(strlen(c.nonce), 24);
	assert_string_not_equal(c.nonce, other.nonce);
}

/* RFC 7628 section 4. */
static void
tokens_are_borne(void **state)
{
	struct authclient c = client("OAUTHBEARER", "a,b", "vF9dft4qmTc2Nvb3RlckBhb");

	(void)state;
	EXPECT(&c, "", "n,a=a=2Cb,\001auth=Bearer vF9dft4qmTc2Nvb3RlckBhb\001\001");
	EXPECT(&c, "{\"status\":\"invalid_token\"}", "\001");
	expect_end(&c);
	c = client("XOAUTH2", "ann", "t");
	EXPECT(&c, "", "user=ann\001auth=Bearer t\001\001");
	EXPECT(&c, "{}", "");
	expect_end(&c);
}

static void
what_is_longest_fits(void **state)
{
	static char token[AUTH_TOKEN_MAX + 1], user[AUTH_USER_MAX + 1];
	struct authclient c;

	(void)state;
	memset(token, 't', sizeof(token) - 1);
	memset(user, '=', sizeof(user) - 1);
	c = client("OAUTHBEARER", user, token);
	assert_null(authclient_step(&c, span(""), &message));
	assert_int_equal(
		message.n, 4 + 3 * AUTH_USER_MAX + 1 + 1 + 12 + AUTH_TOKEN_MAX + 2);
	assert_memory_equal(message.p + message.n - 3, "t\001\001", 3);
}

static void
others_are_unknown(void **state)
{
	struct authclient c = client("EXTERNAL", "ann", "x");

	(void)state;
	assert_true(authclient_knows("SCRAM-SHA-256"));
	assert_false(authclient_knows("EXTERNAL"));
	assert_false(authclient_knows("SCRAM-SHA-256-PLUS"));
	assert_false(authclient_knows("plain"));
	assert_false(authclient_knows(""));
	assert_non_null(authclient_step(&c, span(""), &message));
}

int
test_ctl_auth(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_sent_as_they_are),
		cmocka_unit_test(apop_answers_the_greeting),
		cmocka_unit_test(cram_md5_answers_the_challenge),
		cmocka_unit_test(scram_proves_and_wants_a_proof),
		cmocka_unit_test(scram_believes_no_odd_server),
		cmocka_unit_test(names_are_escaped_and_nonces_new),
		cmocka_unit_test(tokens_are_borne),
		cmocka_unit_test(what_is_longest_fits),
		cmocka_unit_test(others_are_unknown),
	};

	return cmocka_run_group_tests_name("ctl_auth", tests, NULL, NULL);
}
