#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "mailstore/import.h"
#include "tests/unit/import_fixture.h"
#include "tests/unit/tests.h"

#define DIGITS_64 "0123456789012345678901234567890123456789012345678901234567890123"

/* Parse a copy that ends where it ends, for the sanitizer and valgrind to watch. */
static enum import_result
parse(const char *text, size_t n, const char *format, struct import_log *log)
{
	char *copy = malloc(n > 0 ? n : 1);
	enum import_result result;

	assert_non_null(copy);
	memcpy(copy, text, n);
	result = import_dovecot_parse(copy, n, format, import_log_found, log);
	free(copy);
	return result;
}

static void
assert_parsed(const char *text, const char *format, const char *expected)
{
	struct import_log log = {0};

	assert_int_equal(parse(text, strlen(text), format, &log), IMPORT_OK);
	assert_string_equal(log.text, expected);
}

static void
assert_broken(const char *text)
{
	struct import_log log = {0};

	assert_int_equal(parse(text, strlen(text), NULL, &log), IMPORT_BROKEN);
	assert_string_equal(log.text, "");
}

/* Dovecot 2.3.19 wrote it. */
static const char version_3[] = "3 V1795632767 N6 Gcf6d96007f2e076bfb57000083ecc375\n"
				"1 W351 :1700000001.M1P1.host\n"
				"2 W351 :1700000002.M1P1.host\n"
				"5 W351 :1700000005.M1P1.host\n";

/* With pop3_save_uidl. */
static const char version_3_saved[] =
	"3 V1795632765 N5 G1dd7ae317d2e076bf257000083ecc375\n"
	"1 W351 P000000016b072e7d :1700000001.M1P1.host\n"
	"2 W351 P000000026b072e7d :1700000002.M1P1.host\n";

static void
test_version_3(void **state)
{
	(void)state;
	assert_parsed(version_3, NULL,
		"1700000001.M1P1.host 000000016b072e7f\n"
		"1700000002.M1P1.host 000000026b072e7f\n"
		"1700000005.M1P1.host 000000056b072e7f\n");
	assert_parsed(version_3, "%v-%u",
		"1700000001.M1P1.host 1795632767-1\n"
		"1700000002.M1P1.host 1795632767-2\n"
		"1700000005.M1P1.host 1795632767-5\n");
}

static void
test_saved_ids(void **state)
{
	static const char expected[] = "1700000001.M1P1.host 000000016b072e7d\n"
				       "1700000002.M1P1.host 000000026b072e7d\n";

	(void)state;
	assert_parsed(version_3_saved, NULL, expected);
	assert_parsed(version_3_saved, "%f", expected);
	assert_parsed(version_3_saved, "%m", expected);
	/* Empty: the base name.  The first of two counts. */
	assert_parsed(
		"3 V7 N9\n1 P S12 :a.b:2,S\n2 Pone Ptwo :c\n", NULL, "a.b a.b\nc one\n");
}

static void
test_version_1(void **state)
{
	(void)state;
	assert_parsed("1 1136073600 4\n1 a.host\n3 b.host:2,FS\n", NULL,
		"a.host 0000000143b71b80\nb.host 0000000343b71b80\n");
	/* Dovecot would not have given it yet. */
	assert_parsed("1 255 4\n1 a\n4 b\n", "%u", "a 1\n");
	/* Names are not looked into. */
	assert_parsed("1 255 9\n1 :a\n2 W1 :b\n", "%u", ":a 1\nW1  2\n");
}

static void
test_formats(void **state)
{
	static const char list[] = "3 V305419896 N99\n74 Gguid-1 :Base.1:2,S\n";

	(void)state;
	assert_parsed(list, "%08Xv%08Xu", "Base.1 123456780000004a\n");
	assert_parsed(list, "%g", "Base.1 guid-1\n");
	assert_parsed(list, "%f", "Base.1 Base.1\n");
	assert_parsed(list, "%Uf%Lf%Rf", "Base.1 BASE.1base.11.esaB\n");
	assert_parsed(list, "%Mf", "Base.1 9ff54dedcab5c2f426be4bd0a5eb99bc\n");
	assert_parsed(list, "%%%u%%", "Base.1 %74%\n");
	assert_parsed(list, "%2v.%2.3v.%-2.9v.%-9.04u", "Base.1 30.541.96.0074\n");
	assert_parsed(list, "%XXu%TUXu",
		"Base.1 0"
		"4a\n");
	assert_parsed(list, "%{uid}-%{uidvalidity}", "Base.1 74-305419896\n");
	assert_parsed(list, "%{uid | hex(8)}%{ uidvalidity|hex( 4 ) | upper }",
		"Base.1 0000004a5678\n");
	assert_parsed(list, "%{filename | lower}%{guid|hex}", "Base.1 base.10\n");
	/* A GUID that is not there, or is empty, is the base name. */
	assert_parsed("3 V1 N9\n1 :a:2,S\n2 G :b\n", "%g", "a a\nb b\n");
}

