#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/verdict.h"
#include "tests/unit/tests.h"

static int fds[2];
static struct ipc_message message;
static struct verdict sent, got;

static int
set_up(void **state)
{
	(void)state;
	memset(&sent, 0, sizeof(sent));
	memset(&got, 0xa5, sizeof(got));
	return ipc_pair(fds) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return close(fds[0]) == 0 && close(fds[1]) == 0 ? 0 : -1;
}

static void
set(char *member, size_t size, const char *text)
{
	int n = snprintf(member, size, "%s", text);

	assert_true(n >= 0 && (size_t)n < size);
}

static void
fill_sent(enum ipc_result result)
{
	struct auth_identity *identity = &sent.out.identity;

	sent.result = result;
	set(sent.claimed, sizeof(sent.claimed), "Jo");
	set(sent.out.reason, sizeof(sent.out.reason), "because");
	set(identity->user, sizeof(identity->user), "jo");
	identity->uid = 1001;
	identity->gid = 1002;
	set(identity->home, sizeof(identity->home), "/home/jo");
	set(identity->mail, sizeof(identity->mail), "maildir:~/Mail");
	identity->login_delay = 300;
	identity->expire = AUTH_EXPIRE_NEVER;
	sent.out.hold = 1;
	sent.guess = UINT64_C(0x123456789abcdef0);
}

/* Leaves in `message` what sent comes to. */
static void
transmit(void)
{
	assert_true(verdict_send(fds[0], &sent));
	memset(&message, 0xa5, sizeof(message));
	assert_int_equal(ipc_receive(fds[1], &message), 1);
}

static void
test_round_trip(void **state)
{
	(void)state;
	fill_sent(RESULT_OK);
	transmit();
	assert_true(verdict_read(&message, &got));
	assert_int_equal(got.result, RESULT_OK);
	assert_string_equal(got.claimed, "Jo");
	assert_string_equal(got.out.reason, "because");
	assert_string_equal(got.out.identity.user, "jo");
	assert_int_equal(got.out.identity.uid, 1001);
	assert_int_equal(got.out.identity.gid, 1002);
	assert_string_equal(got.out.identity.home, "/home/jo");
	assert_string_equal(got.out.identity.mail, "maildir:~/Mail");
	assert_int_equal(got.out.identity.login_delay, 300);
	assert_true(got.out.identity.expire == AUTH_EXPIRE_NEVER);
	assert_int_equal(got.out.hold, 1);
	assert_true(got.guess == 0);
}

/* No identity goes along with a failure. */
static void
test_failures(void **state)
{
	(void)state;
	for (unsigned result = RESULT_TEMPFAIL; result < RESULT_OK; result++) {
		fill_sent((enum ipc_result)result);
		transmit();
		memset(&got, 0xa5, sizeof(got));
		assert_true(verdict_read(&message, &got));
		assert_int_equal(got.result, result);
		assert_string_equal(got.claimed, "Jo");
		assert_string_equal(got.out.reason, "because");
		assert_string_equal(got.out.identity.user, "");
		assert_int_equal(got.out.identity.uid, 0);
		assert_int_equal(got.out.hold, 0);
		assert_string_equal(got.out.identity.home, "");
		assert_string_equal(got.out.identity.mail, "");
		/* Only one that was wrong is a guess. */
		assert_true(got.guess == (result == RESULT_DENIED ? sent.guess : 0));
	}
}

static void
test_none(void **state)
{
	(void)state;
	fill_sent(RESULT_OK);
	sent.claimed[0] = '\0';
	sent.out.reason[0] = '\0';
	sent.out.identity.uid = (uid_t)-1;
	sent.out.identity.gid = (gid_t)-1;
	sent.out.identity.mail[0] = '\0';
	transmit();
	assert_true(verdict_read(&message, &got));
	assert_string_equal(got.claimed, "");
	assert_string_equal(got.out.reason, "");
	assert_true(got.out.identity.uid == (uid_t)-1);
	assert_true(got.out.identity.gid == (gid_t)-1);
	assert_string_equal(got.out.identity.mail, "");
}

