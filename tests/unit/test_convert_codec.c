#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/detail.h"
#include "pop3d/ctl/convert_codec.h"
#include "tests/unit/tests.h"

struct text {
	char p[512];
	size_t n;
};

static bool
text_add(void *cookie, const unsigned char *p, size_t n)
{
	struct text *text = cookie;

	assert_true(n < sizeof(text->p) - text->n);
	memcpy(text->p + text->n, p, n);
	text->n += n;
	text->p[text->n] = '\0';
	return true;
}

static void
quote_all(const struct text *from, size_t step, bool undo, struct text *to)
{
	struct convert_quote quote = {.undo = undo};

	*to = (struct text){.n = 0};
	for (size_t i = 0; i < from->n; i += step)
		assert_true(convert_quote_feed(&quote, (const unsigned char *)from->p + i,
			step < from->n - i ? step : from->n - i, text_add, to));
	assert_true(convert_quote_end(&quote, text_add, to));
}

/* In chunks of every size; and back. */
static void
assert_quoted(const char *plain, const char *quoted)
{
	struct text from = {.n = strlen(plain)}, to, back;

	memcpy(from.p, plain, from.n);
	for (size_t step = 1; step <= from.n + 1; step++) {
		quote_all(&from, step, false, &to);
		assert_string_equal(to.p, quoted);
		quote_all(&to, step, true, &back);
		assert_string_equal(back.p, plain);
	}
}

static void
test_quote(void **state)
{
	(void)state;
	assert_quoted("From x\n", ">From x\n");
	assert_quoted(
		"a\nFrom x\n>From y\n>>From z\n", "a\n>From x\n>>From y\n>>>From z\n");
	assert_quoted("From", "From");
	assert_quoted("From ", ">From ");
	assert_quoted("Fro\nFromage\nfrom x\n From x\n> From\n", "Fro\nFromage\nfrom x\n "
								 "From x\n> From\n");
	assert_quoted(">>>", ">>>");
	assert_quoted(">\n>F\n>>Fro", ">\n>F\n>>Fro");
	assert_quoted("x From y\nFFrom z\n", "x From y\nFFrom z\n");
	assert_quoted("\r\nFrom a\r\n\n\n", "\r\n>From a\r\n\n\n");
	assert_quoted("", "");
}

/* Far more than any buffer holds back. */
static void
test_many_arrows(void **state)
{
	struct text from = {.n = 0}, to;

	(void)state;
	memset(from.p, '>', 300);
	memcpy(from.p + 300, "From x\n", 8);
	from.n = 307;
	quote_all(&from, 64, false, &to);
	assert_int_equal(to.n, 308);
	quote_all(&from, 64, true, &to);
	assert_int_equal(to.n, 306);
}

