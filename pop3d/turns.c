#include "pop3d/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/run_directory.h"

#define NAME "turns"
#define TICK_US 50000        /* from its deadline on a wait is interrupted so often */
#define POLL_NS 5000000L     /* who comes next looks for a free turn so often */
#define ROOM (TURNS_MAX + 1) /* octets of one name: the head of its queue, the turns */

static bool
set_lock(const struct turns *turns, int command, int type, off_t at)
{
	struct flock lock = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return fcntl(turns->fd, command, &lock) == 0;
}

const char *
turns_open(struct turns *turns, const char *directory, uint64_t most)
{
	const char *wrong;
	int fd;

	*turns = (struct turns){.fd = -1, .most = most};
	if (most == 0)
		return NULL;
	fd = run_directory_open(directory, &wrong);
	if (fd < 0)
		return wrong;
	turns->fd = run_directory_file(fd, NAME);
	(void)close(fd);
	/* Not every file system has such locks. */
	if (turns->fd >= 0 && set_lock(turns, F_OFD_SETLK, F_UNLCK, 0))
		return NULL;
	if (turns->fd >= 0)
		(void)close(turns->fd);
	turns->fd = -1;
	return "the file of the queue cannot be used";
}

/* Each name has octets of its own.  Two that share them would only wait for each other.
 */
static off_t
head_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (off_t)(hash & 0xffffff) * ROOM + 1;
}

static void
ignore_signal(int number)
{
	(void)number;
}

/*
 * The kernel keeps those who wait for one lock in the order in which they came, but who
 * is interrupted goes to the end: nothing wakes this process up before its deadline. Then
 * it ticks, in case the first signal came just before the wait.
 */
static bool
become_head(const struct turns *turns, off_t head, int64_t deadline)
{
	const int left = clock_left(deadline);
	const struct itimerval tick = {
		{0, TICK_US}, {left / 1000, left > 0 ? left % 1000 * 1000 + 1 : TICK_US}};
	const struct itimerval none = {{0}, {0}};
	const struct sigaction action = {.sa_handler = ignore_signal};
	struct sigaction before;
	bool done;

	if (sigaction(SIGALRM, &action, &before) != 0 ||
		setitimer(ITIMER_REAL, &tick, NULL) != 0)
		return false;
	do
		done = set_lock(turns, F_OFD_SETLKW, F_WRLCK, head);
	while (!done && errno == EINTR && clock_left(deadline) > 0);
	(void)setitimer(ITIMER_REAL, &none, NULL);
	(void)sigaction(SIGALRM, &before, NULL);
	return done;
}

/* Only the head of the queue looks: nobody is overtaken, and nobody else need wake up. */
static bool
take_turn(struct turns *turns, off_t head, int64_t deadline)
{
	const struct timespec pause = {0, POLL_NS};

	for (;;) {
		for (uint64_t i = 1; i <= turns->most; i++) {
			off_t at = head + (off_t)i;
			if (!set_lock(turns, F_OFD_SETLK, F_WRLCK, at))
				continue;
			turns->held = at;
			return true;
		}
		if (clock_left(deadline) == 0)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

bool
turns_wait(struct turns *turns, const char *name, int64_t deadline)
{
	off_t head = head_of(name);
	bool done;

	if (turns->fd < 0 || turns->held != 0)
		return true;
	if (!become_head(turns, head, deadline))
		return false;
	done = take_turn(turns, head, deadline);
	(void)set_lock(turns, F_OFD_SETLK, F_UNLCK, head);
	return done;
}

void
turns_end(struct turns *turns)
{
	if (turns->held != 0)
		(void)set_lock(turns, F_OFD_SETLK, F_UNLCK, turns->held);
	turns->held = 0;
}
