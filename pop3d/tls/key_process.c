/*
 * The key process.
 *
 * uid: server.user, in an empty root directory, as a relay; without root, the one mail
 * user.
 * Holds: the private keys; a channel to each relay that is in its handshake, and to the
 * resident process.
 * Must never: give a key away; sign what is no part of a handshake (key_request.h), or
 * twice for one relay; read an octet of a client.
 */
#include "pop3d/tls/key_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/confine.h"
#include "pop3d/descriptors.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/tls/key_files.h"

#define FIRST                                                                            \
	3       /* the descriptor of the first channel: the standard ones lead nowhere   \
		 */
#define SPARE 2 /* descriptors to receive, and to refuse, one more */
#define MEGABYTES 256
#define PIECE 65536u /* octets of certificates in a message */

struct channel {
	size_t opened; /* files that it has asked about */
};

struct key_process {
	struct key_files files;
	struct pollfd *polls; /* the first one's channel is that of who started it */
	struct channel *channels;
	size_t n, room;
	bool resident; /* the first one hands over others */
	bool old;      /* TLS 1.2 is spoken */
};

/* The room for channels: as many as there may be relays (resident.c), and the first. */
static size_t
room_for(const struct tls_setup *setup, enum keys_for whom)
{
	return whom == KEYS_FOR_RELAY
		       ? 1
		       : 1 + TLS_RELAYS_PER_CONNECTION * (size_t)setup->connections;
}

/* NULL, or why it cannot be. */
static const char *
set_up(struct key_process *k, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom)
{
	const struct confinement confinement = {.root = setup->root,
		.root_directory = setup->root_directory,
		.uid = setup->uid,
		.gid = setup->gid,
		.descriptors = FIRST + SPARE + (unsigned)room_for(setup, whom),
		.megabytes = MEGABYTES,
		.parent = 0,
		.role = SANDBOX_KEY};

	k->room = room_for(setup, whom);
	k->resident = whom == KEYS_FOR_RESIDENT;
	k->old = strstr(setup->protocols, "TLSv1.2") != NULL;
	k->polls = calloc(k->room, sizeof(*k->polls));
	k->channels = calloc(k->room, sizeof(*k->channels));
	if (k->polls == NULL || k->channels == NULL ||
		!key_files_read(&k->files, material))
		return "out of memory";
	return confine(&confinement);
}

static void
add(struct key_process *k, int fd)
{
	k->polls[k->n] = (struct pollfd){.fd = fd, .events = POLLIN};
	k->channels[k->n] = (struct channel){.opened = 0};
	k->n++;
}

static void
drop(struct key_process *k, size_t i)
{
	(void)close(k->polls[i].fd);
	/* The first place is that of who started it, also when it has gone. */
	if (i == 0) {
		k->polls[0].fd = -1;
		k->polls[0].revents = 0;
		return;
	}
	k->n--;
	k->polls[i] = k->polls[k->n];
	k->channels[i] = k->channels[k->n];
}

/* What is not secret of a file: its certificates, piece by piece, and the public half. */
static bool
tell(int fd, const struct key_file *f, struct ipc_message *message)
{
	for (size_t at = 0; at < f->n_certificates; at += PIECE) {
		size_t left = f->n_certificates - at;

		ipc_begin(message, IPC_KEY_CERTIFICATES);
		ipc_put_bytes(message, f->certificates + at, left < PIECE ? left : PIECE);
		if (!ipc_send(fd, message))
			return false;
	}
	ipc_begin(message, IPC_KEY_OPENED);
	ipc_put_text(message, f->wrong != NULL ? f->wrong : "");
	ipc_put_bytes(message, f->half, f->n_half);
	return ipc_send(fd, message);
}

/* Each file may be asked about once a channel: so a relay cannot keep it busy. */
static bool
serve_open(struct key_process *k, size_t i, struct ipc_message *message)
{
	uint32_t file = ipc_get_number(message);
	const struct key_file *f;

	if (!ipc_end(message) || k->channels[i].opened++ >= k->files.n)
		return false;
	f = key_files_open(&k->files, file);
	return f != NULL && tell(k->polls[i].fd, f, message);
}

