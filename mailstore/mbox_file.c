#include "mailstore/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/block.h"
#include "mailstore/decoder.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"

#define READ_SIZE ((size_t)128 * 1024)

void
mbox_log(const struct mbox *box, int priority, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	box->options->log(box->options->cookie, priority, "mbox %s: %s", box->path, text);
}

enum mail_status
mbox_fail(const struct mbox *box, const char *what)
{
	mbox_log(box, LOG_ERR, "%s: %s", what, strerror(errno));
	return MAIL_TEMP;
}

static enum mail_status
refuse(const struct mbox *box, const char *why)
{
	mbox_log(box, LOG_ERR, "refused: %s", why);
	return MAIL_PERM;
}

/*
 * The directory of the mbox.  One that may be entered but not read is fine for the mbox;
 * such a descriptor cannot be synced, so mbox_place.c puts nothing there.
 */
static enum mail_status
directory_open(struct mbox *box, int dirfd, const char *directory)
{
	const int flags = O_DIRECTORY | O_CLOEXEC;

	box->dirfd = openat(dirfd, directory, O_RDONLY | flags);
	if (box->dirfd == -1 && errno == EACCES)
		box->dirfd = openat(dirfd, directory, O_PATH | flags);
	if (box->dirfd != -1)
		return MAIL_OK;
	/* A mail directory that is not there may be one that is not mounted. */
	(void)mbox_fail(box, "directory");
	return errno == EACCES || errno == ENOTDIR ? MAIL_PERM : MAIL_TEMP;
}

static bool
name_has_end(const char *name, const char *end)
{
	const size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

enum mail_status
mbox_file_locate(struct mbox *box, int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	enum mail_status status;
	char *directory;

	box->path = strdup(path);
	if (box->path == NULL)
		return MAIL_TEMP;
	/* It would be the dotlock of the mbox of another user. */
	if (name_has_end(name, ".lock"))
		return refuse(box, "the name is that of a lock");
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		strlen(name) >= sizeof box->name)
		return refuse(box, "the path does not end in the name of a file");
	memcpy(box->name, name, strlen(name) + 1);
	if (slash == NULL)
		directory = strdup(".");
	else
		directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (directory == NULL)
		return MAIL_TEMP;
	status = directory_open(box, dirfd, directory);
	free(directory);
	return status;
}

/*
 * Nothing that another user could have put there to be read or written with this user's
 * rights, and nothing that blocks.
 */
static enum mail_status
file_judge(const struct mbox *box, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return refuse(box, "not a regular file");
	if (st->st_uid != geteuid())
		return refuse(box, "owned by another user");
	if (st->st_nlink > 1)
		return refuse(box, "the file has a second name (hard link)");
	return MAIL_OK;
}

