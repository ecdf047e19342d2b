#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lock_fixture.h"
#include "tests/unit/tests.h"

static void
test_round_trip(void **state)
{
	struct lock_holder self, other;
	char text[LOCK_TEXT];

	(void)state;
	assert_true(lock_holder_self(&self, 86400));
	for (enum lock_state s = LOCK_HELD; s <= LOCK_FREE; s++) {
		self.state = s;
		lock_text_make(text, &self);
		assert_ptr_equal(memchr(text, '\n', sizeof text), text + sizeof text - 1);
		lock_text_parse(&other, text, sizeof text);
		assert_int_equal(other.state, s);
		assert_string_equal(other.host, self.host);
		assert_string_equal(other.machine, self.machine);
		assert_string_equal(other.boot, self.boot);
		assert_string_equal(other.pid, self.pid);
		assert_string_equal(other.start, self.start);
		assert_string_equal(other.generation, self.generation);
		assert_int_equal(other.lease, 86400);
	}
}

/* Every field at its longest fits. */
static void
test_longest(void **state)
{
	struct lock_holder long_one = {.state = LOCK_HELD, .lease = 86400}, other;
	char text[LOCK_TEXT];

	(void)state;
	memset(long_one.host, 'h', sizeof long_one.host - 1);
	memset(long_one.machine, 'a', sizeof long_one.machine - 1);
	memset(long_one.boot, 'b', sizeof long_one.boot - 1);
	memset(long_one.pid, '1', sizeof long_one.pid - 1);
	memset(long_one.start, '2', sizeof long_one.start - 1);
	memset(long_one.generation, 'c', sizeof long_one.generation - 1);
	lock_text_make(text, &long_one);
	lock_text_parse(&other, text, sizeof text);
	assert_int_equal(other.state, LOCK_HELD);
	assert_string_equal(other.host, long_one.host);
	assert_string_equal(other.generation, long_one.generation);
}

static void
test_nobody(void **state)
{
	struct lock_holder holder, self;

	(void)state;
	assert_true(lock_holder_self(&self, 30));
	lock_text_parse(&holder, "", 0);
	assert_int_equal(holder.state, LOCK_FREE);
	assert_false(lock_holder_is_here(&holder, &self));
}

/* A changed octet, or the beginning of one text before the end of another, is no text. */
static void
test_damage(void **state)
{
	struct lock_holder self, other = lock_holder_elsewhere(), holder;
	char text[LOCK_TEXT], second[LOCK_TEXT], mixed[LOCK_TEXT];

	(void)state;
	assert_true(lock_holder_self(&self, 30));
	self.state = LOCK_FREE;
	lock_text_make(text, &self);
	lock_text_make(second, &other);
	for (size_t i = 0; i < sizeof text; i++) {
		memcpy(mixed, text, sizeof mixed);
		mixed[i] ^= 1;
		lock_text_parse(&holder, mixed, sizeof mixed);
		assert_int_equal(holder.state, LOCK_UNKNOWN);
		assert_false(lock_holder_is_here(&holder, &self));
		lock_text_parse(&holder, text, i);
		assert_int_equal(holder.state, i == 0 ? LOCK_FREE : LOCK_UNKNOWN);
		memcpy(mixed, text, i);
		memcpy(mixed + i, second + i, sizeof mixed - i);
		if (memcmp(mixed, text, sizeof mixed) == 0 ||
			memcmp(mixed, second, sizeof mixed) == 0)
			continue;
		lock_text_parse(&holder, mixed, sizeof mixed);
		assert_int_equal(holder.state, LOCK_UNKNOWN);
	}
}

static uint64_t
sum_of(const char *line)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *line != '\0'; line++)
		hash = (hash ^ (unsigned char)*line) * UINT64_C(0x100000001b3);
	return hash;
}

static void
parse_line(struct lock_holder *holder, const char *line)
{
	char text[LOCK_TEXT];
	int n;

	n = snprintf(text, sizeof text, "%s sum=%016" PRIx64, line, sum_of(line));
	assert_true(n > 0 && (size_t)n < sizeof text - 1);
	memset(text + n, ' ', sizeof text - (size_t)n);
	text[sizeof text - 1] = '\n';
	lock_text_parse(holder, text, sizeof text);
}

/* Sound sums over what no pop3d of this version writes. */
static void
test_forged(void **state)
{
	static const char *const good =
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=30 "
		"generation=0";
	static const char *const bad[] = {
		"",
		" ",
		"pop3d-lock 2 held host=a machine=- boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 keen host=a machine=- boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host= machine=- boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host=a%s machine=- boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host=\033[m machine=- boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=z boot=- pid=1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=-1 start=- lease=30 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=0 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=- "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=86401 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=999999 "
		"generation=0",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=30 "
		"generation=0 "
		"x",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=30",
		"pop3d-lock 1 held host=a machine=- boot=- pid=1 start=- lease=30 "
		"generation=00000000000000000",
	};
	struct lock_holder holder;

	(void)state;
	parse_line(&holder, good);
	assert_int_equal(holder.state, LOCK_HELD);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		parse_line(&holder, bad[i]);
		assert_int_equal(holder.state, LOCK_UNKNOWN);
		assert_string_equal(holder.host, "-");
		assert_string_equal(holder.pid, "-");
	}
}

static void
set(char *field, size_t size, const char *value)
{
	snprintf(field, size, "%s", value);
}

static void
test_here(void **state)
{
	struct lock_holder self, holder;

	(void)state;
	assert_true(lock_holder_self(&self, 30));
	set(self.host, sizeof self.host, "pop1");
	set(self.machine, sizeof self.machine, "aa");
	set(self.boot, sizeof self.boot, "bb");
	holder = self;
	assert_true(lock_holder_is_here(&holder, &self));
	/* A container of the same kernel; it shares the locks. */
	set(holder.host, sizeof holder.host, "other");
	set(holder.machine, sizeof holder.machine, "cc");
	assert_true(lock_holder_is_here(&holder, &self));
	/* Restarted. */
	holder = self;
	set(holder.boot, sizeof holder.boot, "dd");
	assert_true(lock_holder_is_here(&holder, &self));
	/* Neither a name nor a machine id alone makes a machine. */
	set(holder.machine, sizeof holder.machine, "cc");
	assert_false(lock_holder_is_here(&holder, &self));
	set(holder.machine, sizeof holder.machine, "aa");
	set(holder.host, sizeof holder.host, "other");
	assert_false(lock_holder_is_here(&holder, &self));
	/* What is not known equals nothing. */
	set(self.machine, sizeof self.machine, "-");
	set(self.boot, sizeof self.boot, "-");
	holder = self;
	assert_false(lock_holder_is_here(&holder, &self));
}

int
test_lock_text(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests_name("lock_text", tests, NULL, NULL);
}
