#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/trust.h"
#include "tests/unit/tests.h"

static bool
has(const char *list, const char *text)
{
	struct address address;

	assert_true(address_of_text(&address, text, 1));
	return trust_has(list, &address);
}

static void
test_lists(void **state)
{
	(void)state;
	assert_true(trust_check(""));
	assert_true(trust_check("127.0.0.0/8 ::1"));
	assert_true(trust_check("  192.0.2.1   2001:db8::/32 "));
	assert_false(trust_check("127.0.0.0/33"));
	assert_false(trust_check("localhost"));
	assert_false(trust_check("127.0.0.1,127.0.0.2"));
	assert_false(trust_check("127.0.0.1 192.0.2.0/x"));
}

static void
test_members(void **state)
{
	static const char list[] = "127.0.0.0/8 192.0.2.1 2001:db8::/32";

	(void)state;
	assert_true(has(list, "127.255.0.1"));
	assert_true(has(list, "192.0.2.1"));
	assert_true(has(list, "::ffff:192.0.2.1"));
	assert_true(has(list, "2001:db8:1::9"));
	assert_false(has(list, "192.0.2.2"));
	assert_false(has(list, "2001:db9::1"));
	assert_false(has(list, "::1"));
	assert_false(has("", "127.0.0.1"));
}

/* A UNIX-domain socket has no address and is trusted; one that is gone has none either.
 */
static void
test_without_an_address(void **state)
{
	struct address address = {.local = true};

	(void)state;
	assert_true(trust_has("", &address));
	address.local = false;
	assert_false(trust_has("0.0.0.0/0 ::/0", &address));
}

int
test_trust(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_without_an_address),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
