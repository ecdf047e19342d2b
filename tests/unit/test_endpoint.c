#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/endpoint.h"
#include "tests/unit/tests.h"

static void
expect(enum config_tls_mode mode, const char *name, enum config_tls_mode tls,
	enum proxy_versions proxy)
{
	const struct config config = {
		.server = {.proxy = PROXY_V1}, .tls = {.mode = mode}};
	struct endpoint endpoint;

	memset(&endpoint, 0xa5, sizeof(endpoint));
	assert_true(endpoint_of(name, &config, &endpoint));
	assert_int_equal(endpoint.tls, tls);
	assert_int_equal(endpoint.proxy, proxy);
}

static void
test_names_that_say_nothing(void **state)
{
	static const char *const names[] = {"", "unknown", "connection", "pop3d.socket",
		"pop3d", "one", "imap+proxy-v9", "POP3S"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		expect(TLS_STARTTLS, names[i], TLS_STARTTLS, PROXY_V1);
		expect(TLS_IMPLICIT, names[i], TLS_IMPLICIT, PROXY_V1);
		expect(TLS_OFF, names[i], TLS_OFF, PROXY_V1);
	}
}

static void
test_names(void **state)
{
	(void)state;
	expect(TLS_STARTTLS, "pop3s", TLS_IMPLICIT, PROXY_V1);
	expect(TLS_STARTTLS, "pop3s.socket", TLS_IMPLICIT, PROXY_V1);
	expect(TLS_IMPLICIT, "pop3", TLS_STARTTLS, PROXY_V1);
	expect(TLS_OFF, "pop3", TLS_OFF, PROXY_V1);
	expect(TLS_STARTTLS, "pop3+proxy-v2", TLS_STARTTLS, PROXY_V2);
	expect(TLS_STARTTLS, "pop3s+proxy-any", TLS_IMPLICIT, PROXY_ANY);
	expect(TLS_STARTTLS, "pop3s+proxy-v1", TLS_IMPLICIT, PROXY_V1);
	expect(TLS_STARTTLS, "pop3+proxy-none", TLS_STARTTLS, PROXY_NONE);
}

/* A socket that was meant to have TLS must not end up without. */
static void
test_typing_errors(void **state)
{
	static const char *const names[] = {"pop3s+", "pop3s+proxy", "pop3+proxy-v3",
		"pop3s+proxy-v1+", "pop3s+proxy-v1x", "pop3s+PROXY-V1", "pop3+starttls",
		"pop3s.service"};
	const struct config config = {.tls = {.mode = TLS_STARTTLS}};
	struct endpoint endpoint;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(endpoint_of(names[i], &config, &endpoint));
}

int
test_endpoint(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_say_nothing),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_typing_errors),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
