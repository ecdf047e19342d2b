#include "tests/unit/auth_fixture.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth/apop_digest.h"
#include "tests/unit/tests.h"

static void
assert_digest(const unsigned char digest[APOP_DIGEST_OCTETS], const char *hex)
{
	char text[2 * APOP_DIGEST_OCTETS + 1];

	(void)sodium_bin2hex(text, sizeof(text), digest, APOP_DIGEST_OCTETS);
	assert_string_equal(text, hex);
}

/* RFC 1939 section 7. */
static void
vector_of_apop(void **state)
{
	unsigned char digest[APOP_DIGEST_OCTETS];

	(void)state;
	apop_digest_md5(digest, fixture_span("<1896.697170952@dbc.mtview.ca.us>"),
		fixture_span("tanstaaf"));
	assert_digest(digest, "c4c9334bac560ecc979e58001b3e22fb");
}

/* RFC 2195 section 3. */
static void
vector_of_cram_md5(void **state)
{
	unsigned char digest[APOP_DIGEST_OCTETS];

	(void)state;
	apop_digest_hmac(digest,
		fixture_span("<1896.697170952@postoffice.reston.mci.net>"),
		fixture_span("tanstaaftanstaaf"));
	assert_digest(digest, "b913a602c7eda7a495b4e6e7334d3890");
}

/* RFC 2202 section 2, cases 2, 3, 6 and 7: short, full and over-long keys. */
static void
vectors_of_hmac(void **state)
{
	unsigned char digest[APOP_DIGEST_OCTETS], key[80], text[50];

	(void)state;
	apop_digest_hmac(digest, fixture_span("what do ya want for nothing?"),
		fixture_span("Jefe"));
	assert_digest(digest, "750c783e6ab0b503eaa86e310a5db738");
	memset(key, 0xaa, sizeof(key));
	memset(text, 0xdd, sizeof(text));
	apop_digest_hmac(digest, (struct auth_span){text, sizeof(text)},
		(struct auth_span){key, 16});
	assert_digest(digest, "56be34521d144c88dbb8c733f0e8b3f6");
	apop_digest_hmac(digest,
		fixture_span("Test Using Larger Than Block-Size Key - Hash Key First"),
		(struct auth_span){key, sizeof(key)});
	assert_digest(digest, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
	apop_digest_hmac(digest,
		fixture_span("Test Using Larger Than Block-Size Key and Larger "
			     "Than One Block-Size Data"),
		(struct auth_span){key, sizeof(key)});
	assert_digest(digest, "6f630fad67cda0ee1fb1f562db3aa53e");
}

/* At 64 octets a key is used as it is, at 65 its digest is. */
static void
key_of_one_block(void **state)
{
	unsigned char whole[APOP_DIGEST_OCTETS], longer[APOP_DIGEST_OCTETS],
		hashed[APOP_DIGEST_OCTETS], key[65];
	const struct auth_span text = fixture_span("text"), none = {NULL, 0};

	(void)state;
	memset(key, 'k', sizeof(key));
	apop_digest_hmac(whole, text, (struct auth_span){key, 64});
	assert_digest(whole, "db24ea67182006970b94c91f1de303c5");
	apop_digest_md5(hashed, (struct auth_span){key, 65}, none);
	apop_digest_hmac(longer, text, (struct auth_span){key, 65});
	apop_digest_hmac(whole, text, (struct auth_span){hashed, sizeof(hashed)});
	assert_memory_equal(longer, whole, sizeof(whole));
}

int
test_apop_digest(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_of_apop),
		cmocka_unit_test(vector_of_cram_md5),
		cmocka_unit_test(vectors_of_hmac),
		cmocka_unit_test(key_of_one_block),
	};

	return cmocka_run_group_tests_name("apop_digest", tests, NULL, NULL);
}
