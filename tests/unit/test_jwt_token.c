#include "tests/unit/jwt_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt_token.h"
#include "tests/unit/tests.h"

static struct jwt_token token;

/* From a copy of the exact size, for the sanitizers to watch. */
static bool
parse(const char *text)
{
	size_t n = strlen(text);
	unsigned char *copy = malloc(n > 0 ? n : 1);
	bool good;

	assert_non_null(copy);
	memcpy(copy, text, n);
	good = jwt_token_parse(&token, (struct auth_span){copy, n});
	free(copy);
	return good;
}

static bool
parse_json(const char *header, const char *claims)
{
	char text[4096];
	bool good;

	(void)snprintf(text, sizeof(text), "%s.%s.AAAA",
		jwt_fixture_encode(header, strlen(header)),
		jwt_fixture_encode(claims, strlen(claims)));
	good = parse(text);
	if (good)
		jwt_token_free(&token);
	return good;
}

/* RFC 7515 appendix A.1: the parts, and where the signature is over. */
static void
example_of_the_standard(void **state)
{
	static const char text[] =
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJle"
		"HAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
		"lfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

	(void)state;
	assert_true(jwt_token_parse(&token, fixture_span(text)));
	assert_string_equal(
		json_string_value(json_object_get(token.header, "alg")), "HS256");
	assert_int_equal(
		json_integer_value(json_object_get(token.claims, "exp")), 1300819380);
	assert_int_equal(token.signature_n, 32);
	assert_int_equal(token.signature[0], 116);
	assert_int_equal(token.covered.n, strrchr(text, '.') - text);
	jwt_token_free(&token);
}

static void
malformed_tokens(void **state)
{
	static const char *const texts[] = {"", ".", "..", "...", "e30", "e30.e30",
		"e30.e30.", "e30.e30.A", "e30.e30.AAAA.", "e30.e30.AAAA.AAAA",
		".e30.AAAA", "e30..AAAA", "e30=.e30.AAAA", "e30.e30.AA==", "e30.e30.AAB",
		"e30 .e30.AAAA", "e30.e30.AA+A", "e30.e30.AA/A", "e30.e30\n.AAAA",
		"e30.e30.AA\x80g", "e30.e30.AA\xffg", "e31.e30.AAAA", "W10.e30.AAAA",
		"e30.W10.AAAA", "MQ.e30.AAAA", "bnVsbA.e30.AAAA"};

	(void)state;
	assert_true(parse("e30.e30.AAAA"));
	jwt_token_free(&token);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i]))
			fail_msg("taken: %s", texts[i]);
}

static void
malformed_json(void **state)
{
	char deep[4000];

	(void)state;
	assert_true(parse_json("{\"alg\":\"x\"}", "{}"));
	assert_false(parse_json("{\"alg\":\"RS256\",\"alg\":\"none\"}", "{}"));
	assert_false(parse_json("{}", "{\"sub\":\"a\",\"sub\":\"b\"}"));
	assert_false(parse_json("{}", "{\"aud\":{\"a\":1,\"a\":2}}"));
	assert_false(parse_json("{\"crit\":[\"exp\"]}", "{}"));
	assert_false(parse_json("{\"crit\":null}", "{}"));
	assert_false(parse_json("{}{}", "{}"));
	assert_false(parse_json("{}", "{\"sub\":\"a\\u0000b\"}"));
	assert_false(parse_json("{}", "{\"sub\":\"\xff\"}"));
	assert_false(parse_json("{}", "{\"exp\":1e999}"));
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	memcpy(deep, "{\"a\":", 5);
	deep[2500] = '\0';
	assert_false(parse_json("{}", deep));
}

static void
signatures_have_a_limit(void **state)
{
	char text[8 + (JWT_SIGNATURE_MAX + 3) * 4 / 3 + 8];
	size_t n = ((size_t)JWT_SIGNATURE_MAX - 2) / 3 * 4;

	(void)state;
	memset(text, 'A', sizeof(text));
	memcpy(text, "e30.e30.", 8);
	text[8 + n] = '\0';
	assert_true(parse(text));
	assert_int_equal(token.signature_n, n / 4 * 3);
	jwt_token_free(&token);
	text[8 + n] = 'A';
	text[8 + n + 4] = '\0';
	assert_false(parse(text));
}

int
test_jwt_token(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_standard),
		cmocka_unit_test(malformed_tokens),
		cmocka_unit_test(malformed_json),
		cmocka_unit_test(signatures_have_a_limit),
	};

	return cmocka_run_group_tests_name("jwt_token", tests, NULL, NULL);
}
