#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/tls/setup.h"
#include "tests/unit/tests.h"

static struct ipc_message message;

static struct tls_setup
example(void)
{
	return (struct tls_setup){.log = "syslog",
		.log_level = 6,
		.run_directory = "/run/pop3d",
		.root_directory = "/empty",
		.root = true,
		.uid = 4294967290u,
		.gid = 7,
		.certificate = "/a /b",
		.key = "/c /d",
		.ocsp = "",
		.sni = "/sni",
		.protocols = "TLSv1.2 TLSv1.3",
		.ciphers = "",
		.ciphersuites = "x",
		.groups = "X25519",
		.client_ca = "/ca",
		.client_crl = "",
		.client_certificate = TLS_CLIENT_REQUIRED,
		.ticket_keys = "",
		.ticket_lifetime = 604800,
		.handshake_seconds = 600,
		.output_seconds = 86400,
		.connections = 100000};
}

static void
test_setup_there_and_back(void **state)
{
	const struct tls_setup setup = example();
	struct tls_setup got;
	int fd = tls_setup_write(&setup);

	(void)state;
	assert_true(fd >= 0);
	/* Twice: a process that executes itself anew reads it again. */
	for (int i = 0; i < 2; i++) {
		memset(&got, 0xa5, sizeof(got));
		assert_null(tls_setup_read(fd, &message, &got));
		assert_string_equal(got.log, setup.log);
		assert_string_equal(got.run_directory, setup.run_directory);
		assert_string_equal(got.root_directory, setup.root_directory);
		assert_string_equal(got.certificate, setup.certificate);
		assert_string_equal(got.key, setup.key);
		assert_string_equal(got.ocsp, setup.ocsp);
		assert_string_equal(got.sni, setup.sni);
		assert_string_equal(got.protocols, setup.protocols);
		assert_string_equal(got.ciphers, setup.ciphers);
		assert_string_equal(got.ciphersuites, setup.ciphersuites);
		assert_string_equal(got.groups, setup.groups);
		assert_string_equal(got.client_ca, setup.client_ca);
		assert_string_equal(got.client_crl, setup.client_crl);
		assert_string_equal(got.ticket_keys, setup.ticket_keys);
		assert_int_equal(got.log_level, setup.log_level);
		assert_int_equal(got.root, setup.root);
		assert_int_equal(got.uid, setup.uid);
		assert_int_equal(got.gid, setup.gid);
		assert_int_equal(got.client_certificate, setup.client_certificate);
		assert_int_equal(got.ticket_lifetime, setup.ticket_lifetime);
		assert_int_equal(got.handshake_seconds, setup.handshake_seconds);
		assert_int_equal(got.output_seconds, setup.output_seconds);
		assert_int_equal(got.connections, setup.connections);
	}
	assert_int_equal(close(fd), 0);
}

static void
test_setup_of_others(void **state)
{
	const struct tls_setup setup = example();
	struct tls_setup got;
	unsigned char octet = 0;
	int fd = tls_setup_write(&setup);
	off_t size = lseek(fd, 0, SEEK_END);

	(void)state;
	assert_int_equal(ftruncate(fd, size - 1), 0);
	assert_string_equal(tls_setup_read(fd, &message, &got), "the setup is malformed");
	/* The version stands first: a type, a length, then this. */
	assert_int_equal(pwrite(fd, &octet, 1, 5), 1);
	assert_string_equal(tls_setup_read(fd, &message, &got),
		"pop3d and pop3d-tls are of different versions");
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_non_null(tls_setup_read(fd, &message, &got));
	assert_int_equal(close(fd), 0);
	assert_non_null(tls_setup_read(-1, &message, &got));
}

int
test_tls_setup(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup_there_and_back),
		cmocka_unit_test(test_setup_of_others),
	};

	return cmocka_run_group_tests_name("tls_setup", tests, NULL, NULL);
}
