#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/scram.h"
#include "auth/scram_keys.h"
#include "tests/unit/tests.h"

/* The exchange of RFC 7677 section 3. */
#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define NONCE CLIENT_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CLIENT_FIRST "n,,n=user,r=" CLIENT_NONCE
#define SERVER_FIRST "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define WITHOUT_PROOF "c=biws,r=" NONCE
#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

/* Parsers get exactly the octets, on the heap, for the sanitizers to watch. */
static unsigned char *heap;

static struct auth_span
on_heap(const char *text, size_t n)
{
	free(heap);
	heap = malloc(n > 0 ? n : 1);
	assert_non_null(heap);
	memcpy(heap, text, n);
	return (struct auth_span){heap, n};
}

static void
span_equals(struct auth_span span, const char *text)
{
	assert_int_equal(span.n, strlen(text));
	assert_memory_equal(span.p, text, span.n);
}

static struct auth_scram
pencil(void)
{
	static const char salt[] = "W22ZaJ0SNY7soEsUEjb6gQ==";
	struct auth_scram keys = {.iterations = 4096};
	size_t n;

	assert_true(
		base64_decode(salt, sizeof(salt) - 1, keys.salt, sizeof(keys.salt), &n));
	keys.salt_octets = (uint32_t)n;
	scram_keys_derive(&keys, fixture_span("pencil"));
	return keys;
}

static void
exchange_of_the_rfc(void **state)
{
	const struct auth_scram keys = pencil();
	unsigned char signature[AUTH_KEY_OCTETS];
	char text[BASE64_ENCODED(AUTH_KEY_OCTETS)];
	struct scram_exchange exchange;
	struct scram_first first;
	struct scram_final final;

	(void)state;
	assert_null(scram_first_parse(fixture_span(CLIENT_FIRST), &first));
	assert_int_equal(first.flag, SCRAM_NO_BINDING);
	span_equals(first.header, "n,,");
	span_equals(first.name, "user");
	span_equals(first.nonce, CLIENT_NONCE);
	assert_null(scram_final_parse(fixture_span(WITHOUT_PROOF ",p=" PROOF), &final));
	span_equals(final.binding, "biws");
	span_equals(final.nonce, NONCE);
	span_equals(final.without_proof, WITHOUT_PROOF);
	exchange = (struct scram_exchange){
		first.bare, fixture_span(SERVER_FIRST), final.without_proof};
	assert_true(scram_proof_check(keys.stored_key, &exchange, final.proof));
	scram_sign(keys.server_key, &exchange, signature);
	assert_int_equal(base64_encode(signature, sizeof(signature), text), sizeof(text));
	assert_memory_equal(text, SIGNATURE, sizeof(text));
	/* Another word anywhere, and it is another exchange. */
	exchange.server_first = fixture_span(SERVER_FIRST "7");
	assert_false(scram_proof_check(keys.stored_key, &exchange, final.proof));
	exchange.server_first = fixture_span(SERVER_FIRST);
	final.proof[31] ^= 1;
	assert_false(scram_proof_check(keys.stored_key, &exchange, final.proof));
}

static void
first_messages(void **state)
{
	struct scram_first first;

	(void)state;
	assert_null(scram_first_parse(
		fixture_span("p=tls-exporter,a=j=2Co,n=j=2Co,r=x,x=1,y=="), &first));
	assert_int_equal(first.flag, SCRAM_BINDING);
	span_equals(first.binding, "tls-exporter");
	span_equals(first.authzid, "j=2Co");
	span_equals(first.name, "j=2Co");
	span_equals(first.header, "p=tls-exporter,a=j=2Co,");
	span_equals(first.bare, "n=j=2Co,r=x,x=1,y==");
	assert_null(scram_first_parse(fixture_span("y,,n=\xc3\xbc,r=x"), &first));
	assert_int_equal(first.flag, SCRAM_BINDING_UNUSED);
	assert_int_equal(first.authzid.n, 0);
}