static void
test_ids_that_are_none(void **state)
{
	(void)state;
	assert_parsed("3 V1 N9\n1 P" DIGITS_64 "123456 :a\n2 P" DIGITS_64 "1234567 :b\n"
		      "3 P\x7f :c\n4 Px\ty :d\n5 P\xe9 :e\n6 :f g\n",
		"%f", "a " DIGITS_64 "123456\n");
	/* A format that makes none, as it comes out too long. */
	assert_parsed("3 V1 N9\n1 :a\n", "%070u",
		"a "
		"0000000000000000000000000000000000000000000000000000000000000000000001"
		"\n");
	assert_parsed("3 V1 N9\n1 :a\n", "%071u", "");
	assert_parsed("3 V1 N9\n1 :a\n", "%m", "");
}

static void
test_twice(void **state)
{
	(void)state;
	/* The first id and the last line of a name count. */
	assert_parsed("3 V1 N9\n1 Px :a\n2 Px :b\n3 Py :c\n", NULL, "a x\nc y\n");
	assert_parsed("3 V1 N9\n1 :a\n2 :b\n3 :a:2,S\n", "%u", "b 2\na 3\n");
	assert_parsed("3 V1 N9\n1 Px :a\n2 Px :b\n3 Py :a\n", NULL, "b x\na y\n");
}

static void
test_lines_that_say_nothing(void **state)
{
	(void)state;
	assert_parsed("3 V1 N9\n\n1\n1 \n2 :\n3 W1\n4 :a/b\n5:c\nx :d\n-6 :e\n0 :f\n"
		      "4294967295 :g\n4294967296 :h\n99999999999999999999 :i\n7 :ok\n",
		"%u", "ok 7\n");
	/* No line end: it is being written. */
	assert_parsed("3 V1 N9\n1 :a\n2 :bcd", "%u", "a 1\n");
	/* What Dovecot does not know it passes over. */
	assert_parsed("3 V1 N9\n1 wrong ?x Z  :a\r\n", "%u", "a 1\n");
	assert_parsed("3 V1 N9\n1 :.\n2 :..\n", "%u", ". 1\n.. 2\n");
}

static void
test_nul(void **state)
{
	static const char text[] = "3 V1 N9\n1 :a\0b\n2 Px\0y :c\n3 :d\n";
	struct import_log log = {0};

	(void)state;
	assert_int_equal(parse(text, sizeof(text) - 1, "%u", &log), IMPORT_OK);
	assert_string_equal(log.text, "d 3\n");
}

static void
test_long_names(void **state)
{
	char text[600] = "3 V1 N9\n1 :";
	struct import_log log = {0};
	const size_t start = strlen(text);

	(void)state;
	memset(text + start, 'n', 256);
	memcpy(text + start + 256, "\n2 :x\n", 7);
	assert_int_equal(parse(text, strlen(text), "%u", &log), IMPORT_OK);
	assert_string_equal(log.text, "x 2\n");
}

static void
test_broken_headers(void **state)
{
	(void)state;
	assert_broken("\n");
	assert_broken("3 V1 N2");
	assert_broken("2 1 2\n");
	assert_broken("10 1 2\n");
	assert_broken("1 5\n");
	assert_broken("1 0 5\n");
	assert_broken("1 x 5\n");
	assert_broken("3 N5\n");
	assert_broken("3 V5\n");
	assert_broken("3 V0 N5\n");
	assert_broken("3 V5x N5\n");
	assert_broken("3 V4294967296 N5\n");
	assert_broken("/3 6 1795632769\n");
}

static void
test_nothing(void **state)
{
	struct import_log log = {0};

	(void)state;
	assert_int_equal(parse("", 0, NULL, &log), IMPORT_NONE);
	assert_parsed("3 V1 N1\n", NULL, "");
}

static void
test_stopped(void **state)
{
	struct import_log log = {.left = 2};

	(void)state;
	errno = 0;
	assert_int_equal(
		parse(version_3, sizeof(version_3) - 1, "%u", &log), IMPORT_ERROR);
	assert_int_equal(errno, ENOMEM);
	assert_string_equal(log.text, "1700000001.M1P1.host 1\n1700000002.M1P1.host 2\n");
}

static void
test_format_check(void **state)
{
	static const char *const good[] = {"%08Xu%08Xv", "%f", "%g", "%m", "%Mf", "%v.%u",
		"%-2.3LUXRTMu", "%{uid}", "%{md5}",
		"%{uid | hex(8)}%{uidvalidity | hex(8)}"};
	static const char *const bad[] = {"", "x", "%", "%%", "%08X", "%d", "%u ",
		"%u\x7f", "%1000u", "%Hu", "%LLLLLLLLLLLu", "%-u-%--u", "%1.-2u", "%{",
		"%{}", "%{u}", "%{uid", "%{uid |}", "%{uid | md5}", "%{uid | hex(8}",
		"%{uid | hex(999)}", "%{uid | hexlify}", "%{uid uid}", "%8{uid}",
		"%{uidx}",
		"%{uid|lower|upper|lower|upper|lower|upper|lower|upper|lower|upper|hex}"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(import_dovecot_format_check(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_non_null(import_dovecot_format_check(bad[i]));
}

int
test_import_dovecot(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_3),
		cmocka_unit_test(test_saved_ids),
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_ids_that_are_none),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_lines_that_say_nothing),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_broken_headers),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_format_check),
	};

	return cmocka_run_group_tests_name("import_dovecot", tests, NULL, NULL);
}
