#include "mailstore/maildir_quota_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_quota.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static enum mail_status
walk_fail(const struct maildir_quota_walk *walk, const char *name, int error)
{
	walk->options->log(walk->options->cookie, LOG_ERR,
		"Maildir: counting the files of %s: %s", name, strerror(error));
	return maildir_errno_status(error);
}

/* Scrambles a number, so that sums of such numbers are equal only by chance. */
static uint64_t
scramble(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* The order of folders must not matter. */
static void
add_stamp(struct maildir_quota_walk *walk, const struct stat *st)
{
	uint64_t x = scramble((uint64_t)st->st_dev + 1);

	x = scramble(x + (uint64_t)st->st_ino);
	x = scramble(x + (uint64_t)st->st_mtim.tv_sec);
	x = scramble(x + (uint64_t)st->st_mtim.tv_nsec);
	x = scramble(x + (uint64_t)st->st_ctim.tv_sec);
	x = scramble(x + (uint64_t)st->st_ctim.tv_nsec);
	walk->stamp += x;
	walk->fine = walk->fine || st->st_mtim.tv_nsec != 0;
}

/* One entry of new or cur; what is gone meanwhile was not there. */
static enum mail_status
count_entry(struct maildir_quota_walk *walk, int fd, const struct dirent *d)
{
	struct maildir_quota_usage *usage = &walk->usage;
	bool regular = d->d_type == DT_REG;
	struct stat st;
	int64_t size;
	const bool sized = maildir_quota_name_size(d->d_name, &size);

	if (d->d_name[0] == '.' || !maildir_quota_name_counts(d->d_name))
		return MAIL_OK;
	if (d->d_type == DT_UNKNOWN || (regular && !sized)) {
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT ? MAIL_OK
					       : walk_fail(walk, "a message", errno);
		regular = S_ISREG(st.st_mode);
		if (!sized)
			size = st.st_size;
	}
	if (!regular)
		return MAIL_OK;
	usage->bytes = maildir_quota_add(usage->bytes, size);
	usage->messages = maildir_quota_add(usage->messages, 1);
	return MAIL_OK;
}

static enum mail_status
count_entries(struct maildir_quota_walk *walk, int fd)
{
	enum mail_status status = MAIL_OK;
	const struct dirent *d;
	DIR *stream = fdopendir(fd);

	if (stream == NULL) {
		status = walk_fail(walk, "a directory", errno);
		(void)close(fd);
		return status;
	}
	while (status == MAIL_OK) {
		errno = 0;
		d = readdir(stream);
		if (d == NULL) {
			if (errno != 0)
				status = walk_fail(walk, "a directory", errno);
			break;
		}
		status = count_entry(walk, fd, d);
	}
	(void)closedir(stream);
	return status;
}

/* new or cur, which a folder need not have. */
static enum mail_status
walk_sub(struct maildir_quota_walk *walk, int dir, const char *name, bool files)
{
	enum mail_status status = MAIL_OK;
	struct stat st;
	const int fd = openat(dir, name, DIRECTORY_FLAGS);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? MAIL_OK
			       : walk_fail(walk, name, errno);
	if (fstat(fd, &st) != 0)
		status = walk_fail(walk, name, errno);
	else
		add_stamp(walk, &st);
	if (status == MAIL_OK && files)
		return count_entries(walk, fd);
	(void)close(fd);
	return status;
}

static enum mail_status
walk_maildir(struct maildir_quota_walk *walk, int dir, bool files)
{
	enum mail_status status = walk_sub(walk, dir, "new", files);

	return status == MAIL_OK ? walk_sub(walk, dir, "cur", files) : status;
}

/* Whether a name in the Maildir++ can be that of a folder which counts. */
static bool
is_folder(const struct dirent *d)
{
	return d->d_name[0] == '.' && strcmp(d->d_name, ".") != 0 &&
	       strcmp(d->d_name, "..") != 0 && strcmp(d->d_name, ".Trash") != 0 &&
	       (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN);
}

static enum mail_status
walk_folder(struct maildir_quota_walk *walk, int root, const char *name, bool files)
{
	enum mail_status status;
	const int fd = openat(root, name, DIRECTORY_FLAGS);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? MAIL_OK
			       : walk_fail(walk, "a folder", errno);
	status = walk_maildir(walk, fd, files);
	(void)close(fd);
	return status;
}

static enum mail_status
walk_folders(struct maildir_quota_walk *walk, int root, DIR *stream, bool files)
{
	enum mail_status status = MAIL_OK;

	while (status == MAIL_OK) {
		const struct dirent *d;

		errno = 0;
		d = readdir(stream);
		if (d == NULL)
			return errno == 0 ? MAIL_OK
					  : walk_fail(walk, "the folders", errno);
		if (is_folder(d))
			status = walk_folder(walk, root, d->d_name, files);
	}
	return status;
}

enum mail_status
maildir_quota_walk(struct maildir_quota_walk *walk, int root, bool files)
{
	enum mail_status status;
	DIR *stream;
	const int fd = openat(root, ".", DIRECTORY_FLAGS);

	walk->stamp = 0;
	if (files)
		walk->usage = (struct maildir_quota_usage){0, 0};
	if (fd < 0)
		return walk_fail(walk, "the folders", errno);
	stream = fdopendir(fd);
	if (stream == NULL) {
		status = walk_fail(walk, "the folders", errno);
		(void)close(fd);
		return status;
	}
	status = walk_maildir(walk, root, files);
	if (status == MAIL_OK)
		status = walk_folders(walk, root, stream, files);
	(void)closedir(stream);
	return status;
}
