#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/import.h"
#include "tests/unit/tests.h"

#define FROM "From joe@example.org Mon Jan  1 00:00:00 2024\n"

/* The id, or "-"; both are parsed from copies that end where they end. */
static const char *
parse(struct import_headers *state, enum import_source source, const char *format,
	const char *header, size_t n)
{
	static char id[MAIL_UID_MAX + 1];
	unsigned char *copy = malloc(n > 0 ? n : 1);
	bool known;

	assert_non_null(copy);
	memcpy(copy, header, n);
	memset(id, 'x', sizeof(id));
	known = import_from_header(state, source, format, (const unsigned char *)FROM,
		sizeof(FROM) - 1, copy, n, id);
	free(copy);
	return known ? id : "-";
}

/* Of a message by itself. */
static const char *
alone(enum import_source source, const char *header)
{
	struct import_headers state = {0};

	return parse(&state, source, NULL, header, strlen(header));
}

/* Dovecot 2.3.19 wrote it when it had emptied the mbox. */
static const char pseudo[] =
	"Date: Wed, 25 Nov 2026 18:52:49 +0000\n"
	"From: Mail System Internal Data <MAILER-DAEMON@vm>\n"
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	"Message-ID: <1795632769@vm>\n"
	"X-IMAP: 1795632769 0000000005\n"
	"Status: RO\n"
	"\n";

static const char with_uid_4[] =
	"Received: from a.example by b.example\n"
	"\twith ESMTP id 4;\n"
	"  Mon, 1 Jan 2024 00:00:04 +0000\n"
	"Received: from c.example by a.example; Mon, 1 Jan 2024 00:00:00 +0000\n"
	"delivered-to: joe4@example.org\n"
	"Date: Mon, 1 Jan 2024 00:00:04 +0000\n"
	"Message-ID: <4@example.org>\n"
	"Return-Path: <joe@example.org>\n"
	"From: joe@example.org\n"
	"Subject: message 4\n"
	"X-UID: 4                                                  \n"
	"Status: RO\n"
	"\n";

static void
assert_dovecot(struct import_headers *state, const char *header, const char *expected)
{
	assert_string_equal(
		parse(state, IMPORT_DOVECOT, NULL, header, strlen(header)), expected);
}

static void
test_dovecot(void **state)
{
	struct import_headers headers = {0};

	(void)state;
	assert_dovecot(&headers, pseudo, "-");
	assert_dovecot(&headers, with_uid_4, "000000046b072e81");
	/* Mail that Dovecot did not see yet. */
	assert_dovecot(&headers, "Subject: x\n\n", "-");
	assert_dovecot(&headers, "X-UID: 5\n\n", "000000056b072e81");
	assert_dovecot(&headers, "", "-");
}

static void
test_dovecot_first_message(void **state)
{
	struct import_headers headers = {0};

	(void)state;
	assert_dovecot(&headers,
		"x-imapbase: 255 0000000009 $Junk\r\nX-UID: 3\r\nX-UID: 5\r\n\r\n",
		"00000003000000ff");
	/* Only the first message tells the validity. */
	assert_dovecot(&headers, "X-IMAPbase: 7 9\nX-UID: 4\n\n", "00000004000000ff");
	assert_dovecot(&headers, "X-IMAP: 7 9\nX-UID: 8\n\n", "00000008000000ff");
}

static void
test_dovecot_md5(void **state)
{
	struct import_headers headers = {0};

	(void)state;
	assert_string_equal(
		parse(&headers, IMPORT_DOVECOT, "%m", with_uid_4, sizeof(with_uid_4) - 1),
		"651628716d29800245f5e78b761bb840");
	assert_string_equal(parse(&headers, IMPORT_DOVECOT, "%Ug", with_uid_4,
				    sizeof(with_uid_4) - 1),
		"651628716D29800245F5E78B761BB840");
	/* Cut. */
	assert_string_equal(
		parse(&headers, IMPORT_DOVECOT, "%m", with_uid_4, sizeof(with_uid_4) - 3),
		"-");
	/* No validity was seen; and an mbox has no file names. */
	assert_string_equal(parse(&headers, IMPORT_DOVECOT, "%m%v", with_uid_4,
				    sizeof(with_uid_4) - 1),
		"-");
	assert_string_equal(
		parse(&headers, IMPORT_DOVECOT, "%f", with_uid_4, sizeof(with_uid_4) - 1),
		"-");
}

