/*
 * The AUTHORIZATION state: whole dialogues through fronts and the monitor that takes
 * their messages, with every mechanism, STLS and XCLIENT.  Each line gets one answer; a
 * front reads nothing behind the line that it serves; the monitor accuses no front of
 * breaking the protocol; and nobody is let in whom no module has let in.
 *
 * The input: options, then how the auth process acts in turn up to a NUL, then what the
 * client sends; with OPTION_LONG a '~' stands for very much.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/chain_state.h"
#include "auth/mechanisms.h"
#include "pop3d/front_state.h"
#include "pop3d/monitor_state.h"
#include "tests/fuzz/fake_module.h"
#include "tests/fuzz/lengthen.h"

/* A front ends its process, and knows its channels by their numbers: here there is one
 * process for all, which acts in the others' place whenever the front says something. */
static _Noreturn void end_front(int status);
static bool send_and_act(int fd, struct ipc_message *message);
static int control_fd, credentials_fd;

#undef FRONT_CONTROL
#undef FRONT_CREDENTIALS
#define FRONT_CONTROL control_fd
#define FRONT_CREDENTIALS credentials_fd
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
#define _exit(status) end_front(status)
#define ipc_send(fd, message) send_and_act(fd, message)

/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "pop3d/front.c"
#include "pop3d/front_attempt.c"
#include "pop3d/front_login.c"
#include "pop3d/monitor_messages.c"
/* NOLINTEND(bugprone-suspicious-include) */

#undef _exit
#undef ipc_send

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SENT_MAX 65536u

enum option {
	OPTION_PIPE = 1u << 0,
	OPTION_TLS = 1u << 1,
	OPTION_XCLIENT = 1u << 2,
	OPTION_LIMITS = 1u << 3,
	OPTION_PLAINTEXT = 1u << 4,
	OPTION_CERTIFICATE = 1u << 5,
	OPTION_GONE = 1u << 6, /* the client waits for no answer */
	OPTION_LONG = 1u << 7,
};

/* What the auth process does with a message of the client's. */
enum act {
	ACT_JUDGE,     /* its work; the module's answer is in the upper bits */
	ACT_DIE,       /* ends without a word, and the monitor makes that a failure */
	ACT_MALFORMED, /* sends what is no challenge */
	ACT_ANOTHER,   /* sends a challenge of another attempt */
	ACTS,
};

static struct monitor monitor;
static struct service service;
static struct config *config;
static struct auth_chain chain;
static struct auth_peer peer = {
	.remote = "192.0.2.1",
	.local = "192.0.2.2",
	.hostname = "pop.example.org",
	.seed = {(const unsigned char *)"seed", 4},
	.oauth_scope = "pop",
	.oauth_discovery = "https://example.org/.well-known/openid-configuration",
};
static struct auth_exchange exchange;
static jmp_buf front_ended;

/* One run. */
static struct {
	uint8_t options;
	const uint8_t *sent;
	size_t sent_n;
	const uint8_t *acts;
	size_t acts_n;
	int control, credentials; /* the ends of the monitor and the auth process */
	int client;
	enum monitor_wish wish;
	bool exchanging; /* the monitor knows of the attempt */
	bool logged_in;
	bool cut; /* the last line may be without an answer */
	uint32_t lines;
	unsigned fronts;
} run;

static void
check(bool good)
{
	if (!good)
		abort();
}

static _Noreturn void
end_front(int status)
{
	check(status == EX_OK);
	longjmp(front_ended, 1);
}

/* Whoever takes the stream over now must find what stands behind the last line. */
static void
check_position(void)
{
	int left = 0;
	size_t at;

	check(ioctl(monitor.connection.stream.in, FIONREAD, &left) == 0);
	check(left >= 0 && (size_t)left <= run.sent_n);
	at = run.sent_n - (size_t)left;
	check(at > 0 && run.sent[at - 1] == '\n');
}

static void
send_result(enum ipc_result result)
{
	static struct ipc_message message;
	bool last = ++monitor.attempts >= config->auth.max_attempts;

	run.exchanging = false;
	ipc_begin(&message, IPC_RESULT);
	ipc_put_number(&message, result);
	ipc_put_number(&message, last ? 1 : 0);
	check(ipc_send(run.control, &message));
}

static void
send_challenge_of(enum act act)
{
	static struct ipc_message message;
	uint32_t attempt = (uint32_t)monitor.attempts + 1;

	ipc_begin(&message, IPC_CHALLENGE);
	ipc_put_number(&message, act == ACT_ANOTHER ? attempt + 1 : attempt);
	ipc_put_bytes(&message, exchange.challenge, exchange.challenge_len);
	if (act == ACT_MALFORMED)
		ipc_put_number(&message, 0);
	run.cut = run.cut || act != ACT_JUDGE;
	check(ipc_send(run.credentials, &message));
}

