#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/address.h"
#include "tests/unit/tests.h"

static struct address address;

static void
set_ipv4(const char *text, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memset(&address, 0xa5, sizeof(address));
	address_set(&address, (struct sockaddr *)&in, sizeof(in));
}

static void
set_ipv6(const char *text, uint16_t port)
{
	struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
	memset(&address, 0xa5, sizeof(address));
	address_set(&address, (struct sockaddr *)&in, sizeof(in));
}

static void
expect(const char *text, uint16_t port, bool local)
{
	assert_string_equal(address.text, text);
	assert_int_equal(address.port, port);
	assert_int_equal(address.local, local);
}

static void
test_ipv4(void **state)
{
	(void)state;
	set_ipv4("192.0.2.7", 110);
	expect("192.0.2.7", 110, false);
	set_ipv4("127.0.0.1", 65535);
	expect("127.0.0.1", 65535, true);
	set_ipv4("127.255.255.254", 1);
	expect("127.255.255.254", 1, true);
	set_ipv4("126.255.255.255", 1);
	expect("126.255.255.255", 1, false);
	set_ipv4("128.0.0.1", 1);
	expect("128.0.0.1", 1, false);
	set_ipv4("1.0.0.127", 0);
	expect("1.0.0.127", 0, false);
	set_ipv4("0.0.0.0", 0);
	expect("0.0.0.0", 0, false);
}

static void
test_ipv6(void **state)
{
	(void)state;
	set_ipv6("2001:db8::7", 995);
	expect("2001:db8::7", 995, false);
	set_ipv6("::1", 110);
	expect("::1", 110, true);
	set_ipv6("::", 110);
	expect("::", 110, false);
	set_ipv6("::2", 110);
	expect("::2", 110, false);
	set_ipv6("fe80::1", 110);
	expect("fe80::1", 110, false);
	set_ipv6("1111:2222:3333:4444:5555:6666:7777:8888", 110);
	expect("1111:2222:3333:4444:5555:6666:7777:8888", 110, false);
}

/* One client has one name, whichever kind of socket it came in by. */
static void
test_mapped(void **state)
{
	(void)state;
	set_ipv6("::ffff:192.0.2.7", 110);
	expect("192.0.2.7", 110, false);
	set_ipv6("::ffff:127.0.0.1", 110);
	expect("127.0.0.1", 110, true);
	set_ipv6("::fffe:127.0.0.1", 110);
	assert_false(address.local);
	/* These are not mapped, and not loopback. */
	set_ipv6("::7f00:1", 110);
	assert_false(address.local);
}

static void
test_others(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr other = {.sa_family = AF_UNSPEC};

	(void)state;
	address_set(&address, (struct sockaddr *)&un, sizeof(un));
	expect("", 0, true);
	address_set(&address, (struct sockaddr *)&un, sizeof(sa_family_t));
	expect("", 0, true);
	address_set(&address, &other, sizeof(other));
	expect("", 0, false);
	/* Cut short: what is not there must not count. */
	address_set(&address, (struct sockaddr *)&in, sizeof(in) - 1);
	expect("", 0, false);
	in.sin_family = AF_INET6;
	address_set(&address, (struct sockaddr *)&in, sizeof(in));
	expect("", 0, false);
}

static void
test_tcp(void **state)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;
	struct address self;

	(void)state;
	assert_true(listener >= 0 && client >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &n), 0);
	/* A network socket without a peer is not a local one. */
	address_of_peer(client, &address);
	expect("", 0, false);
	assert_int_equal(connect(client, (struct sockaddr *)&in, n), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	address_of_self(server, &address);
	expect("127.0.0.1", ntohs(in.sin_port), true);
	address_of_peer(client, &address);
	expect("127.0.0.1", ntohs(in.sin_port), true);
	address_of_self(client, &self);
	address_of_peer(server, &address);
	expect("127.0.0.1", self.port, true);
	assert_true(self.port != 0);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(server), 0);
	assert_int_equal(close(listener), 0);
}

static void
test_no_network(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	memset(&address, 0xa5, sizeof(address));
	address_of_peer(fds[0], &address);
	expect("", 0, true);
	memset(&address, 0xa5, sizeof(address));
	address_of_self(fds[0], &address);
	expect("", 0, true);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	memset(&address, 0xa5, sizeof(address));
	address_of_peer(fds[0], &address);
	expect("", 0, true);
	memset(&address, 0xa5, sizeof(address));
	address_of_self(fds[1], &address);
	expect("", 0, true);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
}

int
test_address(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_no_network),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