static void
malformed_first_messages(void **state)
{
	static const char *const messages[] = {"", ",", ",,", "n", "n,", "n,,", "n,,,",
		"x,,n=u,r=x", "N,,n=u,r=x", "nn,,n=u,r=x", "n=,,n=u,r=x", "p,,n=u,r=x",
		"p=,,n=u,r=x", "p=tls_x,,n=u,r=x", "n,n=u,r=x", "n,a=,n=u,r=x",
		"n,b=u,n=u,r=x", "n,au,n=u,r=x", "n,,r=x,n=u", "n,,n=u", "n,,n=u,",
		"n,,n=,r=x", "n,,n=u,r=", "n,,n=u,r=x,", "n,,n=u,r=x,,", "n,,n=u,r=x,x",
		"n,,n=u,r=x,x=", "n,,n=u,r=x,1=y", "n,,n=u,r=x,xy=z", "n,,n=u,r=x y",
		"n,,n=u,r=x\x7f", "n,,n=u,r=\xc3\xbc", "n,,m=1,n=u,r=x", "n,,n=u,r=x,m=1",
		"n,,u,r=x", "n,,n=\xc3,r=x", "n,,n=\xc0\xaf,r=x", "n,,n=\xed\xa0\x80,r=x",
		"n,,n=\xf4\x90\x80\x80,r=x", "n,,n=\xff,r=x", "n,,n=\xe0\x80\xaf,r=x",
		" n,,n=u,r=x", "F,n,,n=u,r=x"};
	struct scram_first first;
	char text[SCRAM_MESSAGE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (scram_first_parse(
			    on_heap(messages[i], strlen(messages[i])), &first) == NULL)
			fail_msg("\"%s\" was taken", messages[i]);
	assert_non_null(scram_first_parse(on_heap("n,,n=u\0v,r=x", 12), &first));
	assert_string_equal(scram_first_parse(fixture_span("n,,m=1,n=u,r=x"), &first),
		"mandatory extension that is not supported");
	memset(text, 'x', sizeof(text));
	memcpy(text, "n,,n=u,r=", 9);
	assert_null(scram_first_parse(on_heap(text, 9 + SCRAM_NONCE_MAX), &first));
	assert_non_null(scram_first_parse(on_heap(text, 10 + SCRAM_NONCE_MAX), &first));
	memcpy(text, "n,,n=u,r=x,x=", 13);
	assert_null(scram_first_parse(on_heap(text, SCRAM_MESSAGE_MAX), &first));
	assert_non_null(scram_first_parse(on_heap(text, SCRAM_MESSAGE_MAX + 1), &first));
}

static void
malformed_final_messages(void **state)
{
	static const char *const messages[] = {"", ",", "p=" PROOF, ",p=" PROOF,
		"c=biws,p=" PROOF, "r=x,c=biws,p=" PROOF, "c=biws,r=x", "c=,r=x,p=" PROOF,
		"c=biws,r=,p=" PROOF, "c=biws,r=x,p=", "c=biws,r=x,p=biws",
		"c=biws,r=x,p=" PROOF "=", "c=biws,r=x,p=" PROOF ",x=1",
		"c=biws,r=x,,p=" PROOF, "c=biws,r=x,m=1,p=" PROOF,
		"m=1,c=biws,r=x,p=" PROOF, "c=biws,r=x,p=\n" PROOF, "c=biws,r=x,P=" PROOF,
		"c=biws,r=x,p=" PROOF "AAAA",
		"c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR="};
	struct scram_final final;

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (scram_final_parse(
			    on_heap(messages[i], strlen(messages[i])), &final) == NULL)
			fail_msg("\"%s\" was taken", messages[i]);
	assert_null(scram_final_parse(fixture_span("c=biws,r=x,x=1,p=" PROOF), &final));
	span_equals(final.without_proof, "c=biws,r=x,x=1");
}

static void
names(void **state)
{
	char name[AUTH_USER_MAX], text[AUTH_USER_MAX + 2];
	size_t n;

	(void)state;
	assert_true(scram_name_decode(fixture_span("a=2Cb=3Dc=3D"), name, &n));
	assert_int_equal(n, 6);
	assert_memory_equal(name, "a,b=c=", 6);
	assert_false(scram_name_decode(on_heap("=", 1), name, &n));
	assert_false(scram_name_decode(on_heap("a=2", 3), name, &n));
	assert_false(scram_name_decode(fixture_span("a=2c"), name, &n));
	assert_false(scram_name_decode(fixture_span("a=3d"), name, &n));
	assert_false(scram_name_decode(fixture_span("a=41"), name, &n));
	assert_false(scram_name_decode(fixture_span("=="), name, &n));
	memset(text, 'x', sizeof(text));
	assert_true(scram_name_decode(on_heap(text, AUTH_USER_MAX), name, &n));
	assert_false(scram_name_decode(on_heap(text, AUTH_USER_MAX + 1), name, &n));
}

static void
keys_as_text(void **state)
{
	struct auth_scram keys = pencil(), again;
	char text[SCRAM_KEYS_TEXT_SIZE];

	(void)state;
	assert_true(scram_keys_format(&keys, text));
	assert_memory_equal(text, "4096,W22ZaJ0SNY7soEsUEjb6gQ==,", 30);
	assert_int_equal(scram_keys_parse(fixture_span(text), &again), SCRAM_KEYS_GOOD);
	assert_memory_equal(&again, &keys, sizeof(keys));
	assert_true(scram_keys_match(&again, fixture_span("pencil")));
	assert_false(scram_keys_match(&again, fixture_span("Pencil")));
	assert_false(scram_keys_match(&again, fixture_span("")));
	keys.iterations = UINT32_MAX;
	assert_true(scram_keys_format(&keys, text));
	keys.salt_octets = SCRAM_SALT_NEW + 1;
	assert_false(scram_keys_format(&keys, text));
}

#define KEY "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void
malformed_keys(void **state)
{
	static const struct {
		const char *text;
		enum scram_keys_fault fault;
	} keys[] = {
		{"4096,c2FsdA==," KEY "," KEY, SCRAM_KEYS_GOOD},
		{"4095,c2FsdA==," KEY "," KEY, SCRAM_KEYS_WEAK},
		{"5000000,c2FsdA==," KEY "," KEY, SCRAM_KEYS_GOOD},
		{"5000001,c2FsdA==," KEY "," KEY, SCRAM_KEYS_EXCESSIVE},
		{"4294967296,c2FsdA==," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{"04096,c2FsdA==," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{"+4096,c2FsdA==," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{",c2FsdA==," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{"4096,," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{"4096,c2FsdA," KEY "," KEY, SCRAM_KEYS_MALFORMED},
		{"4096,c2FsdA==,c2FsdA==," KEY, SCRAM_KEYS_MALFORMED},
		{"4096,c2FsdA==," KEY ",", SCRAM_KEYS_MALFORMED},
		{"4096,c2FsdA==," KEY, SCRAM_KEYS_MALFORMED},
		{"4096,c2FsdA==," KEY "," KEY ",", SCRAM_KEYS_MALFORMED},
		{"4096", SCRAM_KEYS_MALFORMED},
		{"", SCRAM_KEYS_MALFORMED},
	};
	struct auth_scram parsed;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (scram_keys_parse(on_heap(keys[i].text, strlen(keys[i].text)),
			    &parsed) != keys[i].fault)
			fail_msg("\"%s\" is judged wrong", keys[i].text);
}

static int
end(void **state)
{
	(void)state;
	free(heap);
	heap = NULL;
	return 0;
}

int
test_scram(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange_of_the_rfc),
		cmocka_unit_test(first_messages),
		cmocka_unit_test(malformed_first_messages),
		cmocka_unit_test(malformed_final_messages),
		cmocka_unit_test(names),
		cmocka_unit_test(keys_as_text),
		cmocka_unit_test(malformed_keys),
	};

	return cmocka_run_group_tests_name("scram", tests, NULL, end);
}
