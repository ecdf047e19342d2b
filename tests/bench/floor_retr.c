/*
 * What system calls cost by themselves when messages are asked for one by one: a program
 * that a super-server starts, and that waits for a command, opens the message's file,
 * looks at it, reads it and sends it as it is.
 *     floor_retr DIRECTORY
 * In the directory messages have the names that tests/bench/corpus.py gives them.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGIN "+OK\r\n"
#define END "\r\n.\r\n"
#define EPOCH 1700000000L /* the first message came a second later */

static char reply[1 << 20];

/* Octets of the reply; 0: there is no such message. */
static size_t
message(int directory, long number)
{
	const size_t begin = sizeof(BEGIN) - 1, end = sizeof(END) - 1;
	struct stat status;
	char name[64];
	ssize_t got = -1;
	int fd;

	(void)snprintf(name, sizeof(name), "%ld.M%ldP1.host:2,S", EPOCH + number, number);
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &status) == 0)
		got = pread(fd, reply + begin, sizeof(reply) - begin - end, 0);
	if (fd < 0 || close(fd) != 0 || got < 0 || got != status.st_size)
		return 0;
	memcpy(reply + begin + got, END, end);
	return begin + (size_t)got + end;
}

static bool
answer(int directory)
{
	struct pollfd client = {.fd = STDIN_FILENO, .events = POLLIN};
	char command[512];
	size_t n = sizeof(BEGIN) - 1;
	ssize_t got;

	if (poll(&client, 1, -1) != 1)
		return false;
	got = recv(STDIN_FILENO, command, sizeof(command) - 1, 0);
	if (got <= 0)
		return false;
	command[got] = '\0';
	if (strncmp(command, "RETR ", 5) == 0)
		n = message(directory, strtol(command + 5, NULL, 10));
	return n > 0 && send(STDIN_FILENO, reply, n, MSG_NOSIGNAL) == (ssize_t)n &&
	       command[0] != 'Q';
}

int
main(int argc, char **argv)
{
	int directory = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

	memcpy(reply, BEGIN, sizeof(BEGIN) - 1);
	if (directory < 0 || send(STDIN_FILENO, BEGIN, sizeof(BEGIN) - 1, 0) < 0)
		return 1;
	while (answer(directory))
		;
	return 0;
}