/* As the verdict says: with success the front finds its channels closed. */
static void
give_verdict(enum auth_result result)
{
	if (result != AUTH_OK) {
		send_result(result == AUTH_DENY ? RESULT_DENIED : RESULT_TEMPFAIL);
		return;
	}
	check(fake_module.allowed);
	run.exchanging = false;
	run.logged_in = true;
	run.cut = true;
	check(shutdown(run.control, SHUT_RDWR) == 0);
}

static void
judge(const struct auth_span *in, uint32_t kind)
{
	enum auth_result result =
		kind == STEP_CANCEL ? AUTH_DENY : auth_exchange_step(&exchange, *in);

	check(exchange.challenge_len <= sizeof(exchange.challenge));
	check(memchr(exchange.user, '\0', sizeof(exchange.user)) != NULL);
	if (result == AUTH_MORE)
		send_challenge_of(ACT_JUDGE);
	else
		give_verdict(result);
}

/* Take the step that has come for this attempt, and act. */
static void
act_on_step(void)
{
	static struct ipc_message message;
	enum act act = ACT_JUDGE;
	struct auth_span in;
	uint32_t kind;

	check(ipc_receive(run.credentials, &message) == 1);
	check(ipc_type(&message) == IPC_STEP);
	check(ipc_get_number(&message) == monitor.attempts + 1);
	kind = ipc_get_number(&message);
	in.p = ipc_get_bytes(&message, &in.n);
	check(ipc_end(&message) && kind >= STEP_MESSAGE && kind <= STEP_CANCEL);
	if (kind == STEP_NOTHING)
		in = (struct auth_span){NULL, 0};
	fake_module_answer(0);
	if (run.acts_n > 0) {
		act = run.acts[0] % ACTS;
		fake_module_answer(run.acts[0] / ACTS);
		run.acts++;
		run.acts_n--;
	}
	if (act == ACT_JUDGE)
		judge(&in, kind);
	else if (act == ACT_DIE)
		send_result(RESULT_TEMPFAIL);
	else
		send_challenge_of(act);
}

static void
begin_attempt(void)
{
	struct connection *connection = &monitor.connection;
	bool binds = connection_offers(connection, &auth_mechanism_scram_sha_256_plus);

	free(exchange.state);
	memset(&exchange, 0, sizeof(exchange));
	exchange.mechanism = monitor.mechanism;
	exchange.chain = &chain;
	exchange.peer = &peer;
	peer.banner = connection->banner;
	peer.secure = connection->secure;
	peer.certificate_user = connection->info.certificate.verified ? "jo" : "";
	peer.exporter = (struct auth_span){
		connection->info.exporter.data, binds ? connection->info.exporter.n : 0};
	fake_module.allowed = false;
	run.exchanging = true;
	act_on_step();
}

static bool
send_and_act(int fd, struct ipc_message *message)
{
	bool sent = ipc_send(fd, message);

	check(sent);
	if (fd == credentials_fd) {
		check_position();
		/* The first step is there before the monitor hears of the attempt. */
		if (run.exchanging)
			act_on_step();
		return sent;
	}
	run.wish = monitor_next(&monitor);
	check(strcmp(monitor.reason, "protocol") != 0);
	if (run.wish == MONITOR_ATTEMPT)
		begin_attempt();
	else if (run.wish != MONITOR_OVER)
		check_position();
	return sent;
}

static void
run_front(void)
{
	static struct front front;
	const struct front_start start = {.greet = run.fronts++ == 0,
		.attempts = (uint32_t)monitor.attempts,
		.lines = monitor.lines,
		.octets = monitor.octets};
	int control[2], credentials[2];

	check(ipc_pair(control) && ipc_pair(credentials));
	monitor.control = run.control = control[0];
	run.credentials = credentials[0];
	control_fd = control[1];
	credentials_fd = credentials[1];
	run.wish = MONITOR_OVER;
	memset(&front, 0, sizeof(front));
	if (setjmp(front_ended) == 0)
		serve(&front, &monitor.connection, &start);
	run.lines = front.lines;
	for (int i = 0; i < 2; i++)
		check(close(control[i]) == 0 && close(credentials[i]) == 0);
}

/* What the monitor does between two fronts. */
static void
change_connection(void)
{
	struct connection *connection = &monitor.connection;

	if (run.wish == MONITOR_XCLIENT) {
		monitor.before_xclient = *connection;
		connection->xclient = true;
		connection_take_header(connection, &monitor.header);
		return;
	}
	if (connection->xclient)
		*connection = monitor.before_xclient;
	connection->tls = true;
	connection->info.exporter.n = 32;
	connection->info.certificate.verified = (run.options & OPTION_CERTIFICATE) != 0;
	connection_settle(connection);
}

