/*
 * The relay process.
 *
 * uid: server.user, in an empty root directory, unable to make processes, files or
 * descriptors.
 * Holds: the network connection, the keys of its TLS session and of tickets, the inner
 * stream; until the handshake is over a channel to the monitor and one to the key
 * process, which signs once for it.
 * Must never: know a mailbox or a user, act on what passes through it.
 */
#include "pop3d/tls/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/confine.h"
#include "pop3d/ipc.h"
#include "pop3d/tls/key_client.h"
#include "pop3d/tls/peer.h"
#include "pop3d/tls/pump.h"

#define MEGABYTES 256 /* many certificates fit */
#define LINGER_SECONDS 1

const char *
relay_confine(const struct tls_setup *setup)
{
	/* It may outlive the session, whose last reply it still has to deliver. */
	const struct confinement confinement = {.root = setup->root,
		.root_directory = setup->root_directory,
		.uid = setup->uid,
		.gid = setup->gid,
		.descriptors = TLS_FDS,
		.megabytes = MEGABYTES,
		.parent = 0,
		.role = SANDBOX_RELAY};

	/* Else libc would look for /etc/localtime whenever a certificate's time is read.
	 */
	if (setenv("TZ", "UTC0", 1) != 0)
		return "out of memory";
	tzset();
	return confine(&confinement);
}

void
relay_refuse(const char *detail)
{
	static struct ipc_message message;
	char text[128];

	(void)snprintf(text, sizeof(text), "%s", detail);
	ipc_begin(&message, IPC_TLS_DOWN);
	ipc_put_text(&message, text);
	(void)ipc_send(TLS_FD_CONTROL, &message);
}

/* Wait until the handshake can go on.  NULL, or why it cannot. */
static const char *
wait_for_client(int error, int64_t deadline)
{
	bool read = error == SSL_ERROR_WANT_READ;
	struct pollfd p[2] = {
		{.fd = read ? TLS_FD_IN : TLS_FD_OUT, .events = read ? POLLIN : POLLOUT},
		{.fd = TLS_FD_INNER, .events = 0}};
	int ready;

	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
		unsigned long code = ERR_peek_last_error();

		if (key_client_failed())
			return "the key process does not answer";
		const char *reason = ERR_reason_error_string(code);
		if (error == SSL_ERROR_SYSCALL || code == 0)
			return "closed by the client";
		return reason != NULL ? reason : "failed";
	}
	do
		ready = poll(p, 2, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return "timeout";
	/* The monitor has given up. */
	return p[1].revents != 0 ? "abandoned" : NULL;
}

/* NULL when it is done, or why it has failed. */
static const char *
handshake(SSL *ssl, const struct tls_setup *setup)
{
	int64_t deadline = clock_after(setup->handshake_seconds);
	const char *wrong = NULL;
	int done;

	key_client_use(TLS_FD_KEY, deadline);
	do {
		ERR_clear_error();
		done = SSL_accept(ssl);
		if (done != 1)
			wrong = wait_for_client(SSL_get_error(ssl, done), deadline);
	} while (done != 1 && wrong == NULL);
	return wrong;
}

static bool
make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool
tell_monitor(SSL *ssl)
{
	static struct ipc_message message;
	static struct tls_info info;

	tls_peer_describe(ssl, &info);
	ipc_begin(&message, IPC_TLS_UP);
	tls_info_put(&message, &info);
	return close(TLS_FD_KEY) == 0 && ipc_send(TLS_FD_CONTROL, &message) &&
	       close(TLS_FD_CONTROL) == 0;
}

/* A socket that is closed with input unread is reset, which can overtake what was sent.
 */
static void
linger(void)
{
	int64_t deadline = clock_after(LINGER_SECONDS);
	struct pollfd p = {.fd = TLS_FD_IN, .events = POLLIN};
	char discarded[4096];

	if (shutdown(TLS_FD_OUT, SHUT_WR) != 0)
		return;
	while (clock_left(deadline) > 0 && poll(&p, 1, clock_left(deadline)) > 0 &&
		read(TLS_FD_IN, discarded, sizeof(discarded)) > 0)
		;
}

/* The exit status. */
static int
serve(SSL *ssl, const struct tls_setup *setup)
{
	const char *wrong = NULL;

	if (!make_nonblocking(TLS_FD_IN) || !make_nonblocking(TLS_FD_OUT) ||
		!make_nonblocking(TLS_FD_INNER) || SSL_set_rfd(ssl, TLS_FD_IN) != 1 ||
		SSL_set_wfd(ssl, TLS_FD_OUT) != 1)
		wrong = "the stream cannot be used";
	if (wrong == NULL)
		wrong = handshake(ssl, setup);
	if (wrong != NULL) {
		relay_refuse(wrong);
		linger();
		return EX_PROTOCOL;
	}
	if (!tell_monitor(ssl))
		return EX_IOERR;
	pump_run(ssl, TLS_FD_IN, TLS_FD_OUT, TLS_FD_INNER, setup->output_seconds);
	linger();
	return EX_OK;
}

int
relay_run(SSL *ssl, const struct tls_setup *setup)
{
	int status = serve(ssl, setup);

	/* One that data went through goes with the process, which takes less time. */
	if (status != EX_OK)
		SSL_free(ssl);
	return status;
}
