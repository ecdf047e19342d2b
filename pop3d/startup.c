#include "pop3d/startup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/descriptors.h"
#include "pop3d/number.h"
#include "pop3d/reexec.h"

#define BACKLOG 128

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on != 0;
}

static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

static int
number_in_environment(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;

	if (text == NULL || !number_parse(text, strlen(text), &number) ||
		number > INT32_MAX)
		return -1;
	return (int)number;
}

/* How many descriptors systemd passed to this very process. */
static int
passed_descriptors(void)
{
	int n = number_in_environment("LISTEN_FDS");

	if (n <= 0 || number_in_environment("LISTEN_PID") != (int)getpid())
		return 0;
	return n;
}

/* Copy the i-th of the names between colons, "" if there is none or it is too long. */
static void
take_name(const char *names, int i, char name[ENDPOINT_NAME_MAX + 1])
{
	size_t n;

	name[0] = '\0';
	while (names != NULL && i-- > 0) {
		names = strchr(names, ':');
		if (names != NULL)
			names++;
	}
	if (names == NULL)
		return;
	n = strcspn(names, ":");
	if (n <= ENDPOINT_NAME_MAX)
		(void)snprintf(name, ENDPOINT_NAME_MAX + 1, "%.*s", (int)n, names);
}

static void
take_passed(struct startup *startup, int n)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if (n > STARTUP_SOCKETS_MAX) {
		(void)snprintf(startup->error, sizeof(startup->error),
			"%d sockets are too many", n);
		return;
	}
	if (n == 1 && is_socket(STARTUP_FIRST_FD) && !is_listening(STARTUP_FIRST_FD)) {
		/* Where inetd would have put it, and all that follows looks for it. */
		startup->mode = STARTUP_CONNECTION;
		startup->in = STDIN_FILENO;
		startup->out = STDOUT_FILENO;
		take_name(names, 0, startup->name);
		if (dup2(STARTUP_FIRST_FD, STDIN_FILENO) < 0 ||
			dup2(STARTUP_FIRST_FD, STDOUT_FILENO) < 0)
			(void)snprintf(startup->error, sizeof(startup->error),
				"start-up failed");
		return;
	}
	startup->mode = STARTUP_LISTENER;
	for (int i = 0; i < n; i++) {
		int fd = STARTUP_FIRST_FD + i;
		struct startup_socket *socket = &startup->sockets[startup->n++];
		if (!is_stream(fd) || !is_listening(fd))
			(void)snprintf(startup->error, sizeof(startup->error),
				"passed socket %d is not a listening stream socket", i);
		socket->fd = fd;
		take_name(names, i, socket->name);
	}
}

static void
take_standard(struct startup *startup)
{
	if (is_socket(STDIN_FILENO) && is_listening(STDIN_FILENO)) {
		startup->mode = STARTUP_LISTENER;
		startup->wait = true;
		startup->sockets[startup->n++].fd = STDIN_FILENO;
		return;
	}
	startup->in = STDIN_FILENO;
	/* Some super-servers give the socket as descriptor 0 alone. */
	startup->out = is_socket(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO;
	startup->mode = STARTUP_CONNECTION;
}

/* A text that does not fit is no address and no name of ours. */
static void
take_variable(const char *name, char *buf, size_t size)
{
	const char *value = getenv(name);

	if (value != NULL && strlen(value) < size)
		(void)snprintf(buf, size, "%s", value);
}

static void
take_stunnel(struct startup_stunnel *stunnel)
{
	take_variable("REMOTE_HOST", stunnel->address, sizeof(stunnel->address));
	take_variable("REMOTE_PORT", stunnel->port, sizeof(stunnel->port));
	take_variable("SSL_CLIENT_DN", stunnel->subject, sizeof(stunnel->subject));
}

/* Only what the log needs is kept: the rest could steer a module's libraries. */
static bool
clean_environment(void)
{
	const char *journal = getenv("JOURNAL_STREAM");
	char *copy = journal != NULL ? strdup(journal) : NULL;
	bool done = clearenv() == 0 &&
		    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) == 0 &&
		    setenv("LANG", "C", 1) == 0 &&
		    (copy == NULL || setenv("JOURNAL_STREAM", copy, 1) == 0);

	free(copy);
	return done;
}