/* Each text as long as it can be: all of it still fits into one message. */
static void
test_longest(void **state)
{
	struct auth_identity *identity = &sent.out.identity;

	(void)state;
	sent.result = RESULT_OK;
	memset(sent.claimed, 'c', sizeof(sent.claimed) - 1);
	memset(sent.out.reason, 'r', sizeof(sent.out.reason) - 1);
	memset(identity->user, 'u', sizeof(identity->user) - 1);
	memset(identity->home, 'h', sizeof(identity->home) - 1);
	memset(identity->mail, 'm', sizeof(identity->mail) - 1);
	transmit();
	assert_true(verdict_read(&message, &got));
	assert_string_equal(got.claimed, sent.claimed);
	assert_string_equal(got.out.reason, sent.out.reason);
	assert_string_equal(got.out.identity.user, identity->user);
	assert_string_equal(got.out.identity.home, identity->home);
	assert_string_equal(got.out.identity.mail, identity->mail);
}

/* Whatever is cut off its end, and whatever is put behind it. */
static void
test_truncated(void **state)
{
	static struct ipc_message cut;

	(void)state;
	for (unsigned result = RESULT_TEMPFAIL; result <= RESULT_OK; result++) {
		fill_sent((enum ipc_result)result);
		transmit();
		for (size_t n = 1; n < message.n; n++) {
			cut = message;
			cut.n = n;
			/* Octets behind the end must not be read. */
			memset(cut.data + n, 0, sizeof(cut.data) - n);
			assert_false(verdict_read(&cut, &got));
			assert_true(got.result != RESULT_OK);
		}
		cut = message;
		cut.data[cut.n++] = 0;
		assert_false(verdict_read(&cut, &got));
		assert_true(got.result != RESULT_OK);
		assert_true(verdict_read(&message, &got));
	}
}

static void
test_wrong_type(void **state)
{
	(void)state;
	fill_sent(RESULT_OK);
	for (unsigned type = 0; type < 256; type++) {
		transmit();
		message.data[0] = (unsigned char)type;
		assert_int_equal(verdict_read(&message, &got), type == IPC_VERDICT);
		assert_int_equal(got.result == RESULT_OK, type == IPC_VERDICT);
	}
}

/* A result that there is not, and each of the others with the fields of another. */
static void
test_wrong_result(void **state)
{
	static const uint32_t results[] = {
		RESULT_OK + 1, 255, 256, 0x01000003, 0x80000003, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		fill_sent(RESULT_DENIED);
		transmit();
		memcpy(message.data + 1, &results[i], 4);
		assert_false(verdict_read(&message, &got));
		assert_true(got.result != RESULT_OK);
	}
	for (uint32_t result = RESULT_TEMPFAIL; result <= RESULT_OK; result++) {
		fill_sent(result == RESULT_OK ? RESULT_DENIED : RESULT_OK);
		transmit();
		memcpy(message.data + 1, &result, 4);
		assert_false(verdict_read(&message, &got));
		assert_true(got.result != RESULT_OK);
	}
}

/* One field after the other that does not fit where it must go. */
static void
test_wrong_fields(void **state)
{
	static char long_text[AUTH_PATH_MAX + 2];
	static const size_t room[] = {sizeof(sent.claimed), sizeof(sent.out.reason),
		sizeof(sent.out.identity.user), 0, sizeof(sent.out.identity.home),
		sizeof(sent.out.identity.mail), 0};
	const size_t fields = sizeof(room) / sizeof(room[0]);

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	/* No field is wrong in the last round. */
	for (size_t wrong = 0; wrong <= fields; wrong++)
		for (size_t way = 0; way < 2; way++) {
			ipc_begin(&message, IPC_VERDICT);
			ipc_put_number(&message, RESULT_OK);
			for (size_t i = 0; i < fields; i++) {
				if (room[i] == 0) {
					ipc_put_number(&message, 1001);
					ipc_put_number(&message, 1001);
				} else if (i != wrong) {
					ipc_put_text(&message, "/x");
				} else if (way == 0) {
					ipc_put_bytes(&message, long_text, room[i]);
				} else {
					ipc_put_bytes(&message, "a\0b", 3);
				}
			}
			ipc_put_number(&message, 0);
			assert_false(message.bad);
			assert_int_equal(verdict_read(&message, &got),
				wrong == fields || room[wrong] == 0);
		}
}

static void
test_nobody_listens(void **state)
{
	int closed;

	(void)state;
	fill_sent(RESULT_OK);
	assert_int_equal(close(fds[1]), 0);
	assert_false(verdict_send(fds[0], &sent));
	closed = dup(fds[0]);
	assert_true(closed >= 0);
	fds[1] = closed;
}

int
test_verdict(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_longest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truncated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_result, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_fields, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