static void
serve_sign(struct key_process *k, size_t i, struct ipc_message *message)
{
	static unsigned char signature[KEY_SIGNATURE_MAX];
	struct key_request request;
	size_t n;

	if (!key_request_get(message, &request, k->old))
		return;
	n = key_files_sign(&k->files, &request, signature);
	if (n == 0)
		return;
	ipc_begin(message, IPC_KEY_SIGNED);
	ipc_put_bytes(message, signature, n);
	(void)ipc_send(k->polls[i].fd, message);
}

/* One more relay, from who may hand them over; one without room sees its channel close.
 */
static bool
take_channel(struct key_process *k, size_t i, const struct ipc_message *message, int fd)
{
	bool may = i == 0 && k->resident;

	if (may && ipc_type(message) == IPC_KEY_CHANNEL && ipc_end(message) &&
		k->n < k->room)
		add(k, fd);
	else
		(void)close(fd);
	return may;
}

/* False: this channel is done with. */
static bool
serve(struct key_process *k, size_t i)
{
	static struct ipc_message message;
	size_t n = 1;
	int fd, got = ipc_receive_some_fds(k->polls[i].fd, &message, &fd, &n);

	/* A relay too many for the descriptors there may be is refused, and no more. */
	if (got != 1)
		return got < 0 && i == 0 && k->resident;
	if (n == 1)
		return take_channel(k, i, &message, fd);
	if (ipc_type(&message) == IPC_KEY_OPEN)
		return serve_open(k, i, &message);
	if (ipc_type(&message) == IPC_KEY_SIGN && !(i == 0 && k->resident))
		serve_sign(k, i, &message);
	return false;
}

/* Relays wait in a queue that is short: none is refused while others are served. */
static void
take_waiting(struct key_process *k)
{
	struct pollfd p = {.events = POLLIN};

	while (k->resident && k->polls[0].fd >= 0) {
		p.fd = k->polls[0].fd;
		if (poll(&p, 1, 0) != 1)
			return;
		if (!serve(k, 0))
			drop(k, 0);
	}
}

/* Until nobody is left who could ask. */
static void
serve_all(struct key_process *k)
{
	while (k->n > 1 || k->polls[0].fd >= 0) {
		if (poll(k->polls, k->n, -1) < 0 && errno != EINTR)
			return;
		/* Backwards: the last one comes in the place of one that is dropped, and
		 * one that is new stands behind, with nothing to be done yet. */
		for (size_t i = k->n; i-- > 0;) {
			if (k->polls[i].revents == 0)
				continue;
			/* What waited at the first one may have been taken since. */
			if (!(i == 0 && k->resident) && !serve(k, i))
				drop(k, i);
			take_waiting(k);
		}
	}
}

/* What asks all of a service to end is for others: it does so when they have. */
static void
set_signals(void)
{
	static const int others[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t none;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		(void)signal(others[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* It reads nothing, and leaves an answer for the first question. */
static _Noreturn void
end_with(const char *wrong)
{
	static struct ipc_message message;
	char text[100];
	const struct key_file nothing = {.wrong = text};

	(void)snprintf(text, sizeof(text), "the key process cannot begin: %s", wrong);
	(void)tell(FIRST, &nothing, &message);
	_exit(EX_OSERR);
}

_Noreturn void
key_process_run(int channel, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom)
{
	static struct key_process k;
	const int fds[FIRST + 1] = {-1, -1, -1, channel};
	const char *wrong;

	(void)prctl(PR_SET_NAME, "pop3d-key", 0, 0, 0);
	set_signals();
	if (!descriptors_arrange(fds, FIRST + 1))
		_exit(EX_OSERR);
	wrong = set_up(&k, material, setup, whom);
	if (wrong != NULL)
		end_with(wrong);
	add(&k, FIRST);
	serve_all(&k);
	key_files_free(&k.files);
	free(k.polls);
	free(k.channels);
	_exit(EX_OK);
}
