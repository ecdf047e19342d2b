#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/connection.h"
#include "tests/unit/tests.h"

static struct config config;
static struct service service;
static struct connection connection;
static char mechanisms[] = "USER PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL "
			   "OAUTHBEARER";
static char networks[] = "127.0.0.0/8";

static int
set_up(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&connection, 0, sizeof(connection));
	config.auth.mechanisms = mechanisms;
	config.auth.plaintext_login = PLAINTEXT_LOCAL;
	config.server.trusted_networks = networks;
	service = (struct service){.config = &config, .tls = true};
	connection.service = &service;
	return address_of_text(&connection.peer, "127.0.0.1", 1110) &&
			       address_of_text(&connection.self, "127.0.0.1", 110)
		       ? 0
		       : -1;
}

static bool
offers(const char *name)
{
	connection_settle(&connection);
	return connection_offers(&connection, auth_mechanism_find(name));
}

static void
set_peer(const char *text)
{
	assert_true(address_of_text(&connection.peer, text, 1));
}

static void
test_passwords(void **state)
{
	static const bool expected[4][3] = {
		/* from elsewhere, from this host, inside TLS */
		[PLAINTEXT_NEVER] = {false, false, false},
		[PLAINTEXT_TLS] = {false, false, true},
		[PLAINTEXT_LOCAL] = {false, true, true},
		[PLAINTEXT_ALWAYS] = {true, true, true},
	};

	(void)state;
	for (unsigned policy = PLAINTEXT_NEVER; policy <= PLAINTEXT_ALWAYS; policy++) {
		config.auth.plaintext_login = policy;
		connection.tls = connection.forwarded = false;
		set_peer("192.0.2.1");
		assert_int_equal(offers("USER"), expected[policy][0]);
		set_peer("127.0.0.1");
		assert_int_equal(offers("PLAIN"), expected[policy][1]);
		set_peer("192.0.2.1");
		connection.tls = true;
		assert_int_equal(offers("PLAIN"), expected[policy][2]);
		connection.tls = false;
		connection.forwarded = true;
		assert_int_equal(offers("USER"), expected[policy][2]);
	}
}

static void
test_what_needs_tls(void **state)
{
	(void)state;
	set_peer("192.0.2.1");
	assert_false(offers("OAUTHBEARER"));
	assert_false(offers("SCRAM-SHA-256-PLUS"));
	assert_false(offers("EXTERNAL"));
	connection.tls = true;
	assert_true(offers("OAUTHBEARER"));
	assert_false(offers("SCRAM-SHA-256-PLUS"));
	assert_false(offers("EXTERNAL"));
	connection.info.end_point.n = 32;
	assert_true(offers("SCRAM-SHA-256-PLUS"));
	connection.info.certificate.verified = true;
	assert_true(offers("EXTERNAL"));
}

static void
test_stls(void **state)
{
	(void)state;
	assert_true(connection_offers_stls(&connection));
	connection.tls = true;
	assert_false(connection_offers_stls(&connection));
	connection.tls = false;
	connection.forwarded = true;
	assert_false(connection_offers_stls(&connection));
	connection.forwarded = false;
	service.tls = false;
	assert_false(connection_offers_stls(&connection));
}

static struct proxy_header
header_from(const char *peer)
{
	struct proxy_header header = {
		.addressed = true, .tls = true, .verified = true, .session = "id"};

	assert_true(address_of_text(&header.peer, peer, 40000));
	assert_true(address_of_text(&header.self, "198.51.100.1", 995));
	memcpy(header.protocol, "TLSv1.3", sizeof("TLSv1.3"));
	memcpy(header.common_name, "ann", sizeof("ann"));
	return header;
}

static void
test_a_proxys_word(void **state)
{
	const struct proxy_header header = header_from("192.0.2.9");

	(void)state;
	connection_take_header(&connection, &header);
	assert_true(connection.proxied);
	assert_string_equal(connection.peer.text, "192.0.2.9");
	assert_string_equal(connection.self.text, "198.51.100.1");
	assert_string_equal(connection.via.text, "127.0.0.1");
	assert_string_equal(connection.session, "id");
	/* Nothing says that its TLS is to be believed. */
	assert_false(connection.forwarded);
	assert_false(offers("USER"));
	assert_true(connection_offers_stls(&connection));
	/* The proxy is still who it is. */
	assert_true(connection_is_trusted(&connection));
}