/* Lines of a multi-line reply are skipped; answers and challenges are counted. */
static size_t
count_answers(const char *out, size_t n)
{
	size_t answers = 0;
	bool inside = false;

	while (n > 0) {
		const char *end = memmem(out, n, "\r\n", 2);
		size_t length = end != NULL ? (size_t)(end - out) : 0;

		check(end != NULL && memchr(out, '\0', length) == NULL);
		if (inside) {
			inside = length != 1 || out[0] != '.';
		} else {
			check((length >= 4 && memcmp(out, "+OK ", 4) == 0) ||
				(length >= 5 && memcmp(out, "-ERR ", 5) == 0) ||
				(length >= 2 && memcmp(out, "+ ", 2) == 0));
			check(length + 2 <= 512 || out[1] == ' ');
			inside = memmem(out, length, " follow", 7) != NULL;
			answers++;
		}
		n -= length + 2;
		out = end + 2;
	}
	check(!inside);
	return answers;
}

/* Everything the fronts have written: the greeting, and an answer to each line. */
static void
check_output(void)
{
	static char out[1 << 20];
	size_t n = 0, answers;
	ssize_t got;

	while ((got = recv(run.client, out + n, sizeof(out) - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	answers = count_answers(out, n);
	check(answers == run.lines + 1 || (run.cut && answers == run.lines) ||
		(strcmp(monitor.reason, "login-octets") == 0 &&
			answers == run.lines + 2));
}

static void
set_up(void)
{
	bool few = (run.options & OPTION_LIMITS) != 0;

	if (config == NULL) {
		config = config_new();
		check(config != NULL && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
		free(config->auth.mechanisms);
		config->auth.mechanisms = strdup(
			"USER PLAIN LOGIN APOP CRAM-MD5 SCRAM-SHA-256 SCRAM-SHA-256-PLUS "
			"OAUTHBEARER XOAUTH2 EXTERNAL");
		free(config->server.hostname);
		config->server.hostname = strdup("pop.example.org");
		check(config->auth.mechanisms != NULL && config->server.hostname != NULL);
		fake_chain(&chain);
	}
	config->limits.login_commands = few ? 8 : 1000;
	config->limits.login_octets = few ? 400 : 1000000;
	config->limits.bad_commands = few ? 3 : 1000;
	config->auth.max_attempts = few ? 2 : 1000;
	config->server.xclient = (run.options & OPTION_XCLIENT) != 0;
	config->auth.plaintext_login =
		(run.options & OPTION_PLAINTEXT) != 0 ? PLAINTEXT_ALWAYS : PLAINTEXT_TLS;
	service.config = config;
	service.tls = (run.options & OPTION_TLS) != 0;
}

/* The client's octets are all there, and after them the end. */
static void
connect_client(void)
{
	const int room = 4 << 20;
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i < 2; i++)
		check(setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room,
			      sizeof(room)) == 0);
	check(send(pair[1], run.sent, run.sent_n, MSG_DONTWAIT) == (ssize_t)run.sent_n);
	check(shutdown(pair[1], SHUT_WR) == 0);
	connection_init(&monitor.connection, &service, pair[0], pair[0]);
	if ((run.options & OPTION_PIPE) != 0)
		monitor.connection.stream.socket = false;
	run.client = pair[1];
}

/* Take the input apart; false if it is none. */
static bool
read_input(const uint8_t *data, size_t size)
{
	static uint8_t text[LENGTHENED(SENT_MAX)];
	const uint8_t *nul = size > 1 ? memchr(data + 1, '\0', size - 1) : NULL;

	memset(&run, 0, sizeof(run));
	if (nul == NULL || size > SENT_MAX)
		return false;
	run.options = data[0];
	run.acts = data + 1;
	run.acts_n = (size_t)(nul - run.acts);
	run.sent = nul + 1;
	run.sent_n = size - run.acts_n - 2;
	/* From a pipe one octet is read at a time. */
	if ((run.options & (OPTION_LONG | OPTION_PIPE)) == OPTION_LONG) {
		run.sent_n = lengthen(run.sent, run.sent_n, text);
		run.sent = text;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!read_input(data, size))
		return 0;
	memset(&monitor, 0, sizeof(monitor));
	set_up();
	connect_client();
	if ((run.options & OPTION_GONE) != 0)
		check(close(run.client) == 0);
	do {
		run_front();
		if (run.wish == MONITOR_STLS || run.wish == MONITOR_XCLIENT)
			change_connection();
	} while (run.wish == MONITOR_STLS || run.wish == MONITOR_XCLIENT);
	free(exchange.state);
	exchange.state = NULL;
	if ((run.options & OPTION_GONE) == 0) {
		check_output();
		check(close(run.client) == 0);
	}
	check(close(monitor.connection.stream.in) == 0);
	return 0;
}
