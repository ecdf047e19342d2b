#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/mbox_from.h"
#include "mailstore/mbox_parse.h"
#include "tests/unit/mbox_fixture.h"
#include "tests/unit/tests.h"

#define FROM "From a@b Tue Nov 23 15:28:00 2025\n"
#define FROM_CRLF "From a@b Tue Nov 23 15:28:00 2025\r\n"
#define MAX 64

struct list {
	struct mbox_entry v[MAX];
	size_t n;
	size_t stop; /* refuse more than this */
};

static bool
keep(void *cookie, const struct mbox_entry *entry)
{
	struct list *list = cookie;

	if (list->n == list->stop)
		return false;
	list->v[list->n++] = *entry;
	return true;
}

static enum mbox_parse_result
parse(const void *bytes, size_t n, size_t chunk, struct list *list)
{
	struct mbox_parse *parse = mbox_parse_new(keep, list);
	enum mbox_parse_result result;
	const unsigned char *p = bytes;

	assert_non_null(parse);
	list->n = 0;
	list->stop = MAX;
	for (size_t i = 0; i < n; i += chunk)
		(void)mbox_parse_feed(parse, p + i, n - i < chunk ? n - i : chunk);
	result = mbox_parse_finish(parse);
	mbox_parse_free(parse);
	return result;
}

/* Parse a text, and see that the messages are those expected. */
static void
expect(const char *text, const char *const *messages, size_t n)
{
	struct list list;

	for (size_t chunk = 1; chunk <= strlen(text) + 1; chunk++) {
		assert_int_equal(parse(text, strlen(text), chunk, &list), MBOX_PARSE_OK);
		assert_int_equal(list.n, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(list.v[i].length, strlen(messages[i]));
			assert_memory_equal(
				text + list.v[i].start, messages[i], strlen(messages[i]));
		}
	}
}

static void
separators(void **state)
{
	static const char *const two[] = {"Subject: 1\n\none\n", "Subject: 2\n\ntwo\n"};
	static const char *const crlf[] = {"A: 1\r\n\r\none\r\n", "A: 2\r\n"};
	static const char *const open[] = {"Subject: 1\n\none\n", "Subject: 2\n\ntwo"};
	static const char *const text[] = {"A: 1\n\nand\n\nFrom my point of view\nFrom "
					   "jo Tue Nov 23 15:28:00 2025\n"};
	static const char *const empty[] = {"", "\n", ""};
	static const char *const header[] = {"A: 1\n" FROM};

	(void)state;
	expect(FROM "Subject: 1\n\none\n\n" FROM "Subject: 2\n\ntwo\n\n", two, 2);
	expect(FROM "Subject: 1\n\none\n\n" FROM "Subject: 2\n\ntwo\n", two, 2);
	expect(FROM "Subject: 1\n\none\n\n" FROM "Subject: 2\n\ntwo", open, 2);
	expect(FROM_CRLF "A: 1\r\n\r\none\r\n\r\n" FROM_CRLF "A: 2\r\n\r\n", crlf, 2);
	expect(FROM "A: 1\n\nand\n\nFrom my point of view\n"
		    "From jo Tue Nov 23 15:28:00 2025\n\n",
		text, 1);
	expect(FROM "\n" FROM "\n\n" FROM, empty, 3);
	expect(FROM "A: 1\n" FROM, header, 1);
}

static void
empty_and_alien(void **state)
{
	static const char *const alien[] = {"hello\n", "From", "From x\n", "\nhello\n",
		"From: a\n\n" FROM, "\r\n\r", "\r", "F", "\n\r\nFrom x\n\n" FROM};
	static const char *const empty[] = {"\n", "\r\n", "\n\n\r\n\n"};
	struct list list;

	(void)state;
	assert_int_equal(parse("", 0, 1, &list), MBOX_PARSE_OK);
	assert_int_equal(list.n, 0);
	for (size_t i = 0; i < sizeof alien / sizeof *alien; i++)
		for (size_t chunk = 1; chunk < 20; chunk++)
			assert_int_equal(parse(alien[i], strlen(alien[i]), chunk, &list),
				MBOX_PARSE_ALIEN);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		expect(empty[i], NULL, 0);
}

