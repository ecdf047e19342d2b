#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/tls/info.h"
#include "tests/unit/tests.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct ipc_message message;
static struct tls_info sample, got;

static int
set_up(void **state)
{
	(void)state;
	sample = (struct tls_info){
		.protocol = "TLSv1.3",
		.cipher = "TLS_AES_256_GCM_SHA384",
		.sni = "mail.example.org",
		.resumed = true,
		.exporter = {32, {1, 2, 3}},
		.end_point = {TLS_BINDING_MAX, {9}},
		.certificate = {.verified = true,
			.common_name = "ann",
			.subject = "CN=ann,O=Beispiel \xc3\xbc",
			.fingerprint = DIGITS,
			.n_emails = 2,
			.emails = {"ann@example.org", "ann@example.com"}},
	};
	return 0;
}

/* Through a message and back. */
static bool
pass(void)
{
	ipc_begin(&message, IPC_TLS_UP);
	tls_info_put(&message, &sample);
	assert_false(message.bad);
	memset(&got, 0x55, sizeof(got));
	return tls_info_get(&message, &got) && ipc_end(&message);
}

/* Refused, and nothing of it is left to be believed by mistake. */
static void
expect_refusal(void)
{
	static const struct tls_info nothing;

	assert_false(pass());
	assert_memory_equal(&got, &nothing, sizeof(got));
	(void)set_up(NULL);
	assert_true(pass());
}

static void
all_of_it_comes_through(void **state)
{
	(void)state;
	assert_true(pass());
	assert_memory_equal(&got, &sample, sizeof(got));
	memset(&sample, 0, sizeof(sample));
	assert_true(pass());
	assert_memory_equal(&got, &sample, sizeof(got));
}

static void
control_bytes_are_refused_in_every_text(void **state)
{
	static const char bytes[] = "\x01\t\n\r\x1f\x7f";
	char *const texts[] = {sample.protocol, sample.cipher, sample.sni,
		sample.certificate.common_name, sample.certificate.subject,
		sample.certificate.fingerprint, sample.certificate.emails[0],
		sample.certificate.emails[1]};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (const char *p = bytes; *p != '\0'; p++) {
			texts[i][1] = *p;
			expect_refusal();
		}
	}
}

/* What the longest text of each kind is, and that one octet more is too much. */
static void
lengths_are_bounded(void **state)
{
	char text[TLS_SUBJECT_MAX + 2];

	(void)state;
	memset(sample.sni, 's', TLS_NAME_MAX);
	memset(sample.certificate.subject, 'S', TLS_SUBJECT_MAX);
	assert_true(pass());
	assert_int_equal(strlen(got.sni), TLS_NAME_MAX);
	assert_int_equal(strlen(got.certificate.subject), TLS_SUBJECT_MAX);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ipc_begin(&message, IPC_TLS_UP);
	ipc_put_text(&message, "TLSv1.3");
	ipc_put_text(&message, "A");
	ipc_put_bytes(&message, text, TLS_NAME_MAX + 1);
	assert_false(tls_info_get(&message, &got));
}

/* As a relay that was taken over might write it. */
static void
put_up_to_certificate(uint32_t resumed, size_t binding)
{
	unsigned char octets[TLS_BINDING_MAX + 1] = {0};

	ipc_begin(&message, IPC_TLS_UP);
	ipc_put_text(&message, "TLSv1.3");
	ipc_put_text(&message, "A");
	ipc_put_text(&message, "");
	ipc_put_number(&message, resumed);
	ipc_put_bytes(&message, octets, binding);
	ipc_put_bytes(&message, octets, 0);
	ipc_put_bytes(&message, octets, 0);
}

static void
put_certificate(uint32_t verified, const char *name, const char *fingerprint, uint32_t n)
{
	ipc_put_number(&message, verified);
	ipc_put_text(&message, name);
	ipc_put_text(&message, "");
	ipc_put_text(&message, fingerprint);
	ipc_put_number(&message, 0);
	ipc_put_number(&message, n);
}

static bool
get(void)
{
	return tls_info_get(&message, &got) && ipc_end(&message);
}

static void
forged_messages_are_refused(void **state)
{
	(void)state;
	put_up_to_certificate(0, TLS_BINDING_MAX);
	put_certificate(0, "", "", 0);
	assert_true(get());
	put_up_to_certificate(0, TLS_BINDING_MAX + 1);
	put_certificate(0, "", "", 0);
	assert_false(get());
	put_up_to_certificate(2, 0);
	put_certificate(0, "", "", 0);
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(2, "", "", 0);
	assert_false(get());
	/* More addresses than there is room for, with all of them there. */
	put_up_to_certificate(0, 0);
	put_certificate(1, "ann", DIGITS, TLS_EMAILS_MAX + 1);
	for (unsigned i = 0; i <= TLS_EMAILS_MAX; i++)
		ipc_put_text(&message, "ann@example.org");
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(1, "ann", DIGITS, UINT32_MAX);
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(1, "ann", DIGITS, 0);
	assert_true(get());
}

/* No name counts that no verified certificate stands for. */
static void
certificates_are_whole_or_not_there(void **state)
{
	(void)state;
	put_up_to_certificate(0, 0);
	put_certificate(0, "ann", "", 0);
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(0, "", DIGITS, 0);
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(0, "", "", 1);
	ipc_put_text(&message, "ann@example.org");
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(1, "ann", "", 0);
	assert_false(get());
	put_up_to_certificate(0, 0);
	put_certificate(1, "ann", "0123456789ABCDEF", 0);
	assert_false(get());
}

static void
what_was_cut_is_refused_at_every_length(void **state)
{
	size_t whole;

	(void)state;
	assert_true(pass());
	whole = message.n;
	for (size_t n = 1; n < whole; n++) {
		message.n = n;
		message.at = 1;
		message.bad = false;
		assert_false(tls_info_get(&message, &got));
	}
	message.n = whole;
	message.at = 1;
	message.bad = false;
	assert_true(get());
}

int
test_tls_info(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_of_it_comes_through, set_up),
		cmocka_unit_test_setup(control_bytes_are_refused_in_every_text, set_up),
		cmocka_unit_test_setup(lengths_are_bounded, set_up),
		cmocka_unit_test_setup(forged_messages_are_refused, set_up),
		cmocka_unit_test_setup(certificates_are_whole_or_not_there, set_up),
		cmocka_unit_test_setup(what_was_cut_is_refused_at_every_length, set_up),
	};

	return cmocka_run_group_tests_name("tls_info", tests, NULL, NULL);
}
