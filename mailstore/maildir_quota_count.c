#include "mailstore/maildir_quota_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_quota.h"
#include "mailstore/maildir_quota_file.h"
#include "mailstore/maildir_quota_walk.h"

#define FILE_NAME "maildirsize"
#define DEFINITION_MAX sizeof(((struct maildir_quota *)NULL)->definition)
#define ROUNDS_MAX 5 /* before a Maildir that is never still is given up */

/* A tick of the kernel's clock and a bit; the same where stamps are whole seconds. */
static const struct timespec tick = {.tv_nsec = 30000000};
static const struct timespec tick_coarse = {.tv_sec = 2, .tv_nsec = 100000000};

/* Where and how the new file is written. */
struct place {
	int root;
	char name[320]; /* relative to root */
	mode_t mode;
	const struct mail_options *options;
};

static enum mail_status
count_fail(const struct mail_options *options, const char *what)
{
	const int error = errno;

	options->log(options->cookie, LOG_ERR, "Maildir: " FILE_NAME ": %s: %s", what,
		strerror(error));
	return maildir_errno_status(error);
}

/*
 * Count, and see that nothing has changed meanwhile.  A change before the pause is in the
 * count, and one behind it has another time stamp than any before.
 */
static enum mail_status
count_once(struct maildir_quota_walk *walk, int root)
{
	enum mail_status status = maildir_quota_walk(walk, root, false);
	const uint64_t before = walk->stamp;

	if (status != MAIL_OK)
		return status;
	(void)nanosleep(walk->fine ? &tick : &tick_coarse, NULL);
	status = maildir_quota_walk(walk, root, true);
	if (status == MAIL_OK)
		status = maildir_quota_walk(walk, root, false);
	return status == MAIL_OK && walk->stamp != before ? MAIL_CHANGED : status;
}

enum mail_status
maildir_quota_count(
	int root, const struct mail_options *options, struct maildir_quota_usage *usage)
{
	enum mail_status status = MAIL_CHANGED;

	for (int round = 0; status == MAIL_CHANGED && round < ROUNDS_MAX; round++) {
		struct maildir_quota_walk walk = {.options = options};

		status = count_once(&walk, root);
		*usage = walk.usage;
	}
	return status;
}

/* What is known of the file that is to be replaced; zeroed if there is none. */
static enum mail_status
look_at_file(int root, const struct mail_options *options, struct stat *st)
{
	const char *wrong;
	int fd;

	memset(st, 0, sizeof(*st));
	fd = maildir_quota_open(root, O_RDONLY, st, &wrong);
	if (fd >= 0)
		(void)close(fd);
	else
		memset(st, 0, sizeof(*st));
	if (wrong == NULL)
		return MAIL_OK;
	options->log(options->cookie, LOG_ERR,
		"Maildir: " FILE_NAME " is left as it is: %s", wrong);
	return MAIL_PERM;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A name in tmp, where whoever cleans up after a crash looks for it. */
static enum mail_status
place_choose(struct place *place, const struct stat *old)
{
	char host[256] = "";
	struct timespec now;
	struct stat st;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 ||
		gethostname(host, sizeof(host) - 1) != 0 || fstat(place->root, &st) != 0)
		return count_fail(place->options, "new file");
	(void)snprintf(place->name, sizeof(place->name), "tmp/%lld.P%ldQ%ld.%.64s",
		(long long)now.tv_sec, (long)getpid(), now.tv_nsec / 1000, host);
	/* Who may read and write it is who may read and write the Maildir. */
	place->mode = (old->st_ino != 0 ? old->st_mode : st.st_mode) & 0666;
	return MAIL_OK;
}

static bool
write_text(int fd, const char *text, size_t n)
{
	while (n > 0) {
		const ssize_t written = write(fd, text, n);

		if (written < 0)
			return false;
		text += written;
		n -= (size_t)written;
	}
	return true;
}

static enum mail_status
write_new(const struct place *place, const char *text, size_t n)
{
	const int fd = openat(place->root, place->name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool done;

	if (fd < 0)
		return count_fail(place->options, "new file");
	/* On the disk before it has its name: an empty one would mean no quota. */
	done = write_text(fd, text, n) && fchmod(fd, place->mode) == 0 && fsync(fd) == 0;
	if (!done) {
		const int error = errno;

		(void)close(fd);
		errno = error;
	} else
		done = close(fd) == 0;
	return done ? MAIL_OK : count_fail(place->options, "new file");
}

/* Write the file aside, and give it its name if the old one is as it was. */
static enum mail_status
replace(struct place *place, const struct stat *before, const char *text, size_t n)
{
	struct stat now;
	enum mail_status status = write_new(place, text, n);

	if (status == MAIL_OK)
		status = look_at_file(place->root, place->options, &now);
	if (status == MAIL_OK && !is_same_file(before, &now))
		status = MAIL_CHANGED;
	if (status == MAIL_OK &&
		renameat(place->root, place->name, place->root, FILE_NAME) != 0)
		status = count_fail(place->options, "rename");
	if (status != MAIL_OK)
		(void)unlinkat(place->root, place->name, 0);
	return status;
}

static enum mail_status
recalculate_once(
	struct place *place, const char *definition, struct maildir_quota_walk *walk)
{
	char text[DEFINITION_MAX + MAILDIR_QUOTA_LINE];
	size_t n = strlen(definition);
	struct stat before;
	uint64_t stamp;
	enum mail_status status = look_at_file(place->root, place->options, &before);

	if (status == MAIL_OK)
		status = count_once(walk, place->root);
	if (status == MAIL_OK)
		status = place_choose(place, &before);
	if (status != MAIL_OK)
		return status;
	stamp = walk->stamp;
	memcpy(text, definition, n);
	text[n++] = '\n';
	n += maildir_quota_line(text + n, walk->usage.bytes, walk->usage.messages);
	status = replace(place, &before, text, n);
	/* A delivery that came in between has written its line to the old file. */
	if (status == MAIL_OK)
		status = maildir_quota_walk(walk, place->root, false);
	return status == MAIL_OK && walk->stamp != stamp ? MAIL_CHANGED : status;
}

enum mail_status
maildir_quota_recalculate(int root, const char *definition,
	const struct mail_options *options, struct maildir_quota_usage *usage)
{
	struct place place = {.root = root, .options = options};
	enum mail_status status = MAIL_CHANGED;

	for (int round = 0; status == MAIL_CHANGED && round < ROUNDS_MAX; round++) {
		struct maildir_quota_walk walk = {.options = options};

		status = recalculate_once(&place, definition, &walk);
		*usage = walk.usage;
	}
	return status;
}
