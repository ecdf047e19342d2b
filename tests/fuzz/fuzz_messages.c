/*
 * What processes that may have been taken over tell more privileged ones, beside verdicts
 * (fuzz_ipc): a front or a proxy process the monitor, pop3d-tls the monitor, a monitor
 * the listener; and what a process finds that was executed with a file of the like.  What
 * is accepted is only what the state of the connection permits, and is as the sender of
 * such a message would have it.
 *
 * The first octet picks the receiver, the second is options; then messages of a length
 * (two octets) and data each.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/gate.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/proxy_message.h"
#include "pop3d/tls/setup.h"

/* The monitor's part is in no library of the tests. */
#include "pop3d/monitor_messages.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum option {
	OPTION_TLS = 1u << 0,
	OPTION_XCLIENT = 1u << 1,
	OPTION_PLAINTEXT = 1u << 2,
	OPTION_DESCRIPTOR = 1u << 3, /* one comes along with each message */
};

/* What is left of the input. */
struct input {
	uint8_t options;
	const uint8_t *p;
	size_t n;
};

static struct monitor monitor;
static struct service service;
static struct config *config;
static struct ipc_message message;

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
log_nothing(int priority, const char *text)
{
	(void)priority;
	check(memchr(text, '\n', strlen(text)) == NULL);
}

/* Cut the next message off; false if there is none. */
static bool
cut(struct input *input, struct auth_span *part)
{
	if (input->n < 2)
		return false;
	part->n = (size_t)input->p[0] | (size_t)input->p[1] << 8;
	input->p += 2;
	input->n -= 2;
	part->n = part->n > input->n ? input->n : part->n;
	part->p = input->p;
	input->p += part->n;
	input->n -= part->n;
	return true;
}

/* Send a message, and take it as the receiver does; 1: there it is. */
static int
pass(int fds[2], struct auth_span part)
{
	check(send(fds[0], part.p, part.n, 0) == (ssize_t)part.n);
	return ipc_receive(fds[1], &message);
}

static void
check_wish(enum monitor_wish wish)
{
	const struct connection *connection = &monitor.connection;

	check(memchr(monitor.reason, '\0', sizeof(monitor.reason)) != NULL);
	check(monitor.log_lines <= LOG_LINES_MAX + 1);
	switch (wish) {
	case MONITOR_ATTEMPT:
		check(monitor.mechanism != NULL &&
			connection_offers(connection, monitor.mechanism) &&
			monitor.attempts < config->auth.max_attempts);
		break;
	case MONITOR_STLS:
		check(connection_offers_stls(connection));
		break;
	case MONITOR_XCLIENT:
		check(connection_offers_xclient(connection));
		break;
	default:
		check(wish == MONITOR_OVER);
	}
}

/* As authorization_state() does, but that each attempt fails at once. */
static void
monitor_hears_front(struct input *input, int fds[2])
{
	enum monitor_wish wish;
	struct auth_span part;

	/* As many as the channel holds. */
	while (cut(input, &part) && part.n > 0 &&
		send(fds[0], part.p, part.n, MSG_DONTWAIT) == (ssize_t)part.n)
		;
	check(shutdown(fds[0], SHUT_WR) == 0);
	monitor.control = fds[1];
	do {
		wish = monitor_next(&monitor);
		check_wish(wish);
		if (wish == MONITOR_ATTEMPT)
			monitor.attempts++;
		if (wish == MONITOR_STLS)
			monitor.connection.tls = true;
		if (wish == MONITOR_XCLIENT) {
			monitor.connection.xclient = true;
			connection_take_header(&monitor.connection, &monitor.header);
		}
	} while (wish != MONITOR_OVER);
}

static void
monitor_hears_proxy(struct input *input, int fds[2])
{
	static struct ipc_message again;
	struct proxy_header header, same;
	struct auth_span part;

	while (cut(input, &part) && part.n > 0) {
		if (pass(fds, part) != 1 || !proxy_message_get(&message, &header))
			continue;
		ipc_begin(&again, IPC_PROXY);
		proxy_message_put(&again, &header);
		check(proxy_message_get(&again, &same));
		/* Both were zeroed, padding and all, before they were filled. */
		/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c) */
		check(memcmp(&header, &same, sizeof(same)) == 0);
		connection_init(
			&monitor.connection, &service, STDIN_FILENO, STDOUT_FILENO);
		connection_take_header(&monitor.connection, &header);
		check(!monitor.connection.info.certificate.verified || header.verified);
	}
}

