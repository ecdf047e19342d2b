#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mechanisms.h"
#include "tests/unit/tests.h"

#define GOOD "n,a=jo,\1auth=Bearer x\1\1"

static struct auth_exchange exchange;
static struct auth_peer peer;
static unsigned asked;
static const char *result, *found; /* what mod_puppet answers */

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
	if (strcmp(key, "user") == 0)
		return found;
	if (strcmp(key, "reason") == 0)
		return strcmp(result, "4") == 0 ? NULL : "of mod_puppet";
	return strcmp(key, "result") == 0 ? result : NULL;
}

static int
setup(void **state)
{
	const struct auth_chain_options options = {.directory = fixture_directory,
		.modules = "mod_puppet",
		.log = log_count,
		.config = config_value};
	char error[256];

	if (fixture_setup(state) != 0)
		return 1;
	fixture_module("mod_puppet");
	peer = (struct auth_peer){.remote = "",
		.local = "192.0.2.1",
		.hostname = "pop.example.org",
		.banner = "",
		.certificate_user = ""};
	memset(&exchange, 0, sizeof(exchange));
	exchange.chain = auth_chain_load(&options, error, sizeof(error));
	exchange.peer = &peer;
	return exchange.chain == NULL || !auth_chain_open(exchange.chain);
}

static int
teardown(void **state)
{
	auth_chain_free(exchange.chain);
	free(exchange.state);
	return fixture_teardown(state);
}

static void
begin(const struct auth_mechanism *mechanism, const char *answer, const char *user)
{
	free(exchange.state);
	exchange.state = NULL;
	exchange.steps = 0;
	exchange.user[0] = '\0';
	exchange.mechanism = mechanism;
	result = answer;
	found = user;
	asked = 0;
}

static enum auth_result
say(const char *text)
{
	return auth_exchange_step(&exchange, fixture_span(text));
}

static void
assert_challenge(const char *text)
{
	assert_int_equal(exchange.challenge_len, strlen(text));
	assert_memory_equal(exchange.challenge, text, strlen(text));
}

static void
right_tokens_open(void **state)
{
	const struct auth_span nothing = {NULL, 0};

	(void)state;
	begin(&auth_mechanism_oauthbearer, "4", "jo");
	assert_int_equal(say(GOOD), AUTH_OK);
	assert_string_equal(exchange.user, "jo");
	assert_string_equal(exchange.out.identity.user, "jo");
	/* Nobody claimed: the token tells. */
	begin(&auth_mechanism_oauthbearer, "4", "jo@example.org");
	assert_int_equal(say("n,,\1auth=Bearer x\1\1"), AUTH_OK);
	assert_string_equal(exchange.user, "");
	assert_string_equal(exchange.out.identity.user, "jo@example.org");
	/* In a line of its own. */
	begin(&auth_mechanism_xoauth2, "4", "jo");
	assert_int_equal(auth_exchange_step(&exchange, nothing), AUTH_MORE);
	assert_int_equal(exchange.challenge_len, 0);
	assert_int_equal(say("user=jo\1auth=Bearer x\1\1"), AUTH_OK);
	assert_int_equal(asked, 1);
}

static void
tokens_of_others_open_nothing(void **state)
{
	static const char *const others[] = {"joe", "Jo", "jo@example.org"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin(&auth_mechanism_oauthbearer, "4", others[i]);
		assert_int_equal(say(GOOD), AUTH_MORE);
		assert_string_equal(exchange.out.identity.user, "");
		assert_int_equal(say("\1"), AUTH_DENY);
		assert_string_equal(exchange.out.reason, "a token of another user");
	}
	begin(&auth_mechanism_oauthbearer, "4", NULL);
	assert_int_equal(say("n,,\1auth=Bearer x\1\1"), AUTH_MORE);
	assert_int_equal(say("\1"), AUTH_DENY);
	assert_string_equal(exchange.out.reason, "a token of nobody");
}