static void
test_forwarded_tls(void **state)
{
	const struct proxy_header header = header_from("192.0.2.9");

	(void)state;
	config.tls.forwarded = FORWARDED_YES;
	connection_take_header(&connection, &header);
	assert_true(connection.forwarded);
	assert_true(offers("USER"));
	assert_false(offers("EXTERNAL"));
	assert_false(offers("SCRAM-SHA-256-PLUS"));
	config.tls.forwarded = FORWARDED_CERTIFICATE;
	connection_take_header(&connection, &header);
	assert_true(offers("EXTERNAL"));
	assert_string_equal(connection.info.certificate.common_name, "ann");
}

/* What is local to a proxy on another host is not local to us. */
static void
test_a_claimed_local_address(void **state)
{
	struct proxy_header header = header_from("127.0.0.1");

	(void)state;
	connection_take_header(&connection, &header);
	assert_true(connection.peer.local);
	assert_int_equal(set_up(NULL), 0);
	set_peer("192.0.2.1");
	connection_take_header(&connection, &header);
	assert_false(connection.peer.local);
	assert_false(connection.secure);
	/* A header that names nobody says that the client is not the proxy. */
	assert_int_equal(set_up(NULL), 0);
	header = (struct proxy_header){.addressed = false};
	connection_take_header(&connection, &header);
	assert_false(connection.peer.local);
	assert_int_equal(set_up(NULL), 0);
	header.health_check = true;
	connection_take_header(&connection, &header);
	assert_true(connection.peer.local);
}

/* Nothing of whom we took for the client before is left. */
static void
test_another_client(void **state)
{
	struct proxy_header header = header_from("192.0.2.9");

	(void)state;
	connection.tls = true;
	connection.info.certificate.verified = true;
	connection.info.exporter.n = 32;
	header.tls = false;
	connection_take_header(&connection, &header);
	assert_false(offers("EXTERNAL"));
	assert_false(offers("SCRAM-SHA-256-PLUS"));
	assert_true(offers("USER"));
	/* It came to the proxy in the clear. */
	header.plain = true;
	connection_take_header(&connection, &header);
	assert_false(offers("USER"));
	assert_false(connection.secure);
}

/* What our own handshake found out is not overwritten by what a proxy says. */
static void
test_own_tls_comes_first(void **state)
{
	const struct proxy_header header = header_from("192.0.2.9");

	(void)state;
	config.tls.forwarded = FORWARDED_CERTIFICATE;
	connection.tls = true;
	connection_take_header(&connection, &header);
	assert_false(connection.info.certificate.verified);
	assert_string_equal(connection.info.protocol, "");
}

static void
test_when_xclient_is_taken(void **state)
{
	(void)state;
	assert_false(connection_offers_xclient(&connection));
	config.server.xclient = 1;
	assert_true(connection_offers_xclient(&connection));
	connection.xclient = true;
	assert_false(connection_offers_xclient(&connection));
	connection.xclient = false;
	set_peer("192.0.2.1");
	assert_false(connection_offers_xclient(&connection));
	/* Nor when it is a proxy who is trusted, and speaks for that one. */
	assert_int_equal(address_of_text(&connection.via, "127.0.0.1", 1), 1);
	connection.proxied = true;
	assert_false(connection_offers_xclient(&connection));
}

int
test_connection(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_passwords, set_up),
		cmocka_unit_test_setup(test_what_needs_tls, set_up),
		cmocka_unit_test_setup(test_stls, set_up),
		cmocka_unit_test_setup(test_a_proxys_word, set_up),
		cmocka_unit_test_setup(test_forwarded_tls, set_up),
		cmocka_unit_test_setup(test_own_tls_comes_first, set_up),
		cmocka_unit_test_setup(test_a_claimed_local_address, set_up),
		cmocka_unit_test_setup(test_another_client, set_up),
		cmocka_unit_test_setup(test_when_xclient_is_taken, set_up),
	};

	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