enum mail_status
mbox_file_open(struct mbox *box)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	enum mail_status status;
	struct stat st;
	int fd;

	/* To open some devices does something, so look first; what counts is fstat. */
	if (fstatat(box->dirfd, box->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? MAIL_OK : mbox_fail(box, "stat");
	status = file_judge(box, &st);
	if (status != MAIL_OK)
		return status;
	fd = openat(box->dirfd, box->name, flags);
	if (fd == -1 && errno == ENOENT)
		return MAIL_OK;
	if (fd == -1) {
		(void)mbox_fail(box, "open");
		return errno == EACCES || errno == ELOOP ? MAIL_PERM : MAIL_TEMP;
	}
	status = fstat(fd, &st) == 0 ? file_judge(box, &st) : mbox_fail(box, "stat");
	if (status == MAIL_OK)
		box->fd = fd;
	else
		(void)close(fd);
	return status;
}

enum mail_status
mbox_file_stands(const struct mbox *box, struct stat *st)
{
	struct stat named;

	if (fstat(box->fd, st) != 0)
		return mbox_fail(box, "stat");
	if (fstatat(box->dirfd, box->name, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? MAIL_CHANGED : mbox_fail(box, "stat");
	return named.st_dev == st->st_dev && named.st_ino == st->st_ino ? MAIL_OK
									: MAIL_CHANGED;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
mbox_file_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

enum mail_status
mbox_file_check(const struct mbox *box, size_t i)
{
	const struct mbox_entry *entry = &box->entries[i];
	const size_t n = (size_t)(entry->start - entry->from);
	unsigned char line[MBOX_FROM_MAX];

	if (!mbox_io_read(box->fd, line, n, entry->from))
		return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
	return mbox_parse_hash(line, n) == entry->hash ? MAIL_OK : MAIL_CHANGED;
}

static enum mail_status
file_feed(const struct mbox *box, uint64_t offset, uint64_t size,
	struct mbox_parse *parse, unsigned char *buf, enum mbox_parse_result *result)
{
	while (offset < size && *result == MBOX_PARSE_OK) {
		size_t n =
			size - offset < READ_SIZE ? (size_t)(size - offset) : READ_SIZE;

		if (!mbox_io_read(box->fd, buf, n, offset))
			return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
		*result = mbox_parse_feed(parse, buf, n);
		offset += n;
		(void)delivery_lock_refresh(box->lock);
	}
	return MAIL_OK;
}

/* Say why a file that begins with no From_ line is no mbox. */
static enum mail_status
refuse_alien(const struct mbox *box, uint64_t size)
{
	unsigned char head[DECODER_HEAD];
	const size_t n = size < sizeof head ? (size_t)size : sizeof head;

	if (mbox_io_read(box->fd, head, n, 0) && decoder_format(head, n) != NULL)
		return refuse(
			box, "is compressed, which only messages of a Maildir may be");
	return refuse(box, "not an mbox: it does not begin with a From_ line");
}

enum mail_status
mbox_file_parse(const struct mbox *box, const struct mbox_range *range,
	mbox_parse_found *found, void *cookie)
{
	struct mbox_parse *parse = mbox_parse_new(found, cookie);
	unsigned char *buf = block_new(READ_SIZE);
	enum mbox_parse_result result = MBOX_PARSE_OK;
	enum mail_status status = MAIL_TEMP;

	if (parse != NULL && buf != NULL) {
		mbox_parse_resume(parse, range->from, range->before);
		status = file_feed(box, range->from, range->to, parse, buf, &result);
	}
	if (status == MAIL_OK && result == MBOX_PARSE_OK)
		result = mbox_parse_finish(parse);
	free(buf);
	mbox_parse_free(parse);
	if (status == MAIL_OK && result == MBOX_PARSE_ALIEN)
		return refuse_alien(box, range->to);
	if (status == MAIL_OK && result == MBOX_PARSE_STOPPED)
		return MAIL_LIMIT;
	return status;
}

struct comparison {
	const struct mbox *box;
	size_t i, end;
};

static bool
compare(void *cookie, const struct mbox_entry *entry)
{
	struct comparison *comparison = cookie;
	const struct mbox_entry *old;

	if (comparison->i == comparison->end)
		return false;
	old = &comparison->box->entries[comparison->i];
	if (entry->from != old->from || entry->start != old->start ||
		entry->length != old->length || entry->octets != old->octets ||
		entry->hash != old->hash ||
		memcmp(entry->id, old->id, sizeof old->id) != 0)
		return false;
	comparison->i++;
	return true;
}

enum mail_status
mbox_file_compare(const struct mbox *box, size_t begin, size_t end)
{
	struct comparison comparison = {.box = box, .i = begin, .end = end};
	struct mbox_range range = {.to = box->covered, .before = begin};
	enum mail_status status;

	if (begin > 0)
		range.from = box->entries[begin].from;
	if (end < box->n)
		range.to = box->entries[end].from;
	status = mbox_file_parse(box, &range, compare, &comparison);
	if (status == MAIL_PERM || status == MAIL_LIMIT ||
		(status == MAIL_OK && comparison.i != end))
		return MAIL_CHANGED;
	return status;
}
