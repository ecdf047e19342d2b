#include "tests/unit/auth_fixture.h"

#include "auth/nets.h"
#include "tests/unit/tests.h"

static void
lists_that_match(void **state)
{
	static const struct {
		const char *list, *address;
		bool match;
	} rows[] = {
		{"127.0.0.0/8", "127.255.0.1", true},
		{"127.0.0.0/8", "128.0.0.1", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.2.3/32", "10.1.2.2", false},
		{"10.1.2.2/31", "10.1.2.3", true},
		{"10.1.2.2/31", "10.1.2.4", false},
		{"10.1.2.3/17", "10.1.127.255", true},
		{"10.1.2.3/17", "10.1.128.0", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "::1", true},
		{"::/0", "1.2.3.4", false},
		{"::1,10.0.0.0/8", "10.9.9.9", true},
		{"::1,10.0.0.0/8", "::1", true},
		{"2001:abcd:abcd::/80", "2001:abcd:abcd::1", true},
		{"2001:abcd:abcd::/80", "2001:abcd:abcd:0:1::", false},
		{"fe80::/10", "febf::1", true},
		{"fe80::/10", "fec0::1", false},
		{"1.2.3.4", "::ffff:1.2.3.4", true},
		{"::ffff:1.2.3.4", "1.2.3.4", true},
		{"1.2.3.0/24", "::ffff:1.2.3.99", true},
		{"local", "", true},
		{"local", "127.0.0.1", false},
		{"127.0.0.1", "", false},
		{"127.0.0.1,local", "", true},
		{"0.0.0.0/0", "not an address", false},
		{"0.0.0.0/0", "fe80::1%eth0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(nets_are_valid(fixture_span(rows[i].list)));
		if (nets_match(fixture_span(rows[i].list), rows[i].address) !=
			rows[i].match)
			fail_msg("\"%s\" and \"%s\"", rows[i].list, rows[i].address);
	}
}

static void
lists_that_mean_nothing(void **state)
{
	static const char *const lists[] = {"", ",", "1.2.3.4,", ",1.2.3.4", "1.2.3",
		"1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/0x8",
		"1.2.3.4/4294967304", "::1/129", "::1/", "::ffff:1.2.3.4/104", "Local",
		"all", "1.2.3.4 ,::1", "1.2.3.4/8/8", "1.2.3.4-5", "localhost",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (nets_are_valid(fixture_span(lists[i])))
			fail_msg("\"%s\" was taken", lists[i]);
		/* Alone it lets nobody in. */
		assert_false(nets_match(fixture_span(lists[i]), "9.9.9.9"));
		assert_false(nets_match(fixture_span(lists[i]), ""));
	}
}

int
test_nets(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_that_match),
		cmocka_unit_test(lists_that_mean_nothing),
	};

	return cmocka_run_group_tests_name("nets", tests, NULL, NULL);
}