/* What senders may try: to name a UID of another message, or to use UIDs up. */
static void
test_dovecot_untrusted(void **state)
{
	struct import_headers headers = {0};

	(void)state;
	/* Before the validity a UID does not count. */
	assert_dovecot(&headers, "X-UID: 2\nX-IMAPbase: 1 5\n\n", "-");
	assert_dovecot(&headers, "X-UID: 3\n\n", "0000000300000001");
	assert_dovecot(&headers, "X-UID: 3\n\n", "-");
	assert_dovecot(&headers, "X-UID: 2\n\n", "-");
	assert_dovecot(&headers, "X-UID: 7\n\n", "-");
	assert_dovecot(&headers, "X-UID: 99\nX-UID: 4\n\n", "0000000400000001");
	assert_dovecot(&headers, "X-UID: 6\n\n", "0000000600000001");
	assert_dovecot(&headers, "X-UID: 7\n\n", "0000000700000001");
	assert_dovecot(&headers, "X-UID: 4294967295\n\n", "-");
	assert_dovecot(&headers, "X-UID: 99999999999999999999\n\n", "-");
	assert_dovecot(&headers, "X-UID: 8x\n\n", "-");
	assert_dovecot(&headers, "X-UID: \n\n", "-");
	assert_dovecot(&headers, "X-UID:  8\n\n", "-");
	assert_dovecot(&headers, "X-UID\n\n", "-");
	assert_dovecot(&headers, "Subject: x\n\nX-UID: 8\n", "-");
	assert_dovecot(&headers, "X-UID: 8\n \n\t\n\n", "0000000800000001");
}

static void
test_dovecot_broken_base(void **state)
{
	static const char *const broken[] = {"", "x", "0 5", "1x 5", "1 5x", "1 x",
		"-1 5", "4294967296 5", "1 4294967295", "1\t5"};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct import_headers headers = {0};
		char header[100];

		assert_true(snprintf(header, sizeof(header),
				    "X-IMAPbase: %s\nX-UID: 1\n\n", broken[i]) > 0);
		assert_dovecot(&headers, header, "-");
		assert_dovecot(&headers, "X-UID: 1\n\n", "-");
	}
}