/* As `echo >mbox` leaves them. */
static void
empty_lines_at_the_start(void **state)
{
	static const char *const one[] = {"A: 1\n\none\n"};
	static const char text[] = "\n\r\n\n" FROM "A: 1\n\none\n\n";
	struct list list;

	(void)state;
	expect(text, one, 1);
	assert_int_equal(parse(text, strlen(text), 5, &list), MBOX_PARSE_OK);
	assert_int_equal(list.v[0].from, 4);
	assert_int_equal(list.v[0].octets, strlen("A: 1\r\n\r\none\r\n"));
}

static void
header_and_octets(void **state)
{
	const char *text = FROM "A: 1\nB: 2\n\nbody\nend\n\n" FROM "A: 1\r\n\r\n\n\n";
	struct list list;

	(void)state;
	assert_int_equal(parse(text, strlen(text), 7, &list), MBOX_PARSE_OK);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].header, strlen("A: 1\nB: 2\n\n"));
	assert_int_equal(list.v[0].octets, strlen("A: 1\r\nB: 2\r\n\r\nbody\r\nend\r\n"));
	assert_int_equal(list.v[1].from, strlen(FROM "A: 1\nB: 2\n\nbody\nend\n\n"));
	assert_int_equal(list.v[1].header, strlen("A: 1\r\n\r\n"));
	assert_int_equal(list.v[1].octets, strlen("A: 1\r\n\r\n\r\n"));
}

/* The id of the first message of a text. */
static void
id_of(const char *text, unsigned char id[MBOX_ID_SIZE])
{
	static const char before[] = FROM "A: 1\n\nbody\n\n";
	struct list list, other;
	char *later;

	assert_int_equal(parse(text, strlen(text), 4096, &list), MBOX_PARSE_OK);
	for (size_t chunk = 1; chunk < 50; chunk++) {
		assert_int_equal(parse(text, strlen(text), chunk, &other), MBOX_PARSE_OK);
		assert_memory_equal(other.v[0].id, list.v[0].id, MBOX_ID_SIZE);
	}
	memcpy(id, list.v[0].id, MBOX_ID_SIZE);
	/* It is the same where lines of a header are taken as they are. */
	assert_true(asprintf(&later, "%s%s", before, text) > 0);
	for (size_t chunk = 1; chunk < 300; chunk++) {
		assert_int_equal(
			parse(later, strlen(later), chunk, &other), MBOX_PARSE_OK);
		assert_memory_equal(other.v[1].id, id, MBOX_ID_SIZE);
	}
	free(later);
}

static void
id_stays(void **state)
{
	static const char *const same[] = {
		FROM "Subject: x\nTo: y\n\nbody",
		FROM "Subject: x\nTo: y\n\nbody\n\n\n\r\n\n" FROM,
		FROM_CRLF "Subject: x\r\nTo: y\r\n\r\nbody\r\n",
		FROM "Subject: x\nStatus: RO\nTo: y\nX-Status: A\n\nbody\n",
		FROM "Subject: x\nX-UID: 5\nX-Keywords: a\n b\n\tc\nTo: y\n\nbody\n",
		FROM "Content-Length: 5\nLines: 1\nSubject: x\nX-IMAPbase: 1 2\nTo: "
		     "y\n\nbody\n",
		FROM
		"X-Mozilla-Status2: 00\nX-UIDL: q\nSubject: x\nTo: y\nX-IMAP: 1\n\nbody",
		FROM "status: RO\nSubject: x\nTo: y\n\nbody\n",
	};
	static const char *const others[] = {
		"From a@c Tue Nov 23 15:28:00 2025\nSubject: x\nTo: y\n\nbody\n",
		FROM "Subject: x\nTo: z\n\nbody\n",
		FROM "Subject: x\nTo: y\n z\n\nbody\n",
		FROM "Subject: x\nTo: y\nStatuses: 1\n\nbody\n",
		FROM "Subject: x\n\nTo: y\n",
		FROM "Subject: x\r\r\nTo: y\n\nbody\n",
		FROM "Subject: x\nTo: y\n\nanother body\n",
		FROM "Subject: x\nTo: y\n\n\nbody\n",
		FROM "Subject: x\nTo: y\n\nbody\nStatus: RO\n",
		FROM "Subject: x\nTo: y\n\n",
	};
	unsigned char id[MBOX_ID_SIZE], first[MBOX_ID_SIZE];

	(void)state;
	id_of(FROM "Subject: x\nTo: y\n\nbody\n", first);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		id_of(same[i], id);
		assert_memory_equal(id, first, sizeof id);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		id_of(others[i], id);
		assert_memory_not_equal(id, first, sizeof id);
	}
}

