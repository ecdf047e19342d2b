#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/mbox_id.h"
#include "tests/unit/tests.h"

typedef void add_function(struct mbox_id *id, const unsigned char *p, size_t n);

/* As the parser does, which has seen whether there is a CR. */
static void
add_body(struct mbox_id *id, const unsigned char *p, size_t n)
{
	mbox_id_body(id, p, n, memchr(p, '\r', n) != NULL);
}

static void
add(struct mbox_id *id, add_function *function, const char *text, size_t chunk)
{
	const size_t n = strlen(text);

	for (size_t i = 0; i < n; i += chunk)
		function(id, (const unsigned char *)text + i,
			n - i < chunk ? n - i : chunk);
}

static void
id_of(const char *header, const char *body, size_t chunk,
	unsigned char digest[MBOX_ID_SIZE])
{
	struct mbox_id *id = mbox_id_new();

	assert_non_null(id);
	/* Nothing stays of the message before. */
	mbox_id_begin(id);
	add(id, mbox_id_header, "X\r", chunk);
	add(id, add_body, "x\n\n\r", chunk);
	mbox_id_begin(id);
	add(id, mbox_id_header, header, chunk);
	add(id, add_body, body, chunk);
	mbox_id_end(id, digest);
	mbox_id_free(id);
}

/* In chunks of any size. */
static void
expect(const char *body, const char *other, bool same)
{
	unsigned char a[MBOX_ID_SIZE], b[MBOX_ID_SIZE];

	id_of("A: 1\n", body, 1000, a);
	for (size_t chunk = 1; chunk < 12; chunk++) {
		id_of("A: 1\n", other, chunk, b);
		if (same)
			assert_memory_equal(a, b, sizeof a);
		else
			assert_memory_not_equal(a, b, sizeof a);
	}
}

static void
line_ends(void **state)
{
	static const char lines[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";

	(void)state;
	expect("a\n\nb\n", "a\r\n\nb", true);
	expect("a\n\nb\n", "a\r\n\r\nb\r\n\r\n\n", true);
	expect("", lines, true);
	expect("a\nb", "a\n\nb", false);
	expect("a", "\na", false);
	expect("a\r", "a", false);
	expect("a\r\r\nb", "a\r\nb", false);
	expect("a\rb", "a\nb", false);
	expect("a\n\rb", "a\nb", false);
	expect("a\n\r\r", "a\n\r", false);
}

static void
many_line_ends(void **state)
{
	char a[200], b[200];

	(void)state;
	memset(a, '\n', sizeof a);
	memset(b, '\n', sizeof b);
	memcpy(a + sizeof a - 2, "x", 2);
	memcpy(b + sizeof b - 3, "x", 2);
	expect(a, a, true);
	expect(a, b, false);
}

static void
header_is_not_body(void **state)
{
	unsigned char a[MBOX_ID_SIZE], b[MBOX_ID_SIZE];

	(void)state;
	id_of("A: 1\n", "", 3, a);
	id_of("", "A: 1\n", 3, b);
	assert_memory_not_equal(a, b, sizeof a);
	id_of("A: 1\r\n", "", 3, b);
	assert_memory_equal(a, b, sizeof a);
}

/* Made with xxhsum -H2, twice, so that it stays what it is. */
static void
known_ids(void **state)
{
	static const unsigned char known[MBOX_ID_SIZE] = {0x73, 0xb7, 0xcb, 0xd4, 0x74,
		0x10, 0xc0, 0x91, 0xa7, 0xbf, 0x95, 0xb5, 0xa2, 0x7f, 0x7f, 0x7b};
	unsigned char id[MBOX_ID_SIZE];

	(void)state;
	id_of("From a@b\nA: 1\n", "line\n\nline\n\n", 5, id);
	assert_memory_equal(id, known, sizeof id);
}

static void
ignored_fields(void **state)
{
	static const char *const yes[] = {"Status: RO", "x-uidl:", "X-Mozilla-Keys: a"};
	static const char *const no[] = {"Status", "Statuses: 1", "To: a", "", "X-UI:"};

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_true(
			mbox_id_ignores((const unsigned char *)yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_false(
			mbox_id_ignores((const unsigned char *)no[i], strlen(no[i])));
}

int
test_mbox_id(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends),
		cmocka_unit_test(many_line_ends),
		cmocka_unit_test(header_is_not_body),
		cmocka_unit_test(known_ids),
		cmocka_unit_test(ignored_fields),
	};

	return cmocka_run_group_tests_name("mbox_id", tests, NULL, NULL);
}
