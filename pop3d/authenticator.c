/*
 * The auth process.
 *
 * uid: root while it loads modules and opens their secrets; then server.user in an empty
 * root directory, unless a module needs root to the end.
 * Holds: a channel to the front, for what the client says; a channel to the monitor, for
 * the verdict; what the modules opened.
 * Must never: hold the client's stream, serve a second exchange, outlive its verdict.
 */
#include "pop3d/authenticator.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/mechanisms.h"
#include "pop3d/auth_process.h"
#include "pop3d/certificate.h"
#include "pop3d/ipc.h"
#include "pop3d/penalty.h"
#include "pop3d/sandbox.h"
#include "pop3d/seed.h"
#include "pop3d/verdict.h"

/* Take the message that was only looked at, which has been dealt with. */
static bool
drop_step(const struct authenticator *a, struct ipc_message *message)
{
	bool dropped =
		a->parts != PARTS_NONE || ipc_receive(a->credentials, message) == 1;

	ipc_wipe(message);
	return dropped;
}

/*
 * The next message of this attempt, its bytes in *in; false if there will be none.  Where
 * another process may have to answer instead, it stays where it is.
 */
static bool
next_step(const struct authenticator *a, struct ipc_message *message,
	struct auth_span *in, bool *cancelled)
{
	uint32_t attempt, kind;

	for (;;) {
		int got = a->parts == PARTS_NONE ? ipc_peek(a->credentials, message)
						 : ipc_receive(a->credentials, message);
		if (got != 1 || ipc_type(message) != IPC_STEP)
			return false;
		attempt = ipc_get_number(message);
		kind = ipc_get_number(message);
		in->p = ipc_get_bytes(message, &in->n);
		if (!ipc_end(message))
			return false;
		if (attempt >= a->attempt)
			break;
		if (!drop_step(a, message))
			return false;
	}
	if (kind == STEP_NOTHING)
		*in = (struct auth_span){NULL, 0};
	*cancelled = kind == STEP_CANCEL;
	return attempt == a->attempt && kind >= STEP_MESSAGE && kind <= STEP_CANCEL;
}

/* Whose turn it is: what the client takes to think is not time that modules take. */
static bool
tell_monitor(const struct authenticator *a, enum ipc_type type, const char *claimed)
{
	static struct ipc_message message;

	ipc_begin(&message, type);
	ipc_put_text(&message, claimed);
	return ipc_send(a->verdict, &message);
}

static bool
send_challenge(const struct authenticator *a, const struct auth_exchange *exchange)
{
	static struct ipc_message message;

	if (!tell_monitor(a, IPC_WAITING, exchange->user))
		return false;
	ipc_begin(&message, IPC_CHALLENGE);
	ipc_put_number(&message, a->attempt);
	ipc_put_bytes(&message, exchange->challenge, exchange->challenge_len);
	return ipc_send(a->credentials, &message);
}

/* The monitor must start another process, with all parts of the modules. */
static bool
wants_parts(const struct authenticator *a)
{
	return a->parts == PARTS_NONE &&
	       auth_chain_wants_parts(a->connection->service->chain);
}

static enum auth_result
run_exchange(const struct authenticator *a, struct auth_exchange *exchange)
{
	static struct ipc_message message;
	struct auth_span in;
	enum auth_result result;
	bool cancelled;

	do {
		if (!next_step(a, &message, &in, &cancelled) ||
			!tell_monitor(a, IPC_WORKING, exchange->user))
			return AUTH_TEMPFAIL;
		result = cancelled
				 ? auth_exchange_deny(exchange, "cancelled by the client")
				 : auth_exchange_step(exchange, in);
		if (wants_parts(a))
			break;
		if (!drop_step(a, &message))
			return AUTH_TEMPFAIL;
	} while (result == AUTH_MORE && send_challenge(a, exchange));
	ipc_wipe(&message);
	return result;
}

static void
ignore_signal(int number)
{
	(void)number;
}

/*
 * A module opened something that must be closed when the session ends, however it ends:
 * from now on nothing else may end this process.  Signals get a handler, since those that
 * are ignored would be so in programs that the module starts.
 */
static void
become_keeper(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	const struct sigaction action = {
		.sa_handler = ignore_signal, .sa_flags = SA_RESTART};

	(void)prctl(PR_SET_NAME, "pop3d-keeper", 0, 0, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &action, NULL);
	if (!sandbox_outlive_parent())
		log_message(LOG_ERR, "auth: cannot keep the session of a module");
}

/*
 * The monitor, which has become the session, holds the other end of the verdict's
 * channel, and nobody else does: when it is gone, so is the session.
 */
