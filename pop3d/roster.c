#include "pop3d/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/run_directory.h"

#define NAME "roster"
#define BUCKETS 1024u
#define LOCK_SECONDS 1   /* nobody holds a lock for as long, unless it was stopped */
#define POLL_NS 2000000L /* how often a lock that is held is tried */
#define START_FIELD 22   /* of /proc/PID/stat, see proc(5) */

struct entry {
	unsigned char tag[SHA256_DIGEST_LENGTH];
	uint64_t start; /* of the process, in ticks since the machine's; 0: not known */
	int64_t pid;    /* 0: nobody */
};

struct bucket {
	struct entry entries[ROSTER_MAX];
};

/*
 * When a process started, 0 if that cannot be told.  False if it has ended and only waits
 * for its parent to notice.
 */
static bool
look_at(int64_t pid, uint64_t *start)
{
	char path[64], line[1024];
	const char *p;
	bool ended;
	ssize_t n;
	int fd;

	*start = 0;
	(void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	line[n > 0 ? n : 0] = '\0';
	/* The second field is a name in parentheses, which may hold anything. */
	p = strrchr(line, ')');
	ended = p != NULL && (strncmp(p, ") Z", 3) == 0 || strncmp(p, ") X", 3) == 0);
	for (int field = 2; p != NULL && field < START_FIELD; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL)
		*start = strtoull(p, NULL, 10);
	return !ended;
}

static bool
is_alive(const struct entry *entry)
{
	uint64_t start;

	if (entry->pid <= 0 || (kill((pid_t)entry->pid, 0) != 0 && errno == ESRCH) ||
		!look_at(entry->pid, &start))
		return false;
	/* Another process may have the number by now. */
	return start == 0 || entry->start == 0 || start == entry->start;
}

static bool
lock_bucket(int fd, off_t at)
{
	const struct timespec pause = {0, POLL_NS};
	const int64_t deadline = clock_after(LOCK_SECONDS);
	struct flock lock = {.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = sizeof(struct bucket)};

	while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if ((errno != EAGAIN && errno != EACCES) || clock_left(deadline) == 0)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* How many sessions a user has, and in *place where one more would stand, NULL: nowhere.
 */
static uint64_t
count(struct bucket *bucket, const unsigned char *tag, struct entry **place)
{
	uint64_t n = 0;

	*place = NULL;
	for (size_t i = 0; i < ROSTER_MAX; i++) {
		struct entry *entry = &bucket->entries[i];
		bool same = memcmp(entry->tag, tag, sizeof(entry->tag)) == 0;

		/* Who lives among the others matters only until a place is found. */
		if (!same && *place != NULL)
			continue;
		if (is_alive(entry))
			n += same ? 1 : 0;
		else
			*place = entry;
	}
	return n;
}

static bool
write_entry(int fd, off_t at, const struct bucket *bucket, const struct entry *entry)
{
	off_t inside = (const char *)entry - (const char *)bucket;

	return pwrite(fd, entry, sizeof(*entry), at + inside) == (ssize_t)sizeof(*entry);
}

/* The lock goes with the descriptor. */
static bool
enter(int fd, const char *user, uint64_t most, const char **wrong)
{
	static struct bucket bucket;
	unsigned char tag[SHA256_DIGEST_LENGTH];
	struct entry *place;
	SHA2_CTX context;
	ssize_t n;
	off_t at;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)user, strlen(user));
	SHA256Final(tag, &context);
	at = (off_t)((tag[0] | (unsigned)tag[1] << 8) % BUCKETS * sizeof(bucket));
	*wrong = "its lock cannot be had";
	if (!lock_bucket(fd, at))
		return true;
	/* What was never written is empty. */
	memset(&bucket, 0, sizeof(bucket));
	n = pread(fd, &bucket, sizeof(bucket), at);
	*wrong = "it cannot be read";
	if (n < 0)
		return true;
	*wrong = NULL;
	if (count(&bucket, tag, &place) >= most)
		return false;
	*wrong = "it is full";
	if (place == NULL)
		return true;
	memcpy(place->tag, tag, sizeof(tag));
	place->pid = getpid();
	(void)look_at(place->pid, &place->start);
	*wrong = write_entry(fd, at, &bucket, place) ? NULL : "it cannot be written";
	return true;
}

bool
roster_enter(int run_directory, const char *user, uint64_t most, const char **wrong)
{
	int fd = run_directory_file(run_directory, NAME);
	bool entered;

	if (fd < 0) {
		*wrong = "it cannot be opened";
		return true;
	}
	entered = enter(fd, user, most, wrong);
	(void)close(fd);
	return entered;
}
