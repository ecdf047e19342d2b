#include "tests/unit/tls_handshake.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tests.h"

static struct tls_talk talk;
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A session from a context of its own with these keys; NULL: it gave no ticket. */
static SSL_SESSION *
session_get(const struct ticket_keys *keys, const struct tls_client *wish)
{
	struct tls_pair pair = tls_pair_make(keys);
	SSL_SESSION *session;

	assert_true(tls_talk_begin(&talk, pair.context, wish));
	assert_int_equal(SSL_session_reused(talk.server), 0);
	session = tls_talk_session(&talk);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	return session;
}

/* Whether another process, with keys of its own, takes a session up. */
static bool
resumes(const struct ticket_keys *keys, const struct tls_client *wish)
{
	struct tls_pair pair = tls_pair_make(keys);
	bool resumed;

	assert_true(tls_talk_begin(&talk, pair.context, wish));
	resumed = SSL_session_reused(talk.server) == 1;
	assert_int_equal(SSL_session_reused(talk.client), resumed ? 1 : 0);
	tls_talk_end(&talk);
	tls_pair_free(&pair);
	return resumed;
}

static void
sessions_pass_from_process_to_process(void **state)
{
	const struct ticket_keys keys = tls_talk_keys(1), other = tls_talk_keys(2);

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client wish = {.version = versions[i]};
		wish.session = session_get(&keys, &wish);
		assert_non_null(wish.session);
		assert_true(resumes(&keys, &wish));
		assert_false(resumes(&other, &wish));
		assert_false(resumes(NULL, &wish));
		SSL_SESSION_free(wish.session);
	}
}

static void
old_keys_open_and_new_ones_seal(void **state)
{
	const struct ticket_keys old = tls_talk_keys(1), new = tls_talk_keys(2);
	struct ticket_keys both = tls_talk_keys(2);

	(void)state;
	memcpy(both.keys[1], old.keys[0], sizeof(both.keys[1]));
	both.n = 2;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client wish = {.version = versions[i]};
		struct tls_pair pair = tls_pair_make(&both);
		SSL_SESSION *renewed;
		wish.session = session_get(&old, &wish);
		assert_true(tls_talk_begin(&talk, pair.context, &wish));
		assert_int_equal(SSL_session_reused(talk.server), 1);
		renewed = tls_talk_session(&talk);
		assert_non_null(renewed);
		tls_talk_end(&talk);
		tls_pair_free(&pair);
		SSL_SESSION_free(wish.session);
		wish.session = renewed;
		assert_true(resumes(&new, &wish));
		assert_false(resumes(&old, &wish));
		SSL_SESSION_free(renewed);
	}
}

/* Under a name that is known, but sealed by somebody who knows no more than that. */
static void
forged_tickets_are_not_opened(void **state)
{
	const struct ticket_keys keys = tls_talk_keys(1);
	struct ticket_keys forged = tls_talk_keys(2);

	(void)state;
	memcpy(forged.keys[0], keys.keys[0], 16);
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client wish = {.version = versions[i]};
		wish.session = session_get(&forged, &wish);
		assert_false(resumes(&keys, &wish));
		assert_true(resumes(&forged, &wish));
		SSL_SESSION_free(wish.session);
	}
}

static void
no_keys_mean_no_tickets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		const struct tls_client wish = {.version = versions[i]};
		assert_null(session_get(NULL, &wish));
	}
}

/* A resident process keeps its context, and is given keys as they come and go. */
static void
keys_can_be_changed(void **state)
{
	static const struct ticket_keys none;
	const struct ticket_keys first = tls_talk_keys(1), second = tls_talk_keys(2);

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client wish = {.version = versions[i]};
		const struct ticket_keys *const turns[] = {
			&none, &first, &none, &second, &first};
		struct tls_pair pair = tls_pair_make(turns[0]);
		for (size_t k = 0; k < COUNT(turns); k++) {
			SSL_SESSION *session;
			tls_context_set_tickets(pair.context, turns[k]);
			assert_true(tls_talk_begin(&talk, pair.context, &wish));
			session = tls_talk_session(&talk);
			tls_talk_end(&talk);
			assert_int_equal(session != NULL, turns[k]->n > 0);
			if (session == NULL)
				continue;
			wish.session = session;
			assert_true(resumes(turns[k], &wish));
			wish.session = NULL;
			SSL_SESSION_free(session);
		}
		tls_pair_free(&pair);
	}
}

static void
sessions_end_with_their_lifetime(void **state)
{
	const struct ticket_keys keys = tls_talk_keys(1);

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client wish = {.version = versions[i]};
		struct tls_pair pair = tls_pair_make(&keys);
		SSL_SESSION *session;
		assert_true(tls_talk_begin(&talk, pair.context, &wish));
		session = SSL_get_session(talk.server);
		assert_int_equal(SSL_SESSION_get_timeout(session),
			tls_fixture_setup.ticket_lifetime);
		session = tls_talk_session(&talk);
		assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session),
			tls_fixture_setup.ticket_lifetime);
		SSL_SESSION_free(session);
		tls_talk_end(&talk);
		tls_pair_free(&pair);
	}
}

/* What was sent early could be sent again by somebody else. */
static void
early_data_is_not_invited(void **state)
{
	static const struct tls_client wish = {.version = TLS1_3_VERSION};
	const struct ticket_keys keys = tls_talk_keys(1);
	SSL_SESSION *session = session_get(&keys, &wish);

	(void)state;
	assert_non_null(session);
	assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
	SSL_SESSION_free(session);
}

/* One that is revoked meanwhile would come in by its session. */
static void
sessions_with_a_certificate_end(void **state)
{
	static const struct tls_fixture_wish wish = {
		.common_name = "ann", .authority = true};
	struct tls_fixture_identity ann = tls_fixture_make(&wish);
	const struct ticket_keys keys = tls_talk_keys(1);

	(void)state;
	tls_fixture_pem("ca.pem", 0644, &ann, NULL, NULL);
	tls_fixture_setup.client_ca = tls_fixture_path("ca.pem");
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct tls_client client = {.version = versions[i], .identity = &ann};
		tls_fixture_setup.client_certificate = TLS_CLIENT_OPTIONAL;
		client.session = session_get(&keys, &client);
		if (client.session != NULL)
			assert_false(resumes(&keys, &client));
		SSL_SESSION_free(client.session);
		/* Who has shown none may come back, unless one is required by now. */
		client.session = NULL;
		client.identity = NULL;
		client.session = session_get(&keys, &client);
		assert_non_null(client.session);
		assert_true(resumes(&keys, &client));
		tls_fixture_setup.client_certificate = TLS_CLIENT_REQUIRED;
		client.identity = &ann;
		assert_false(resumes(&keys, &client));
		SSL_SESSION_free(client.session);
	}
	tls_fixture_free(&ann);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, tls_fixture_set_up, tls_fixture_tear_down)

int
test_tls_resume(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_pass_from_process_to_process),
		TEST(old_keys_open_and_new_ones_seal),
		TEST(forged_tickets_are_not_opened),
		TEST(no_keys_mean_no_tickets),
		TEST(keys_can_be_changed),
		TEST(sessions_end_with_their_lifetime),
		TEST(early_data_is_not_invited),
		TEST(sessions_with_a_certificate_end),
	};

	return cmocka_run_group_tests_name("tls_resume", tests, NULL, NULL);
}