static void
keep(const struct authenticator *a)
{
	static struct ipc_message message;

	(void)close(a->credentials);
	while (ipc_receive(a->verdict, &message) > 0)
		;
	/* A module that hangs in its close() must not leave a process for each login. */
	(void)alarm((unsigned)a->connection->service->config->auth.timeout);
}

static struct auth_span
span_of(const struct tls_binding *binding)
{
	return (struct auth_span){binding->data, binding->n};
}

/*
 * Only where binding is offered: elsewhere a client that can bind says rightly that we
 * cannot (RFC 5802 section 6).
 */
static void
bind_channel(const struct connection *connection, struct auth_peer *peer)
{
	if (!connection_offers(connection, &auth_mechanism_scram_sha_256_plus))
		return;
	peer->exporter = span_of(&connection->info.exporter);
	peer->unique = span_of(&connection->info.unique);
	peer->end_point = span_of(&connection->info.end_point);
}

/* As root, who may be the only one to read the map. */
static void
find_certified(const struct authenticator *a, char name[AUTH_USER_MAX + 1])
{
	const struct config_tls *tls = &a->connection->service->config->tls;
	const char *wrong;

	name[0] = '\0';
	if (a->mechanism->proof != AUTH_PROOF_TRUSTED)
		return;
	wrong = certificate_user(&a->connection->info.certificate,
		(enum certificate_user)tls->client_user, tls->client_map, name);
	if (wrong != NULL)
		log_message(LOG_ERR, "tls.client_map: %s: %s", tls->client_map, wrong);
}

/* What makes marks of wrong passwords, and the last one. */
struct guesses {
	const char *network;
	struct host_key key;
	uint64_t mark;
};

static void
note_guess(struct auth_exchange *exchange, struct auth_span secret)
{
	struct guesses *guesses = exchange->cookie;

	guesses->mark =
		penalty_guess(&guesses->key, guesses->network, exchange->user, secret);
}

/* As root, who alone can read the key.  Whoever opens the table warns of what is amiss.
 */
static void
watch_guesses(const struct authenticator *a, struct auth_exchange *exchange,
	struct guesses *guesses)
{
	const struct connection *connection = a->connection;

	guesses->network = connection->peer.network;
	exchange->cookie = guesses;
	if (a->mechanism->proof == AUTH_PROOF_PASSWORD && connection_pays(connection) &&
		penalty_key(
			&guesses->key, connection->service->config->server.run_directory))
		exchange->tried = note_guess;
}

_Noreturn static void
leave_to_another(const struct authenticator *a)
{
	static struct ipc_message message;
	bool sent;

	ipc_begin(&message, IPC_AGAIN);
	sent = ipc_send(a->verdict, &message);
	auth_chain_free(a->connection->service->chain);
	_exit(sent ? EX_OK : EX_IOERR);
}

_Noreturn void
authenticator_run(const struct authenticator *a)
{
	unsigned char seed[SEED_OCTETS];
	struct verdict verdict = {.result = RESULT_TEMPFAIL};
	const struct connection *connection = a->connection;
	char certificate_user[AUTH_USER_MAX + 1];
	struct auth_peer peer = {
		.remote = connection->peer.text,
		.local = connection->self.text,
		.hostname = connection->service->config->server.hostname,
		.banner = connection->banner,
		.secure = connection->secure,
		.certificate_user = certificate_user,
		.seed = {seed, sizeof(seed)},
		.oauth_scope = connection->service->config->auth.oauth_scope,
		.oauth_discovery = connection->service->config->auth.oauth_discovery,
	};
	struct auth_exchange exchange = {.mechanism = a->mechanism, .peer = &peer};
	struct guesses guesses = {0};
	enum auth_result result;
	bool hold, sent;

	(void)prctl(PR_SET_NAME, "pop3d-auth", 0, 0, 0);
	find_certified(a, certificate_user);
	watch_guesses(a, &exchange, &guesses);
	connection->service->parts = a->parts;
	if (!auth_process_prepare(
		    connection->service, a->mechanism->proof, a->monitor, seed))
		_exit(EX_TEMPFAIL);
	bind_channel(connection, &peer);
	exchange.chain = a->connection->service->chain;
	result = run_exchange(a, &exchange);
	verdict.guess = guesses.mark;
	explicit_bzero(&guesses, sizeof(guesses));
	if (wants_parts(a))
		leave_to_another(a);
	memcpy(verdict.claimed, exchange.user, sizeof(verdict.claimed));
	verdict.out = exchange.out;
	verdict.result = auth_process_result(result);
	hold = verdict.result == RESULT_OK && verdict.out.hold != 0;
	if (hold)
		become_keeper();
	sent = verdict_send(a->verdict, &verdict);
	if (hold && sent)
		keep(a);
	/* Whatever became of the verdict, what modules opened is closed. */
	auth_chain_free(exchange.chain);
	_exit(sent ? EX_OK : EX_IOERR);
}