/* The same in the second message, where field names are told from their start. */
static void
id_of_a_later_message(void **state)
{
	const char *text = FROM
		"A: 1\n\n\n" FROM "Subject: x\nContent-Length: 9\n more\nTo: y\n\n\n" FROM
		"Subject: x\nTo: y\n\n\n" FROM
		"Subject: x\nX-A-Long-Name-Of-More-Than-32-Octets: 1\n\n\n";
	struct list list;

	(void)state;
	for (size_t chunk = 1; chunk <= strlen(text); chunk++) {
		assert_int_equal(parse(text, strlen(text), chunk, &list), MBOX_PARSE_OK);
		assert_int_equal(list.n, 4);
		assert_memory_equal(list.v[1].id, list.v[2].id, MBOX_ID_SIZE);
		assert_memory_not_equal(list.v[1].id, list.v[3].id, MBOX_ID_SIZE);
	}
}

static void
pseudo(void **state)
{
#define SYSTEM "From MAILER-DAEMON Tue Nov 23 15:28:00 2025\n"
#define SUBJECT "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	static const char *const texts[] = {
		SYSTEM SUBJECT "X-IMAP: 1 2\n\n\n" SYSTEM SUBJECT "X-IMAP: 1 2\n\n",
		"\n" SYSTEM "X-IMAPbase: 1 2\n" SUBJECT "\nReceived: x\n\n" FROM "\n",
		"From MAILER_DAEMON  Wed Nov 25 18:52:49 2026\n" SUBJECT
		"X-IMAP: 1795632769 0000000005\n\nText.\n\n" FROM "\n",
	};
	/* What lacks a mark, or has been through a mail transport, is mail. */
	static const char *const mail[] = {
		SYSTEM SUBJECT "\n",
		SYSTEM "X-IMAPbase: 1 2\n\n",
		SYSTEM "X-IMAP: 1\n\n" SUBJECT,
		FROM SUBJECT "X-IMAP: 1 2\n\n",
		FROM SUBJECT SYSTEM "X-IMAP: 1 2\n\n",
		SYSTEM SUBJECT "X-IMAP: 1 2\nReceived: from there\n\n",
		SYSTEM "received: from there\nX-IMAP: 1 2\n" SUBJECT "\n",
	};
	struct list list;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(
			parse(texts[i], strlen(texts[i]), 3, &list), MBOX_PARSE_OK);
		assert_int_equal(list.n, 2);
		assert_true(list.v[0].pseudo);
		assert_false(list.v[1].pseudo);
	}
	for (size_t i = 0; i < sizeof mail / sizeof *mail; i++) {
		assert_int_equal(
			parse(mail[i], strlen(mail[i]), 9, &list), MBOX_PARSE_OK);
		assert_int_equal(list.n, 1);
		assert_false(list.v[0].pseudo);
	}
#undef SUBJECT
#undef SYSTEM
}

static void
nul_and_long_lines(void **state)
{
	const size_t n = 3000000;
	unsigned char *text = malloc(n);
	const size_t from = strlen(FROM);
	struct list list;

	(void)state;
	assert_non_null(text);
	memset(text, 0, n);
	memcpy(text, FROM "A: ", from + 3);
	memcpy(text + n / 2, "\n\n\n" FROM, from + 3);
	assert_int_equal(parse(text, n, 65536, &list), MBOX_PARSE_OK);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].header, n / 2 - from + 2);
	assert_int_equal(list.v[0].length, n / 2 - from + 2);
	assert_int_equal(list.v[1].start, n / 2 + 3 + from);
	assert_int_equal(list.v[1].length, n - (n / 2 + 3 + from));
	assert_int_equal(list.v[1].octets, list.v[1].length + 2);
	free(text);
}