static void
test_seek(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {{"From x", true}, {"a\nFrom ", true}, {"a From b\n", false},
		{">From x\n", false}, {"Fro\nFrom\n", false}, {"\n\nFFrom \n", false},
		{"FroFrom \n", false}, {"", false}, {"Fr\nFrom y", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t n = strlen(cases[i].text);

		for (size_t step = 1; step <= n + 1; step++) {
			struct convert_seeker seeker = {.inside = false};

			for (size_t k = 0; k < n; k += step)
				convert_seek(&seeker,
					(const unsigned char *)cases[i].text + k,
					step < n - k ? step : n - k);
			assert_int_equal(seeker.found, cases[i].found);
		}
	}
}

static void
assert_decoded(unsigned form, const char *stored, const char *expected)
{
	const size_t n = strlen(stored);

	for (size_t step = 1; step <= n + 1; step++) {
		struct text to = {.n = 0};
		struct convert_decoder decoder = {
			.form = form, .sink = text_add, .cookie = &to};

		for (size_t i = 0; i < n; i += step)
			assert_true(convert_decode(&decoder,
				(const unsigned char *)stored + i,
				step < n - i ? step : n - i));
		assert_true(convert_decode_end(&decoder));
		assert_string_equal(to.p, expected);
	}
}

static void
test_decode(void **state)
{
	(void)state;
	/* What no form speaks of is left as it is. */
	assert_decoded(0, "Status: RO\n>From x\n\n", "Status: RO\n>From x\n\n");
	assert_decoded(CONVERT_CUT, "a\nb\n", "a\nb");
	assert_decoded(CONVERT_CUT, "a\n\n\n", "a\n\n");
	assert_decoded(CONVERT_CUT, "\n", "");
	assert_decoded(CONVERT_CUT, "no end", "no end");
	assert_decoded(CONVERT_QUOTED, ">From x\n>>From y\nFrom z\n",
		"From x\n>From y\nFrom z\n");
	assert_decoded(CONVERT_FLAGS, "Status: RO\nX-Status: A\nX: y\n\n", "X: y\n\n");
	assert_decoded(CONVERT_FLAGS, "Status: RO\nX: y\n\n", "X: y\n\n");
	assert_decoded(CONVERT_FLAGS, "Status: RO\n", "");
	/* A mail reader has moved them: then they are not taken for ours. */
	assert_decoded(CONVERT_FLAGS, "X: y\nStatus: RO\n\n", "X: y\nStatus: RO\n\n");
	assert_decoded(CONVERT_FLAGS | CONVERT_QUOTED | CONVERT_CUT,
		"Status: \n>From x\n>From y\n", "From x\nFrom y");
}

static void
assert_sender(unsigned form, const char *envelope, const char *expected)
{
	char sender[CONVERT_SENDER_SIZE], line[CONVERT_SENDER_SIZE + 64] = "From ";

	convert_sender(form, (const unsigned char *)envelope, strlen(envelope), sender);
	assert_string_equal(sender, expected);
	(void)strncat(line, sender, CONVERT_SENDER_SIZE);
	(void)strncat(line, " Mon Jan  1 00:00:00 2024", 32);
	assert_int_equal(convert_form(line, strlen(line)), form);
}

static void
test_sender(void **state)
{
	char longest[400];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '@';
	longest[sizeof(longest) - 1] = '\0';
	assert_sender(0, "joe@example.org", "joe@example.org");
	assert_sender(CONVERT_CUT, "joe@example.org", "pop3d-convert+cut");
	assert_sender(CONVERT_QUOTED | CONVERT_CUT | CONVERT_FLAGS, "",
		"pop3d-convert+quoted+cut+flags");
	/* Nothing that would tell lies, or be no single word. */
	assert_sender(0, "", "pop3d-convert");
	assert_sender(0, "MAILER-DAEMON", "pop3d-convert");
	assert_sender(0, "pop3d-convert+cut@x", "pop3d-convert");
	assert_sender(0, "a b@c", "pop3d-convert");
	assert_sender(0, "a\nFrom x@y", "pop3d-convert");
	assert_sender(0, "\xC3\xB6@x", "pop3d-convert");
	assert_sender(0, longest, "pop3d-convert");
}

static void
test_form_of_others(void **state)
{
	static const char *const lines[] = {"", "From ", "From pop3d-convert",
		"From pop3d-convert+cut", "From pop3d-convertible+cut Mon",
		"From pop3d-convert+cut+cut Mon", "From x+cut Mon"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(convert_form(lines[i], strlen(lines[i])), 0);
}

static unsigned
flags_of(const char *header)
{
	return convert_flags_read((const unsigned char *)header, strlen(header));
}

static void
test_flags(void **state)
{
	char fields[64], letters[6];
	size_t n;

	(void)state;
	assert_int_equal(flags_of("Subject: x\n\nStatus: RO\n"), 0);
	assert_int_equal(flags_of("Status: O\n\n"), MAIL_FLAG_OLD);
	assert_int_equal(flags_of("Status: R\n\n"), MAIL_FLAG_SEEN | MAIL_FLAG_OLD);
	assert_int_equal(flags_of("status: RO\nx-status: AFDT\n\n"),
		MAIL_FLAG_OLD | MAIL_FLAG_SEEN | MAIL_FLAG_ANSWERED | MAIL_FLAG_FLAGGED |
			MAIL_FLAG_DELETED | MAIL_FLAG_DRAFT);
	/* All that there are come back. */
	for (unsigned flags = 0; flags < 32; flags++)
		for (int both = 0; both < 2; both++) {
			const unsigned all = flags == 0 ? 0 : flags | MAIL_FLAG_OLD;

			n = convert_flags_write(all, both != 0, fields);
			assert_true(n <= 63);
			assert_int_equal(
				convert_fields((const unsigned char *)fields, n), n);
			assert_int_equal(
				convert_flags_read((const unsigned char *)fields, n),
				all);
		}
	mail_detail_letters(MAIL_FLAG_DRAFT | MAIL_FLAG_FLAGGED | MAIL_FLAG_ANSWERED |
				    MAIL_FLAG_SEEN | MAIL_FLAG_DELETED | MAIL_FLAG_OLD,
		letters);
	assert_string_equal(letters, "DFRST");
	mail_detail_letters(MAIL_FLAG_OLD, letters);
	assert_string_equal(letters, "");
}

/* A message that begins with such a field itself. */
static void
test_fields_of_the_message(void **state)
{
	static const char own[] = "X-Status: A\nStatus: RO\n\nbody\n";
	char stored[128];
	size_t n;

	(void)state;
	assert_true(convert_flags_both((const unsigned char *)own, strlen(own)));
	n = convert_flags_write(MAIL_FLAG_OLD, true, stored);
	memcpy(stored + n, own, sizeof(own));
	assert_decoded(CONVERT_FLAGS, stored, own);
}

int
test_convert_codec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_many_arrows),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_form_of_others),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_fields_of_the_message),
	};

	return cmocka_run_group_tests_name("convert_codec", tests, NULL, NULL);
}
