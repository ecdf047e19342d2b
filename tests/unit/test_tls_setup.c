#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "pop3d/tls/info.h"
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
		.output_seconds = 86400};
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
		assert_string_equal(got.log, "syslog");
		assert_string_equal(got.certificate, "/a /b");
		assert_string_equal(got.ocsp, "");
		assert_string_equal(got.ticket_keys, "");
		assert_string_equal(got.groups, "X25519");
		assert_true(got.root);
		assert_int_equal(got.uid, 4294967290u);
		assert_int_equal(got.gid, 7);
		assert_int_equal(got.client_certificate, TLS_CLIENT_REQUIRED);
		assert_int_equal(got.output_seconds, 86400);
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

static struct tls_info
example_info(void)
{
	struct tls_info info = {.resumed = true};

	memcpy(info.protocol, "TLSv1.3", sizeof("TLSv1.3"));
	memset(info.sni, 'a', TLS_NAME_MAX);
	info.exporter.n = 32;
	memset(info.exporter.data, 7, 32);
	info.end_point.n = TLS_BINDING_MAX;
	info.certificate.verified = true;
	memset(info.certificate.subject, 'b', TLS_SUBJECT_MAX);
	memset(info.certificate.fingerprint, 'a',
		sizeof(info.certificate.fingerprint) - 1);
	info.certificate.n_emails = TLS_EMAILS_MAX;
	memcpy(info.certificate.emails[TLS_EMAILS_MAX - 1], "x@y", sizeof("x@y"));
	return info;
}

static void
put(const struct tls_info *info)
{
	ipc_begin(&message, IPC_TLS_UP);
	tls_info_put(&message, info);
	assert_false(message.bad);
	message.at = 1;
}

static void
test_info_there_and_back(void **state)
{
	const struct tls_info info = example_info();
	struct tls_info got;
	size_t whole;

	(void)state;
	put(&info);
	whole = message.n;
	assert_true(tls_info_get(&message, &got));
	assert_true(ipc_end(&message));
	assert_memory_equal(&got, &info, sizeof(got));
	for (message.n = 1; message.n < whole; message.n++) {
		message.at = 1;
		message.bad = false;
		assert_false(tls_info_get(&message, &got));
		assert_false(got.certificate.verified);
	}
}

static void
test_info_lies(void **state)
{
	struct tls_info info = example_info(), got;

	(void)state;
	info.sni[3] = '\n';
	put(&info);
	assert_false(tls_info_get(&message, &got));
	info = example_info();
	info.certificate.common_name[0] = 0x7f;
	put(&info);
	assert_false(tls_info_get(&message, &got));
	info = example_info();
	info.certificate.emails[0][0] = 1;
	put(&info);
	assert_false(tls_info_get(&message, &got));
	info = example_info();
	put(&info);
	/* More octets of a binding than there is room for. */
	ipc_begin(&message, IPC_TLS_UP);
	for (int i = 0; i < 3; i++)
		ipc_put_text(&message, "");
	ipc_put_number(&message, 0);
	ipc_put_bytes(&message, info.sni, TLS_BINDING_MAX + 1);
	message.at = 1;
	assert_false(tls_info_get(&message, &got));
}

int
test_tls_setup(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup_there_and_back),
		cmocka_unit_test(test_setup_of_others),
		cmocka_unit_test(test_info_there_and_back),
		cmocka_unit_test(test_info_lies),
	};

	return cmocka_run_group_tests_name("tls_setup", tests, NULL, NULL);
}