static void
refusals_are_told_and_stand(void **state)
{
	static const char *const answers[] = {"\1", "", "whatever", GOOD};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		begin(&auth_mechanism_oauthbearer, "1", NULL);
		assert_int_equal(say(GOOD), AUTH_MORE);
		assert_challenge("{\"status\":\"invalid_token\",\"schemes\":\"bearer\"}");
		result = "4";
		assert_int_equal(say(answers[i]), AUTH_DENY);
		assert_string_equal(exchange.out.reason, "of mod_puppet");
		assert_string_equal(exchange.user, "jo");
		assert_int_equal(asked, 1);
	}
	peer.oauth_scope = "mail";
	begin(&auth_mechanism_xoauth2, "1", NULL);
	assert_int_equal(say("user=jo\1auth=Bearer x\1\1"), AUTH_MORE);
	assert_challenge(
		"{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}");
	peer.oauth_discovery = "https://id.example.org/x";
	begin(&auth_mechanism_oauthbearer, "1", NULL);
	assert_int_equal(say("n,,\1auth=\1\1"), AUTH_MORE);
	assert_challenge("{\"status\":\"invalid_token\",\"schemes\":\"bearer\","
			 "\"scope\":\"mail\","
			 "\"openid-configuration\":\"https://id.example.org/x\"}");
	assert_int_equal(asked, 0);
	assert_int_equal(say("\1"), AUTH_DENY);
	assert_string_equal(exchange.out.reason, "no bearer token");
}

static void
trouble_and_nonsense_end_at_once(void **state)
{
	(void)state;
	begin(&auth_mechanism_oauthbearer, "0", NULL);
	assert_int_equal(say(GOOD), AUTH_TEMPFAIL);
	begin(&auth_mechanism_oauthbearer, "4", "jo");
	assert_int_equal(say("\1"), AUTH_DENY);
	assert_int_equal(say(""), AUTH_DENY);
	assert_int_equal(say("user=jo\1auth=Bearer x\1\1"), AUTH_DENY);
	begin(&auth_mechanism_xoauth2, "4", "jo");
	assert_int_equal(say(GOOD), AUTH_DENY);
	assert_int_equal(asked, 0);
}

static void
tokens_for_other_hosts_ask_nobody(void **state)
{
	static const char *const others[] = {
		"pop.example.com", "pop.example.or", "pop.example.orgg", "", "192.0.2.2"};
	static const char *const ours[] = {
		"pop.example.org", "POP.Example.ORG", "192.0.2.1"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin(&auth_mechanism_oauthbearer, "4", "jo");
		(void)snprintf(text, sizeof(text),
			"n,a=jo,\1host=%s\1port=110\1auth=Bearer x\1\1", others[i]);
		assert_int_equal(say(text), AUTH_MORE);
		assert_int_equal(asked, 0);
		assert_int_equal(say("\1"), AUTH_DENY);
		assert_string_equal(exchange.out.reason, "meant for another host");
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		begin(&auth_mechanism_oauthbearer, "4", "jo");
		(void)snprintf(text, sizeof(text),
			"n,a=jo,\1host=%s\1port=110\1auth=Bearer x\1\1", ours[i]);
		assert_int_equal(say(text), AUTH_OK);
	}
	/* No address is known: an empty host is none either. */
	peer.local = "";
	begin(&auth_mechanism_oauthbearer, "4", "jo");
	assert_int_equal(say("n,a=jo,\1host=\1auth=Bearer x\1\1"), AUTH_MORE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_oauth_exchange(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_tokens_open),
		TEST(tokens_of_others_open_nothing),
		TEST(refusals_are_told_and_stand),
		TEST(trouble_and_nonsense_end_at_once),
		TEST(tokens_for_other_hosts_ask_nobody),
	};

	return cmocka_run_group_tests_name("oauth_exchange", tests, NULL, NULL);
}
