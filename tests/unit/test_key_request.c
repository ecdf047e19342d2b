#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/tls/key_request.h"
#include "tests/unit/tests.h"

#define CONTEXT "TLS 1.3, server CertificateVerify"
#define START (64 + sizeof(CONTEXT))

static unsigned char text[1024];

/* The text of a CertificateVerify over a hash of so many octets; its length. */
static size_t
verify(size_t hash)
{
	memset(text, ' ', 64);
	memcpy(text + 64, CONTEXT, sizeof(CONTEXT));
	memset(text + START, 0xab, hash);
	return START + hash;
}

/* Randoms, a curve's number and a point of so many octets. */
static size_t
curve(unsigned char number, size_t point)
{
	memset(text, 0x11, 64);
	text[64] = 3;
	text[65] = 0;
	text[66] = number;
	text[67] = (unsigned char)point;
	memset(text + 68, 0xcd, point);
	text[68] = number < 29 ? 4 : 0xcd;
	return 68 + point;
}

static bool
is_of_tls(const unsigned char *p, size_t n)
{
	return key_text_is_of_tls(p, n, true);
}

static void
texts_of_tls_are_known(void **state)
{
	(void)state;
	assert_true(is_of_tls(text, verify(32)));
	assert_true(is_of_tls(text, verify(48)));
	assert_true(is_of_tls(text, verify(64)));
	assert_true(is_of_tls(text, curve(29, 32)));
	assert_true(is_of_tls(text, curve(23, 65)));
	assert_true(is_of_tls(text, curve(24, 97)));
	assert_true(is_of_tls(text, curve(25, 133)));
}

static void
a_certificate_verify_is_exact(void **state)
{
	size_t n;

	(void)state;
	assert_false(is_of_tls(text, verify(31)));
	assert_false(is_of_tls(text, verify(65)));
	for (size_t i = 0; i < START; i++) {
		n = verify(32);
		text[i] ^= 1;
		assert_false(is_of_tls(text, n));
	}
	/* What a client signs. */
	n = verify(32);
	memcpy(text + 64, "TLS 1.3, client CertificateVerify", sizeof(CONTEXT));
	assert_false(is_of_tls(text, n));
}

static void
parameters_are_exact(void **state)
{
	size_t n = curve(23, 65);

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		assert_false(is_of_tls(text, cut));
	assert_false(is_of_tls(text, n + 1));
	/* Where only TLS 1.3 is spoken there is none. */
	assert_true(is_of_tls(text, n));
	assert_false(key_text_is_of_tls(text, n, false));
	/* A compressed point, and a curve that the server makes up. */
	text[68] = 2;
	assert_false(is_of_tls(text, n));
	text[68] = 4;
	text[64] = 1;
	assert_false(is_of_tls(text, n));
	/* Room for more than a point: what a certificate would need. */
	assert_false(is_of_tls(text, curve(29, 173)));
	assert_false(is_of_tls(text, curve(29, 0)));
	assert_false(is_of_tls(text, curve(22, 65)));
	n = curve(23, 65);
	text[65] = 1;
	assert_false(is_of_tls(text, n));
}

static void
a_request_comes_through(void **state)
{
	static struct ipc_message message;
	const struct key_request sent = {.file = 7,
		.padding = KEY_PADDING_PSS,
		.digest = "SHA2-256",
		.text = text,
		.n = verify(32)};
	struct key_request got;

	(void)state;
	key_request_put(&message, &sent);
	assert_int_equal(ipc_type(&message), IPC_KEY_SIGN);
	assert_true(key_request_get(&message, &got, true));
	assert_int_equal(got.file, 7);
	assert_int_equal(got.padding, KEY_PADDING_PSS);
	assert_string_equal(got.digest, "SHA2-256");
	assert_int_equal(got.n, sent.n);
	assert_memory_equal(got.text, text, sent.n);
}

/* As a relay that was taken over may write it. */
static bool
is_taken(uint32_t padding, const char *digest, size_t n, size_t more)
{
	static struct ipc_message message;
	struct key_request got;

	ipc_begin(&message, IPC_KEY_SIGN);
	ipc_put_number(&message, 0);
	ipc_put_number(&message, padding);
	ipc_put_text(&message, digest);
	ipc_put_bytes(&message, text, n);
	ipc_put_bytes(&message, "", more);
	message.n -= more == 0 ? sizeof(uint32_t) : 0;
	return key_request_get(&message, &got, true);
}

static void
malformed_requests_are_refused(void **state)
{
	size_t n = verify(32);

	(void)state;
	assert_true(is_taken(0, "SHA2-256", n, 0));
	assert_true(is_taken(2, "", n, 0));
	assert_false(is_taken(3, "SHA2-256", n, 0));
	assert_false(is_taken(UINT32_MAX, "SHA2-256", n, 0));
	assert_false(is_taken(0, "a name that is too long", n, 0));
	assert_false(is_taken(0, "SHA2-256", n, 1));
	assert_false(is_taken(0, "SHA2-256", n - 1, 0));
	assert_false(is_taken(0, "SHA2-256", 0, 0));
}

int
test_key_request(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_tls_are_known),
		cmocka_unit_test(a_certificate_verify_is_exact),
		cmocka_unit_test(parameters_are_exact),
		cmocka_unit_test(a_request_comes_through),
		cmocka_unit_test(malformed_requests_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