static void
monitor_hears_tls(struct input *input, int fds[2])
{
	static struct ipc_message again;
	static struct tls_info info, same;
	struct auth_span part;

	while (cut(input, &part) && part.n > 0) {
		if (pass(fds, part) != 1 || !tls_info_get(&message, &info))
			continue;
		check(info.certificate.verified || info.certificate.subject[0] == '\0');
		ipc_begin(&again, IPC_TLS_UP);
		tls_info_put(&again, &info);
		check(tls_info_get(&again, &same) && ipc_end(&again));
		/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c) */
		check(memcmp(&info, &same, sizeof(same)) == 0);
	}
}

static void
listener_hears_monitor(struct input *input, int fds[2])
{
	struct children children;
	struct auth_span part;
	int one = STDIN_FILENO;

	check(children_init(&children, 4));
	for (pid_t pid = 1; pid <= 3; pid++)
		children_add(&children, pid, "192.0.2.1");
	while (cut(input, &part) && part.n > 0) {
		memcpy(message.data, part.p, part.n);
		message.n = part.n;
		message.bad = false;
		if ((input->options & OPTION_DESCRIPTOR) != 0)
			check(ipc_send_fds(fds[0], &message, &one, 1));
		else
			check(ipc_send(fds[0], &message));
		gate_answer(fds[1], &children, 2);
		check(children.n == 3);
		for (size_t i = 0; i < children.n; i++)
			check(memchr(children.entries[i].address, '\0',
				      ADDRESS_TEXT_MAX) != NULL);
	}
	free(children.entries);
}

static int
file_of(struct auth_span part)
{
	int fd = memfd_create("part", MFD_CLOEXEC);

	check(fd >= 0);
	check(part.n == 0 || pwrite(fd, part.p, part.n, 0) == (ssize_t)part.n);
	return fd;
}

static void
tls_finds_setup(struct input *input)
{
	static struct ipc_message again;
	struct tls_setup setup, same;
	struct auth_span part;
	int fd, copy;

	if (!cut(input, &part))
		return;
	fd = file_of(part);
	if (tls_setup_read(fd, &message, &setup) == NULL) {
		copy = tls_setup_write(&setup);
		check(copy >= 0 && tls_setup_read(copy, &again, &same) == NULL);
		check(strcmp(setup.key, same.key) == 0 &&
			strcmp(setup.ticket_keys, same.ticket_keys) == 0 &&
			setup.connections == same.connections && setup.uid == same.uid);
		check(close(copy) == 0);
	}
	check(close(fd) == 0);
}

static void
listener_finds_children(struct input *input)
{
	struct children children;
	struct auth_span part;
	int fd;

	if (!cut(input, &part))
		return;
	fd = file_of(part);
	check(children_init(&children, 2));
	if (children_restore(&children, fd)) {
		check(children.n <= children.cap);
		for (size_t i = 0; i < children.n; i++) {
			const struct child_entry *entry = &children.entries[i];

			/* All of them are sent signals. */
			check(entry->pid > 0);
			check(children_from(&children, entry->address) > 0);
		}
	}
	free(children.entries);
	check(close(fd) == 0);
}

static void
set_up(uint8_t options)
{
	if (config == NULL) {
		config = config_new();
		check(config != NULL);
		log_set_sink(log_nothing);
	}
	config->server.xclient = (options & OPTION_XCLIENT) != 0;
	config->auth.plaintext_login =
		(options & OPTION_PLAINTEXT) != 0 ? PLAINTEXT_ALWAYS : PLAINTEXT_NEVER;
	config->tls.forwarded = FORWARDED_CERTIFICATE;
	service.config = config;
	service.tls = (options & OPTION_TLS) != 0;
	memset(&monitor, 0, sizeof(monitor));
	connection_init(&monitor.connection, &service, STDIN_FILENO, STDOUT_FILENO);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input;
	int fds[2];

	if (size < 2 || size > IPC_MAX / 2)
		return 0;
	input = (struct input){data[1], data + 2, size - 2};
	set_up(data[1]);
	check(ipc_pair(fds));
	switch (data[0] % 6) {
	case 0:
		monitor_hears_front(&input, fds);
		break;
	case 1:
		monitor_hears_proxy(&input, fds);
		break;
	case 2:
		monitor_hears_tls(&input, fds);
		break;
	case 3:
		listener_hears_monitor(&input, fds);
		break;
	case 4:
		tls_finds_setup(&input);
		break;
	default:
		listener_finds_children(&input);
	}
	check(close(fds[0]) == 0 && close(fds[1]) == 0);
	return 0;
}