/* A sender as long as a From_ line may have, and longer ones. */
static void
long_from_lines(void **state)
{
	static const char head[] =
		"From a@b Mon Jan  1 00:00:00 2024\nA: 1\n\nx\n\nFrom ";
	static const char tail[] = " Mon Jan  1 00:00:00 2024\nB: 2\n\nz\n";
	const size_t rest = strlen("From  Mon Jan  1 00:00:00 2024\n");
	const size_t lengths[] = {MBOX_FROM_MAX - 1, MBOX_FROM_MAX, MBOX_FROM_MAX + 1,
		3 * (size_t)MBOX_FROM_MAX, 9 * (size_t)MBOX_FROM_MAX};
	char *text = malloc(10 * (size_t)MBOX_FROM_MAX);
	struct list list;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const size_t sender = lengths[i] - rest;
		const size_t n = strlen(head) + sender + strlen(tail);

		memcpy(text, head, strlen(head));
		memset(text + strlen(head), 'y', sender);
		memcpy(text + strlen(head) + sender, tail, strlen(tail));
		for (size_t chunk = 4000; chunk < 2 * n; chunk += chunk) {
			assert_int_equal(parse(text, n, chunk, &list), MBOX_PARSE_OK);
			assert_int_equal(list.n, lengths[i] <= MBOX_FROM_MAX ? 2 : 1);
		}
	}
	free(text);
}

static void
stops(void **state)
{
	const char *text = FROM "\n" FROM "\n" FROM "\n";
	struct list list = {.stop = 1};
	struct mbox_parse *p = mbox_parse_new(keep, &list);

	(void)state;
	assert_non_null(p);
	assert_int_equal(mbox_parse_feed(p, (const unsigned char *)text, strlen(text)),
		MBOX_PARSE_STOPPED);
	assert_int_equal(mbox_parse_finish(p), MBOX_PARSE_STOPPED);
	assert_int_equal(list.n, 1);
	mbox_parse_free(p);
}

static void
agrees_with_the_model(void **state)
{
	struct mbox_entry model[MAX] = {0};
	struct list list;

	(void)state;
	for (unsigned seed = 0; seed < 3000; seed++) {
		struct bytes bytes = mbox_fixture_random(seed);
		size_t n = mbox_fixture_model(bytes.p, bytes.n, model, MAX);

		for (size_t chunk = 1; chunk < 200; chunk = chunk * 3 + seed % 3) {
			assert_int_equal(
				parse(bytes.p, bytes.n, chunk, &list), MBOX_PARSE_OK);
			assert_int_equal(list.n, n);
			for (size_t i = 0; i < n; i++) {
				assert_int_equal(list.v[i].from, model[i].from);
				assert_int_equal(list.v[i].start, model[i].start);
				assert_int_equal(list.v[i].length, model[i].length);
				assert_int_equal(list.v[i].octets, model[i].octets);
				assert_int_equal(list.v[i].header, model[i].header);
				assert_int_equal(list.v[i].hash, model[i].hash);
			}
		}
		free(bytes.p);
	}
}

int
test_mbox_parse(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(separators),
		cmocka_unit_test(empty_and_alien),
		cmocka_unit_test(empty_lines_at_the_start),
		cmocka_unit_test(header_and_octets),
		cmocka_unit_test(id_stays),
		cmocka_unit_test(id_of_a_later_message),
		cmocka_unit_test(pseudo),
		cmocka_unit_test(nul_and_long_lines),
		cmocka_unit_test(long_from_lines),
		cmocka_unit_test(stops),
		cmocka_unit_test(agrees_with_the_model),
	};

	return cmocka_run_group_tests_name("mbox_parse", tests, NULL, NULL);
}
