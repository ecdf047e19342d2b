#include "pop3d/reexec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/descriptors.h"

#define ARGUMENTS_MAX (2 * (OPTIONS_MAX + OPTIONS_MAX) + 16)

static char program[PATH_MAX];

void
reexec_prepare(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = '\0';
}

static bool
set_number(const char *name, int number)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", number);
	return setenv(name, text, 1) == 0;
}

static bool
set_names(const struct startup *startup)
{
	char names[STARTUP_SOCKETS_MAX * (ENDPOINT_NAME_MAX + 1) + 1] = "";
	size_t n = 0;

	for (int i = 0; i < startup->n; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
			i > 0 ? ":" : "", startup->sockets[i].name);
	return setenv("LISTEN_FDNAMES", names, 1) == 0;
}

/* The arguments of this program, with -R FD in front in place of an earlier one. */
static bool
make_arguments(char **arguments, const struct options *options, char *table)
{
	static char option[] = "-R";
	char **old = options->argv;
	size_t n = 0;

	arguments[n++] = *old++;
	arguments[n++] = option;
	arguments[n++] = table;
	if (options->table >= 0)
		old += 2;
	for (; *old != NULL; old++) {
		if (n == ARGUMENTS_MAX - 1)
			return false;
		arguments[n++] = *old;
	}
	arguments[n] = NULL;
	return true;
}

/*
 * The layout that startup_detect() expects: an inetd "wait" socket stays on descriptor 0,
 * others are passed as systemd does; the table and the gate come behind.
 */
static bool
arrange(const struct startup *startup, int table, const int gate[2], int *table_fd)
{
	int fds[STARTUP_FIRST_FD + STARTUP_SOCKETS_MAX + REEXEC_FDS] = {
		STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	int n = STARTUP_FIRST_FD;

	for (int i = 0; !startup->wait && i < startup->n; i++)
		fds[n++] = startup->sockets[i].fd;
	*table_fd = n;
	fds[n++] = table;
	fds[n++] = gate[0];
	fds[n++] = gate[1];
	return descriptors_arrange(fds, (size_t)n) &&
	       (startup->wait || (set_number("LISTEN_FDS", startup->n) &&
					 set_number("LISTEN_PID", (int)getpid()) &&
					 set_names(startup)));
}

void
reexec_run(const struct startup *startup, const struct options *options,
	const struct children *children, const int gate[2])
{
	char *arguments[ARGUMENTS_MAX];
	char table_text[16] = "";
	int table, table_fd;

	if (program[0] == '\0' || access(program, X_OK) != 0)
		return;
	if (!make_arguments(arguments, options, table_text)) {
		errno = E2BIG;
		return;
	}
	table = children_save(children);
	if (table < 0)
		return;
	if (!arrange(startup, table, gate, &table_fd))
		_exit(EX_OSERR);
	(void)snprintf(table_text, sizeof(table_text), "%d", table_fd);
	(void)execv(program, arguments);
	_exit(EX_OSERR);
}
