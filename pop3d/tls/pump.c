#include "pop3d/tls/pump.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/clock.h"

#define BLOCK 16384u /* the largest record, RFC 8446 section 5.1 */

/* One direction: octets that have been read and not yet been written. */
struct flow {
	size_t at, n;
	bool ended; /* nothing more will be read */
	unsigned char data[BLOCK];
};

/* What must happen before either flow can move on. */
struct wants {
	short in, out, inner;
};

struct pump {
	SSL *ssl;
	int in, out, inner;
	struct flow up;   /* from the client */
	struct flow down; /* to the client */
	bool shut;        /* the end of the client's input has been passed on */
	bool dead;        /* nothing can be sent to the client any more */
	bool moved;       /* some octets did in this round */
	struct wants wants;
};

/* Note what an operation waits for; false if it has failed for good. */
static bool
waits(struct pump *p, int result)
{
	switch (SSL_get_error(p->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		p->wants.in |= POLLIN;
		return true;
	case SSL_ERROR_WANT_WRITE:
		p->wants.out |= POLLOUT;
		return true;
	default:
		return false;
	}
}

static void
read_client(struct pump *p)
{
	int n;

	if (p->up.n > 0 || p->up.ended)
		return;
	ERR_clear_error();
	n = SSL_read(p->ssl, p->up.data, BLOCK);
	if (n > 0) {
		p->up.at = 0;
		p->up.n = (size_t)n;
		p->moved = true;
	} else if (!waits(p, n)) {
		/* Cut short or closed in order: without QUIT both delete nothing. */
		p->up.ended = true;
	}
}

static void
write_inner(struct pump *p)
{
	ssize_t n;

	if (p->up.n > 0) {
		n = send(p->inner, p->up.data + p->up.at, p->up.n,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			/* It may be a password. */
			explicit_bzero(p->up.data + p->up.at, (size_t)n);
			p->up.at += (size_t)n;
			p->up.n -= (size_t)n;
			p->moved = true;
		} else if (errno == EAGAIN || errno == EINTR) {
			p->wants.inner |= POLLOUT;
		} else {
			/* The session has left: nobody will read what the client says. */
			p->up.n = 0;
			p->up.ended = true;
		}
	}
	if (p->up.n == 0 && p->up.ended && !p->shut) {
		p->shut = true;
		(void)shutdown(p->inner, SHUT_WR);
	}
}

static void
read_inner(struct pump *p)
{
	ssize_t n;

	if (p->down.n > 0 || p->down.ended)
		return;
	n = recv(p->inner, p->down.data, BLOCK, MSG_DONTWAIT);
	if (n > 0) {
		p->down.at = 0;
		p->down.n = (size_t)n;
		p->moved = true;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		p->wants.inner |= POLLIN;
	} else {
		p->down.ended = true;
	}
}

/* True if the client took some of it. */
static bool
write_client(struct pump *p)
{
	int n;

	if (p->down.n == 0)
		return false;
	ERR_clear_error();
	n = SSL_write(p->ssl, p->down.data + p->down.at, (int)p->down.n);
	if (n <= 0) {
		p->dead = !waits(p, n);
		return false;
	}
	p->down.at += (size_t)n;
	p->down.n -= (size_t)n;
	p->moved = true;
	return true;
}

/* False at the deadline. */
static bool
wait_for(const struct pump *p, int64_t deadline)
{
	bool same = p->in == p->out;
	short in = (short)(p->wants.in | (same ? p->wants.out : 0));
	struct pollfd fds[3] = {{.fd = in != 0 ? p->in : -1, .events = in},
		{.fd = same || p->wants.out == 0 ? -1 : p->out, .events = p->wants.out},
		{.fd = p->wants.inner != 0 ? p->inner : -1, .events = p->wants.inner}};
	int ready;

	do
		ready = poll(fds, 3, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* After everything else: the client may tell a whole reply from a torn one by it. */
static void
say_goodbye(struct pump *p, uint64_t stall_seconds)
{
	int64_t deadline = clock_after(stall_seconds);
	int n;

	do {
		memset(&p->wants, 0, sizeof(p->wants));
		ERR_clear_error();
		n = SSL_shutdown(p->ssl);
	} while (n < 0 && waits(p, n) && p->wants.out != 0 && wait_for(p, deadline));
}

void
pump_run(SSL *ssl, int in, int out, int inner, uint64_t stall_seconds)
{
	/* All zero, and not to be filled with zeros: pages are made when they are used.
	 */
	static struct pump pump;
	struct pump *p = &pump;
	int64_t stalled = clock_after(stall_seconds), end = CLOCK_NEVER;

	p->ssl = ssl;
	p->in = in;
	p->out = out;
	p->inner = inner;
	while (!p->dead && (!p->down.ended || p->down.n > 0) && clock_left(end) != 0) {
		memset(&p->wants, 0, sizeof(p->wants));
		p->moved = false;
		read_client(p);
		write_inner(p);
		read_inner(p);
		if (write_client(p) || p->down.n == 0)
			stalled = clock_after(stall_seconds);
		if (p->down.ended && end == CLOCK_NEVER)
			end = clock_after(stall_seconds);
		if (p->moved || p->dead || (p->down.ended && p->down.n == 0))
			continue;
		/* An idle client is the session's business, one that takes nothing ours.
		 */
		if (!wait_for(p, p->down.n > 0 ? stalled : end))
			p->dead = true;
	}
	if (!p->dead && p->down.n == 0)
		say_goodbye(p, stall_seconds);
}
