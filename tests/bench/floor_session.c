/*
 * What a session costs whoever serves it: the system calls of a super-server's program
 * for USER, PASS, STAT and QUIT if it has the processes of a session, confined, and a
 * module to load; it computes nothing, asks for nothing twice, and its filter of system
 * calls lets all of them pass. floor_session UID DIRECTORY MODULE CONFIG USERS MAILDIR
 * LOG The first process reads the configuration and forks a second, which greets and
 * reads the client's lines in an empty directory, and a third, which loads the module,
 * opens the users and reads them as UID.  The first becomes UID then and serves the
 * Maildir, under a lock.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/compartment.h"

#define LOCK ".floor-lock"
#define INDEX ".pop3d-index" /* of pop3d, if it has served this maildrop */

static struct {
	uid_t uid;
	const char *directory, *module, *config, *users, *maildir;
	int log;
} given;

static bool
pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0;
}

static bool
say(int fd, const char *text)
{
	size_t n = strlen(text);

	return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* The first octet of what comes; 0: nothing does. */
static char
hear(int fd, int flags)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[512];

	if (poll(&p, 1, -1) != 1 || recv(fd, text, sizeof(text), flags) <= 0)
		return '\0';
	return text[0];
}

static bool
read_file(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, sizeof(text)) >= 0 && close(fd) == 0;
}

/* A line is looked at before it is taken: what is behind it is not this process's. */
static bool
hear_line(char first)
{
	char line[512];

	return hear(STDIN_FILENO, MSG_PEEK) == first &&
	       recv(STDIN_FILENO, line, sizeof(line), 0) > 0;
}

static bool
front(int control, int credentials)
{
	return compartment_confine(given.uid, given.directory, NULL) &&
	       say(STDIN_FILENO, "+OK\r\n") && hear_line('U') &&
	       say(STDIN_FILENO, "+OK\r\n") && hear_line('P') && say(credentials, "p") &&
	       say(control, "a") && hear(control, 0) == '\0';
}

static bool
auth(int credentials, int verdict)
{
	char text[4096];
	int users;

	if (dlopen(given.module, RTLD_NOW | RTLD_LOCAL) == NULL)
		return false;
	users = open(given.users, O_RDONLY | O_CLOEXEC);
	return users >= 0 && compartment_become(given.uid, given.directory) &&
	       hear(credentials, 0) == 'p' && pread(users, text, sizeof(text), 0) > 0 &&
	       say(verdict, "v");
}

static bool
ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid;
}

/* The third process, from its start to its end. */
static bool
verdict(int credentials)
{
	int fds[2];
	pid_t pid;
	bool given_one;

	if (!pair(fds))
		return false;
	pid = fork();
	if (pid == 0)
		_exit(auth(credentials, fds[1]) ? 0 : 1);
	(void)close(fds[1]);
	given_one = pid > 0 && hear(fds[0], 0) == 'v';
	(void)close(fds[0]);
	return pid > 0 && ended(pid) && given_one;
}

static bool
authorization_state(void)
{
	int control[2], credentials[2];
	bool good;
	pid_t pid;

	if (!pair(control) || !pair(credentials))
		return false;
	pid = fork();
	if (pid == 0)
		_exit(front(control[1], credentials[1]) ? 0 : 1);
	(void)close(control[1]);
	(void)close(credentials[1]);
	good = pid > 0 && hear(control[0], 0) == 'a' && verdict(credentials[0]);
	(void)close(control[0]);
	(void)close(credentials[0]);
	return pid > 0 && kill(pid, SIGKILL) == 0 && ended(pid) && good;
}

static bool
note(const char *event)
{
	size_t n = strlen(event);

	return write(given.log, event, n) == (ssize_t)n;
}

/* What an earlier session left behind tells how many messages there are. */
static bool
count(int maildir)
{
	char index[4096];
	struct stat st;
	int fd = openat(maildir, INDEX, O_RDONLY | O_CLOEXEC);

	return fd < 0 ||
	       (fstat(fd, &st) == 0 && pread(fd, index, sizeof(index), 0) >= 0 &&
		       close(fd) == 0);
}

/* A file says that the maildrop is in use; new and cur are looked at. */
static bool
transaction_state(void)
{
	struct flock all = {.l_type = F_WRLCK};
	int maildir = open(given.maildir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int lock = openat(maildir, LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int new = openat(maildir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int cur = openat(maildir, "cur", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	return lock >= 0 && compartment_confine(given.uid, NULL, given.maildir) &&
	       fcntl(lock, F_OFD_SETLK, &all) == 0 && pwrite(lock, "held", 4, 0) == 4 &&
	       note("login\n") && say(STDIN_FILENO, "+OK\r\n") &&
	       hear(STDIN_FILENO, 0) == 'S' && count(maildir) && fstat(new, &st) == 0 &&
	       fstat(cur, &st) == 0 && say(STDIN_FILENO, "+OK 10 40000\r\n") &&
	       hear(STDIN_FILENO, 0) == 'Q' && pwrite(lock, "free", 4, 0) == 4 &&
	       say(STDIN_FILENO, "+OK\r\n") && note("session-end\n");
}

int
main(int argc, char **argv)
{
	if (argc != 8)
		return 2;
	given.uid = (uid_t)strtoul(argv[1], NULL, 10);
	given.directory = argv[2];
	given.module = argv[3];
	given.config = argv[4];
	given.users = argv[5];
	given.maildir = argv[6];
	given.log = open(argv[7], O_WRONLY | O_APPEND | O_CLOEXEC);
	_exit(read_file(given.config) && read_file("/etc/passwd") &&
				authorization_state() && transaction_state()
			? 0
			: 1);
}
