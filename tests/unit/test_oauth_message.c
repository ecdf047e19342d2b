#include "tests/unit/auth_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "auth/credential.h"
#include "auth/oauth_message.h"
#include "tests/unit/tests.h"

#define TOKEN "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

static struct oauth_message message;

static void
assert_span(struct auth_span span, const char *text)
{
	assert_non_null(span.p);
	assert_int_equal(span.n, strlen(text));
	assert_memory_equal(span.p, text, span.n);
}

/* RFC 7628 section 4.1 and 4.3. */
static void
examples_of_the_standard(void **state)
{
	(void)state;
	assert_null(oauth_message_parse_bearer(
		fixture_span("n,a=user@example.com,\1host=server.example.com\1port=143\1"
			     "auth=Bearer " TOKEN "\1\1"),
		&message));
	assert_string_equal(message.user, "user@example.com");
	assert_span(message.host, "server.example.com");
	assert_span(message.port, "143");
	assert_span(oauth_message_token(message.auth), TOKEN);
	assert_null(oauth_message_parse_bearer(
		fixture_span("n,a=user@example.com,\1host=server.example.com\1port=143\1"
			     "auth=\1\1"),
		&message));
	assert_int_equal(message.auth.n, 0);
	assert_null(oauth_message_token(message.auth).p);
}

static void
good_messages(void **state)
{
	(void)state;
	assert_null(oauth_message_parse_bearer(
		fixture_span("n,,\1auth=bearer x\1\1"), &message));
	assert_string_equal(message.user, "");
	assert_null(message.host.p);
	assert_span(oauth_message_token(message.auth), "x");
	assert_null(oauth_message_parse_bearer(
		fixture_span(
			"y,a=a=2Cb=3Dc@d,\1qs=\1auth=BEARER   a.b~c\1new=a=b \t\r\n\1\1"),
		&message));
	assert_string_equal(message.user, "a,b=c@d");
	assert_span(oauth_message_token(message.auth), "a.b~c");
	assert_null(oauth_message_parse_xoauth2(
		fixture_span("user=some=user@example.com\1auth=Bearer ya29.x\1\1"),
		&message));
	assert_string_equal(message.user, "some=user@example.com");
	assert_span(oauth_message_token(message.auth), "ya29.x");
}

static void
malformed_bearer_messages(void **state)
{
	static const char *const messages[] = {"", "\1", "\1\1", "n", "n,", "n,,",
		"n,,\1", "n,,\1\1", "n,,auth=Bearer x\1\1", "n,,\1auth=Bearer x",
		"n,,\1auth=Bearer x\1", "n,,\1auth=Bearer x\1\1\1",
		"n,,\1auth=Bearer x\1\1auth=Bearer x\1\1",
		"n,,\1auth=Bearer x\1auth=Bearer x\1\1",
		"n,,\1auth=Bearer x\1host=a\1host=b\1\1", "n,,\1auth\1\1",
		"n,,\1=x\1auth=Bearer x\1\1", "n,,\1a1=x\1auth=Bearer x\1\1",
		"n,,\1host=x\1\1", "n,,\1auth=Bearer \x02\1\1",
		"n,,\1auth=Bearer \x7f\1\1", "n,,\1auth=Bearer \xe9\1\1",
		"n,a=,\1auth=Bearer x\1\1", "n,user=jo,\1auth=Bearer x\1\1",
		"n,b=jo,\1auth=Bearer x\1\1", "n,a=j=o,\1auth=Bearer x\1\1",
		"n,a=jo=,\1auth=Bearer x\1\1", "n,a=jo=2,\1auth=Bearer x\1\1",
		"n,a=jo=2c,\1auth=Bearer x\1\1", "n,a=jo=3C,\1auth=Bearer x\1\1",
		"n,a=j\no,\1auth=Bearer x\1\1", "N,,\1auth=Bearer x\1\1",
		"F,n,,\1auth=Bearer x\1\1", "p=tls-exporter,,\1auth=Bearer x\1\1",
		"n,,\1port=\1auth=Bearer x\1\1", "n,,\1port=0110\1auth=Bearer x\1\1",
		"n,,\1port=65536\1auth=Bearer x\1\1", "n,,\1port=11x\1auth=Bearer x\1\1",
		"n,,\1port=110110\1auth=Bearer x\1\1"};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (oauth_message_parse_bearer(fixture_span(messages[i]), &message) ==
			NULL)
			fail_msg("taken: message %zu", i);
	/* A NUL is like any other control byte. */
	assert_non_null(oauth_message_parse_bearer(
		(struct auth_span){
			(const unsigned char *)"n,,\1auth=Bearer x\0y\1\1", 20},
		&message));
	assert_non_null(oauth_message_parse_bearer(
		(struct auth_span){
			(const unsigned char *)"n,a=j\0o,\1auth=Bearer x\1\1", 24},
		&message));
}