static void
test_x_uidl(void **state)
{
	(void)state;
	assert_string_equal(alone(IMPORT_X_UIDL, "A: b\nX-UIDL: a\"b\n\n"), "a\"b");
	assert_string_equal(alone(IMPORT_X_UIDL, "x-uidl:\t abc \t\r\n\r\n"), "abc");
	/* The first one only, and no line but its own. */
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDL: one\nX-UIDL: two\n\n"), "one");
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDL: a b\nX-UIDL: two\n\n"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDL:\n one\n\n"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDL: one\n two\n\n"), "one");
	assert_string_equal(alone(IMPORT_X_UIDL, "A: b\n X-UIDL: one\n\n"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, "A: b\n\nX-UIDL: one\n"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDL: \xe9\n\n"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, "X-UIDLS: x\nX-UIDL"), "-");
	assert_string_equal(alone(IMPORT_X_UIDL, ""), "-");
}

static void
test_x_uidl_length(void **state)
{
	char header[200] = "X-UIDL: ";

	(void)state;
	memset(header + 8, 'a', 70);
	memcpy(header + 78, "\n\n", 3);
	assert_int_equal(strlen(alone(IMPORT_X_UIDL, header)), 70);
	memcpy(header + 78, "a\n\n", 4);
	assert_string_equal(alone(IMPORT_X_UIDL, header), "-");
}

/* What popa3d 1.0.3 said of these. */
static void
test_popa3d(void **state)
{
	(void)state;
	assert_string_equal(
		alone(IMPORT_POPA3D,
			"Return-Path: <joe@example.org>\n"
			"Received: from a.example by b.example\n"
			"\twith ESMTP id 1;\n"
			"  Mon, 1 Jan 2024 00:00:01 +0000\n"
			"Received: from c by a; Mon, 1 Jan 2024 00:00:00 +0000\n"
			"delivered-to: joe@example.org\n"
			"Date: Mon, 1 Jan 2024 00:00:01 +0000\n"
			"Message-ID: <1@example.org>\n"
			"Subject: one\n\n"),
		"10d3dbc92175c3f9");
	assert_string_equal(alone(IMPORT_POPA3D, "Date: Mon, 1 Jan 2024 00:00:01 +0000\n"
						 "Message-ID: <1@example.org>\n"
						 " folded\n"
						 "Subject: two\n"
						 "  and more\n"
						 "X-Delivery-ID: abc\n"
						 "x-delivery-id: lower\n"
						 "Reply-To: x\n"
						 "Delivered-To: y\n\n"),
		"e71c1700558443dc");
	assert_string_equal(
		alone(IMPORT_POPA3D, "Subject: three\n\n"), "d98c1dd404b2008f");
	assert_string_equal(
		alone(IMPORT_POPA3D, "Subject: four\nDate: last\n"), "4e73d9bcad61fe55");
}

/* popa3d would go on reading, or knew more of the header than is here. */
static void
test_popa3d_unknown(void **state)
{
	(void)state;
	assert_string_equal(
		alone(IMPORT_POPA3D, "Subject: four\r\nDate: last\r\n\r\n"), "-");
	assert_string_equal(alone(IMPORT_POPA3D, "Subject: four\nDate: la"), "-");
	assert_string_equal(alone(IMPORT_POPA3D, ""), "-");
}

/* Computed by another program after qpopper's source; it does not run any more. */
static void
test_qpopper(void **state)
{
	(void)state;
	assert_string_equal(alone(IMPORT_QPOPPER, "Received: from a\n by b\n"
						  "Date: Mon, 1 Jan 2024 00:00:01 +0000\n"
						  "From: joe\n"
						  "message-id: <1@example.org>\n"
						  "Subject: one\n\n"),
		"^p/!!o,l!!CC##!?1Q\"!");
	assert_string_equal(
		alone(IMPORT_QPOPPER, "Subject: 25\n\n"), "S>5\"!^9R!!33P!!~>c!!");
}

static void
test_qpopper_x_uidl(void **state)
{
	(void)state;
	/* Of other lengths it does not believe them. */
	assert_string_equal(alone(IMPORT_QPOPPER, "X-UIDL: 0123456789\nX-UIDL: "
						  "01234567890\n\n"),
		"01234567890");
	assert_string_equal(
		alone(IMPORT_QPOPPER, "X-UIDL: 0123456789abcdef0123456789abcdef0\n"
				      "X-UIDL: 0123456789abcdef0123456789abcdef"
				      "\n\n"),
		"0123456789abcdef0123456789abcdef");
	/* It would have shown this, but nobody may. */
	assert_string_equal(alone(IMPORT_QPOPPER, "X-UIDL: 0123456789 bcdef\n\n"), "-");
}

static void
test_qpopper_unknown(void **state)
{
	struct import_headers headers = {0};
	static const char nul[] = "Subject: a\0b\n\n";
	char header[1200] = "Subject: ";

	(void)state;
	assert_string_equal(alone(IMPORT_QPOPPER, "Subject: one\n"
						  "Content-Length: 5\n\n"),
		"-");
	assert_string_equal(alone(IMPORT_QPOPPER, "Subject: one\r\n\r\n"), "-");
	assert_string_equal(alone(IMPORT_QPOPPER, "Subject: one\n\r\n"), "-");
	assert_string_equal(
		parse(&headers, IMPORT_QPOPPER, NULL, nul, sizeof(nul) - 1), "-");
	memset(header + 9, 'a', 1100);
	memcpy(header + 1109, "\n\n", 3);
	assert_string_equal(alone(IMPORT_QPOPPER, header), "-");
	/* A Maildir has no From_ line. */
	assert_false(import_from_header(&headers, IMPORT_QPOPPER, NULL, NULL, 0,
		(const unsigned char *)"A: b\n\n", 6, header));
}

static void
test_other_sources(void **state)
{
	(void)state;
	assert_string_equal(alone(IMPORT_COURIER, with_uid_4), "-");
	assert_string_equal(alone(IMPORT_AUTO, with_uid_4), "-");
	assert_string_equal(alone(IMPORT_OWN, with_uid_4), "-");
}

int
test_import_header(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dovecot),
		cmocka_unit_test(test_dovecot_first_message),
		cmocka_unit_test(test_dovecot_md5),
		cmocka_unit_test(test_dovecot_untrusted),
		cmocka_unit_test(test_dovecot_broken_base),
		cmocka_unit_test(test_x_uidl),
		cmocka_unit_test(test_x_uidl_length),
		cmocka_unit_test(test_popa3d),
		cmocka_unit_test(test_popa3d_unknown),
		cmocka_unit_test(test_qpopper),
		cmocka_unit_test(test_qpopper_x_uidl),
		cmocka_unit_test(test_qpopper_unknown),
		cmocka_unit_test(test_other_sources),
	};

	return cmocka_run_group_tests_name("import_header", tests, NULL, NULL);
}