/*
 * inetd and its kin put the socket on descriptor 2 as well.  A terminal is a person, who
 * may read both.
 */
static bool
stderr_is_client(const struct startup *startup, bool serving)
{
	if (is_socket(STDERR_FILENO))
		return descriptors_are_same(STDERR_FILENO, STDIN_FILENO) ||
		       descriptors_are_same(STDERR_FILENO, STDOUT_FILENO);
	return serving && startup->mode == STARTUP_CONNECTION && !isatty(STDERR_FILENO) &&
	       (descriptors_are_same(STDERR_FILENO, startup->in) ||
		       descriptors_are_same(STDERR_FILENO, startup->out));
}

void
startup_detect(struct startup *startup, bool serving, int table)
{
	int passed, rest;

	memset(startup, 0, sizeof(*startup));
	if (!descriptors_fill_standard())
		(void)snprintf(startup->error, sizeof(startup->error),
			"no standard descriptors");
	passed = passed_descriptors();
	if (passed > 0)
		take_passed(startup, passed);
	else if (serving)
		take_standard(startup);
	startup->may_use_stderr = !stderr_is_client(startup, serving);
	if (!startup->may_use_stderr && !descriptors_silence(STDERR_FILENO))
		_exit(EX_OSERR);
	if (startup->mode == STARTUP_CONNECTION)
		passed = 0;
	take_stunnel(&startup->stunnel);
	rest = STARTUP_FIRST_FD + passed +
	       (table == STARTUP_FIRST_FD + passed ? REEXEC_FDS : 0);
	if (!descriptors_close_from(rest) || !clean_environment())
		(void)snprintf(startup->error, sizeof(startup->error), "start-up failed");
}

/* Split at the last colon; the address may stand in brackets. */
static bool
split_address(const char *text, char *address, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t n;

	if (colon == NULL || colon == text || colon[1] == '\0')
		return false;
	n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n) != NULL) {
		return false;
	}
	if (n == 0 || n >= size)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	*port = colon + 1;
	return true;
}

static int
open_socket(const struct addrinfo *info)
{
	int on = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(info->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
							&on, sizeof(on)) == 0) &&
		bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* Take a name off the front of an address, which begins with a digit or a bracket. */
static bool
split_name(const char **text, char name[ENDPOINT_NAME_MAX + 1])
{
	size_t n = strcspn(*text, ":");

	name[0] = '\0';
	if (strncmp(*text, "pop3", 4) != 0)
		return true;
	if (n > ENDPOINT_NAME_MAX || (*text)[n] != ':')
		return false;
	(void)snprintf(name, ENDPOINT_NAME_MAX + 1, "%.*s", (int)n, *text);
	*text += n + 1;
	return true;
}

bool
startup_listen(struct startup *startup, const char *text)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *info = NULL;
	char address[128], name[ENDPOINT_NAME_MAX + 1];
	const char *port, *whole = text;
	uint64_t number;
	int fd = -1;

	if (startup->n == STARTUP_SOCKETS_MAX) {
		(void)snprintf(
			startup->error, sizeof(startup->error), "too many addresses");
		return false;
	}
	/* getaddrinfo() would take a port modulo 65536. */
	if (!split_name(&text, name) ||
		!split_address(text, address, sizeof(address), &port) ||
		!number_parse(port, strlen(port), &number) || number == 0 ||
		number > UINT16_MAX || getaddrinfo(address, port, &hints, &info) != 0) {
		(void)snprintf(startup->error, sizeof(startup->error),
			"%.64s is not a numeric ADDRESS:PORT", whole);
		return false;
	}
	fd = open_socket(info);
	freeaddrinfo(info);
	if (fd < 0) {
		(void)snprintf(startup->error, sizeof(startup->error),
			"listening on %.64s: %s", text, strerror(errno));
		return false;
	}
	startup->mode = STARTUP_LISTENER;
	memcpy(startup->sockets[startup->n].name, name, sizeof(name));
	startup->sockets[startup->n++].fd = fd;
	return true;
}