static void
malformed_xoauth2_messages(void **state)
{
	static const char *const messages[] = {"", "\1", "user=", "user=jo", "user=jo\1",
		"user=jo\1\1", "user=\1auth=Bearer x\1\1", "usr=jo\1auth=Bearer x\1\1",
		"auth=Bearer x\1\1", "auth=Bearer x\1user=jo\1\1",
		"user=j\no\1auth=Bearer x\1\1", "user=jo\1auth=Bearer x\1",
		"user=jo\1auth=Bearer x\1\1\n", "n,a=jo,\1auth=Bearer x\1\1"};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (oauth_message_parse_xoauth2(fixture_span(messages[i]), &message) ==
			NULL)
			fail_msg("taken: message %zu", i);
}

static void
tokens_and_other_credentials(void **state)
{
	static const char *const none[] = {"", "Bearer", "Bearer ", "Bearer  ",
		"Basic abc", "BearerX abc", "Bearer a b", "Bearer =", "Bearer a=b",
		"Bearer a\"", "Bearer a,b", " Bearer abc", "Bearer a "};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (oauth_message_token(fixture_span(none[i])).p != NULL)
			fail_msg("taken: %s", none[i]);
	assert_span(
		oauth_message_token(fixture_span("Bearer aZ09-._~+/==")), "aZ09-._~+/==");
}

static void
limits_of_length(void **state)
{
	size_t n = 7 + AUTH_TOKEN_MAX + 1;
	char *text = malloc(n), user[AUTH_USER_MAX * 3 + 64];

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text, "Bearer ", 7);
	assert_int_equal(
		oauth_message_token((struct auth_span){(unsigned char *)text, n - 1}).n,
		AUTH_TOKEN_MAX);
	assert_null(oauth_message_token((struct auth_span){(unsigned char *)text, n}).p);
	free(text);
	memcpy(user, "n,a=", 4);
	for (size_t i = 0; i < AUTH_USER_MAX + 1; i++)
		memcpy(user + 4 + 3 * i, "=2C", 3);
	memcpy(user + 4 + (size_t)3 * AUTH_USER_MAX, ",\1auth=\1\1", 10);
	assert_null(oauth_message_parse_bearer(fixture_span(user), &message));
	assert_int_equal(strlen(message.user), AUTH_USER_MAX);
	memcpy(user + 4 + (size_t)3 * AUTH_USER_MAX, "x,\1auth=\1\1", 11);
	assert_non_null(oauth_message_parse_bearer(fixture_span(user), &message));
}

int
test_oauth_message(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_standard),
		cmocka_unit_test(good_messages),
		cmocka_unit_test(malformed_bearer_messages),
		cmocka_unit_test(malformed_xoauth2_messages),
		cmocka_unit_test(tokens_and_other_credentials),
		cmocka_unit_test(limits_of_length),
	};

	return cmocka_run_group_tests_name("oauth_message", tests, NULL, NULL);
}
