#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mechanisms.h"
#include "tests/unit/tests.h"

static struct auth_exchange exchange;
static const struct auth_peer peer = {
	.remote = "", .local = "", .hostname = "h", .banner = "", .certificate_user = ""};
static unsigned asked;

static void
log_count(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
	asked++;
}

static const char *
config_value(void *cookie, const char *module, const char *key)
{
	(void)cookie;
	(void)module;
	return strcmp(key, "result") == 0 ? "4" : NULL;
}

/* mod_puppet logs one line when it is asked, and always says yes. */
static int
setup(void **state)
{
	struct auth_chain_options options = {.directory = fixture_directory,
		.modules = "mod_puppet",
		.log = log_count,
		.config = config_value};
	char error[256];

	if (fixture_setup(state) != 0)
		return 1;
	fixture_module("mod_puppet");
	memset(&exchange, 0, sizeof(exchange));
	exchange.mechanism = auth_mechanism_find("USER");
	exchange.chain = auth_chain_load(&options, error, sizeof(error));
	exchange.peer = &peer;
	asked = 0;
	return exchange.mechanism == NULL || exchange.chain == NULL ||
	       !auth_chain_open(exchange.chain);
}

static int
teardown(void **state)
{
	auth_chain_free(exchange.chain);
	return fixture_teardown(state);
}

/* Leave anything but zeros where the next function has its variables. */
__attribute__((noinline)) static void
stack_soil(void)
{
	volatile unsigned char octets[8192];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = 'x';
}

/* The message is a copy of exactly n octets on the heap, for the sanitizers to watch. */
static enum auth_result
say(const char *text, size_t n)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	enum auth_result answer;

	assert_non_null(copy);
	memcpy(copy, text, n);
	memset(exchange.user, 0, sizeof(exchange.user));
	asked = 0;
	stack_soil();
	answer =
		auth_exchange_step(&exchange, (struct auth_span){n > 0 ? copy : NULL, n});
	assert_memory_equal(copy, text, n);
	free(copy);
	return answer;
}

static void
mechanisms_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(auth_mechanism_find("USER"), &auth_mechanism_user);
	assert_null(auth_mechanism_find("user"));
	assert_null(auth_mechanism_find("USE"));
	assert_null(auth_mechanism_find(""));
}

static void
user_and_password_are_asked_for(void **state)
{
	(void)state;
	assert_int_equal(say("jo\0ok", 5), AUTH_OK);
	assert_int_equal(asked, 1);
	assert_string_equal(exchange.user, "jo");
	assert_string_equal(exchange.out.identity.user, "jo");
	/* Blanks belong to the password, and any byte but NUL may be in it. */
	assert_int_equal(say("jo\0 \r\n\x01\xff ", 9), AUTH_OK);
	assert_int_equal(asked, 1);
}

static void
note_tried(struct auth_exchange *tried, struct auth_span secret)
{
	assert_string_equal(tried->user, "jo");
	assert_int_equal(secret.n, 2);
	assert_memory_equal(secret.p, "ok", 2);
	++*(unsigned *)tried->cookie;
}

/* Of each password that modules are asked about, and of nothing else. */
static void
tried_passwords_are_told(void **state)
{
	unsigned told = 0;

	(void)state;
	exchange.tried = note_tried;
	exchange.cookie = &told;
	assert_int_equal(say("jo\0ok", 5), AUTH_OK);
	assert_int_equal(told, 1);
	assert_int_equal(say("jo\0", 3), AUTH_DENY);
	assert_int_equal(told, 1);
	exchange.mechanism = auth_mechanism_find("APOP");
	(void)say("jo 0123456789abcdef0123456789abcdef", 35);
	assert_int_equal(told, 1);
}

static void
empty_password_asks_nobody(void **state)
{
	(void)state;
	assert_int_equal(say("jo\0", 3), AUTH_DENY);
	assert_int_equal(asked, 0);
	assert_string_equal(exchange.user, "jo");
	assert_string_equal(exchange.out.reason, "empty password");
	assert_string_equal(exchange.out.identity.user, "");
}

static void
malformed_messages_ask_nobody(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} messages[] = {
		{"", 0},
		{"jo", 2},
		{"\0ok", 3},
		{"j\no\0ok", 6},
		{"j\x7fo\0ok", 6},
		{"jo\0ok\0", 6},
		{"jo\0ok\0ok", 8},
		{"jo\0\0ok", 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		assert_int_equal(say(messages[i].text, messages[i].n), AUTH_DENY);
		assert_int_equal(asked, 0);
	}
}

static void
every_byte_in_a_name(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		char text[] = {'j', (char)c, '\0', 'o', 'k'};
		bool control = c < 0x20 || c == 0x7f;

		assert_int_equal(say(text, sizeof(text)), control ? AUTH_DENY : AUTH_OK);
		assert_true((exchange.user[0] == '\0') == control);
		assert_int_equal(asked, control ? 0 : 1);
	}
}

static void
limits_of_length(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	assert_int_equal(say(text, 256 + 1024), AUTH_OK);
	assert_int_equal(strlen(exchange.user), 255);
	assert_int_equal(say(text, 256 + 1025), AUTH_DENY);
	assert_int_equal(asked, 0);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(say(text, 260), AUTH_DENY);
	assert_int_equal(asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_mechanism(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mechanisms_are_found_by_name),
		TEST(user_and_password_are_asked_for),
		TEST(tried_passwords_are_told),
		TEST(empty_password_asks_nobody),
		TEST(malformed_messages_ask_nobody),
		TEST(every_byte_in_a_name),
		TEST(limits_of_length),
	};

	return cmocka_run_group_tests_name("mechanism", tests, NULL, NULL);
}
