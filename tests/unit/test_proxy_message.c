#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/proxy_message.h"
#include "tests/unit/tests.h"

static struct ipc_message message;

static void
put(const struct proxy_header *header)
{
	ipc_begin(&message, IPC_PROXY);
	proxy_message_put(&message, header);
	assert_false(message.bad);
	message.at = 1;
}

static struct proxy_header
example(void)
{
	struct proxy_header header = {.addressed = true, .tls = true, .verified = true};

	assert_true(address_of_text(&header.peer, "2001:db8::1", 65535));
	assert_true(address_of_text(&header.self, "192.0.2.1", 995));
	memcpy(header.protocol, "TLSv1.2", sizeof("TLSv1.2"));
	memcpy(header.session, "abc", sizeof("abc"));
	memset(header.common_name, 'x', sizeof(header.common_name) - 1);
	return header;
}

static void
test_there_and_back(void **state)
{
	const struct proxy_header header = example();
	struct proxy_header got;

	(void)state;
	put(&header);
	assert_true(proxy_message_get(&message, &got));
	assert_memory_equal(&got.peer, &header.peer, sizeof(got.peer));
	assert_memory_equal(&got.self, &header.self, sizeof(got.self));
	assert_string_equal(got.protocol, header.protocol);
	assert_string_equal(got.common_name, header.common_name);
	assert_string_equal(got.session, header.session);
	assert_true(got.tls && got.verified && got.addressed && !got.health_check);
}

static void
test_cut_short(void **state)
{
	const struct proxy_header header = example();
	struct proxy_header got;
	size_t whole;

	(void)state;
	put(&header);
	whole = message.n;
	for (size_t n = 1; n < whole; n++) {
		message.n = n;
		message.at = 1;
		message.bad = false;
		assert_false(proxy_message_get(&message, &got));
	}
}

/* An address that is none, from a process that may have been taken over. */
static void
test_lies(void **state)
{
	struct proxy_header header = example(), got;

	(void)state;
	memcpy(header.peer.text, "localhost", sizeof("localhost"));
	put(&header);
	assert_false(proxy_message_get(&message, &got));
	header = example();
	header.peer.text[0] = '\0';
	put(&header);
	assert_false(proxy_message_get(&message, &got));
	header = example();
	header.self.text[0] = '\0';
	put(&header);
	assert_true(proxy_message_get(&message, &got));
	/* It is local only if its address is. */
	header = example();
	header.peer.local = true;
	put(&header);
	assert_true(proxy_message_get(&message, &got));
	assert_false(got.peer.local);
}

int
test_proxy_message(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests_name("proxy_message", tests, NULL, NULL);
}
