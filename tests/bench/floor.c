/*
 * What compartments cost by themselves: a program that a super-server starts, with the
 * processes of a session and what confines each, but nothing for them to do.
 *     floor UID DIRECTORY [LIBRARY]
 * One process is put into the empty directory as UID, a second becomes UID as well, and
 * the program does so at its end; each says a word to its parent over a socket pair.  The
 * second one loads the library first, as an auth process does its module.
 *     floor UID DIRECTORY -
 * The processes that a listener has for a connection before login, for each octet that
 * comes in: one, and another that it puts into the directory.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/compartment.h"

static bool
session(uid_t uid, const char *directory, const char *library)
{
	return compartment_visit(uid, directory, NULL) &&
	       compartment_visit(uid, NULL, library) &&
	       compartment_confine(uid, NULL, NULL);
}

static bool
listener(uid_t uid, const char *directory)
{
	char octet;

	while (read(STDIN_FILENO, &octet, 1) == 1) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)signal(SIGCHLD, SIG_DFL);
			_exit(compartment_visit(uid, directory, NULL) ? 0 : 1);
		}
		if (pid < 0)
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	uid_t uid;

	if (argc != 3 && argc != 4)
		return 2;
	uid = (uid_t)strtoul(argv[1], NULL, 10);
	if (argc == 4 && strcmp(argv[3], "-") == 0) {
		(void)signal(SIGCHLD, SIG_IGN);
		_exit(listener(uid, argv[2]) ? 0 : 1);
	}
	_exit(session(uid, argv[2], argv[3]) ? 0 : 1);
}
