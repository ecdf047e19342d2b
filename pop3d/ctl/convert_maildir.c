#include "pop3d/ctl/convert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/ctl/writer.h"

#define SUBS 3
static const char *const sub_names[SUBS] = {"new", "cur", "tmp"};
enum sub { SUB_NEW, SUB_CUR, SUB_TMP };

struct build {
	struct convert *c;
	int subs[SUBS];
	struct writer *writer;
};

/*
 * The name of the file that message i becomes.  It begins with the time of delivery, as a
 * delivery agent's does; the number keeps the order of those of one second.  Sizes are
 * there for who reads them: a file that does not end with a line end has none, for not
 * all who do would count the same.
 */
static enum sub
item_name(const struct convert *c, size_t i, char name[NAME_MAX + 1])
{
	const struct convert_item *item = &c->items[i];
	char sizes[64] = "", letters[6];
	const unsigned char *d = item->digest;
	const int64_t time = item->delivered > 0 ? item->delivered : 0;

	if (item->ended)
		(void)snprintf(sizes, sizeof(sizes), ",S=%" PRIu64 ",W=%" PRIu64,
			item->octets, item->wire);
	mail_detail_letters(item->flags, letters);
	(void)snprintf(name, NAME_MAX + 1,
		"%" PRId64 ".P%08zuQ%02x%02x%02x%02x%02x%02x.pop3d%s%s%s", time, i, d[0],
		d[1], d[2], d[3], d[4], d[5], sizes, item->flags != 0 ? ":2," : "",
		item->flags != 0 ? letters : "");
	return item->flags != 0 ? SUB_CUR : SUB_NEW;
}

bool
convert_maildir_number(const struct convert *c, const char *file, size_t *i)
{
	const char *p = strchr(file, '.');
	char name[NAME_MAX + 1], *end;
	unsigned long long number;

	if (p == NULL || p[1] != 'P' || p[2] < '0' || p[2] > '9')
		return false;
	number = strtoull(p + 2, &end, 10);
	if (*end != 'Q' || number >= c->source->count)
		return false;
	*i = (size_t)number;
	(void)item_name(c, *i, name);
	return strcmp(name, file) == 0;
}

static bool
subs_open(struct build *b)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int dir;

	if (mkdirat(b->c->work, "Maildir", 0700) != 0 && errno != EEXIST)
		return false;
	dir = openat(b->c->work, "Maildir", flags);
	for (int i = 0; i < SUBS && dir >= 0; i++) {
		if (mkdirat(dir, sub_names[i], 0700) == 0 || errno == EEXIST)
			b->subs[i] = openat(dir, sub_names[i], flags);
		if (b->subs[i] < 0) {
			(void)close(dir);
			return false;
		}
	}
	if (dir >= 0)
		(void)close(dir);
	return dir >= 0;
}

/* Remove what another run has left that is no message of this one. */
static bool
sub_prune(const struct build *b, enum sub sub)
{
	const int fd = openat(b->subs[sub], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	char name[NAME_MAX + 1];
	const struct dirent *entry;
	bool good = dir != NULL;

	while (good && (entry = readdir(dir)) != NULL) {
		size_t i;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			(convert_maildir_number(b->c, entry->d_name, &i) &&
				item_name(b->c, i, name) == sub))
			continue;
		good = unlinkat(b->subs[sub], entry->d_name, 0) == 0;
	}
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	return good;
}

static bool
is_there(const struct build *b, size_t i, enum sub sub, const char *name)
{
	struct stat st;

	return fstatat(b->subs[sub], name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == b->c->items[i].octets;
}

/* Write the file under its name in tmp/.  *wrote is false if writing failed, with errno.
 */
static int
file_write(struct build *b, size_t i, const char *name, bool *wrote)
{
	const struct timespec time = {.tv_sec = b->c->items[i].delivered};
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, time};
	bool stopped = false;
	int status, error;

	*wrote = false;
	if (unlinkat(b->subs[SUB_TMP], name, 0) != 0 && errno != ENOENT)
		return 0;
	b->writer->n = 0;
	b->writer->fd = openat(b->subs[SUB_TMP], name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->writer->fd < 0)
		return 0;
	status = convert_read_source(b->c, i, writer_put, b->writer, &stopped);
	*wrote = status == 0 && !stopped && writer_flush(b->writer) &&
		 futimens(b->writer->fd, times) == 0;
	error = errno;
	if (close(b->writer->fd) != 0 && *wrote) {
		*wrote = false;
		error = errno;
	}
	if (!*wrote)
		(void)unlinkat(b->subs[SUB_TMP], name, 0);
	errno = error;
	return status;
}

static int
item_build(struct build *b, size_t i)
{
	char name[NAME_MAX + 1];
	const enum sub sub = item_name(b->c, i, name);
	bool wrote;
	int status;

	if (is_there(b, i, sub, name))
		return 0;
	status = file_write(b, i, name, &wrote);
	if (status == 0 &&
		(!wrote || renameat(b->subs[SUB_TMP], name, b->subs[sub], name) != 0))
		status = convert_fail(b->c, "write a message");
	return status;
}

static int
items_build(struct build *b)
{
	const size_t count = b->c->source->count;
	int status = 0;

	progress_begin(&b->c->progress, "writing", count);
	for (size_t i = 0; i < count && status == 0; i++) {
		mailbox_keep(b->c->source);
		status = item_build(b, i);
		progress_step(&b->c->progress, i + 1);
	}
	progress_end(&b->c->progress);
	/* One call for all files: to sync each for itself takes many times as long. */
	if (status == 0 && syncfs(b->subs[SUB_CUR]) != 0)
		status = convert_fail(b->c, "sync");
	return status;
}

int
convert_build_maildir(struct convert *c)
{
	struct build b = {
		.c = c, .subs = {-1, -1, -1}, .writer = malloc(sizeof(*b.writer))};
	int status;

	if (b.writer == NULL || !subs_open(&b) || !sub_prune(&b, SUB_TMP) ||
		!sub_prune(&b, SUB_CUR) || !sub_prune(&b, SUB_NEW))
		status = convert_fail(c, "make the Maildir");
	else
		status = items_build(&b);
	for (int i = 0; i < SUBS; i++)
		if (b.subs[i] >= 0)
			(void)close(b.subs[i]);
	free(b.writer);
	return status;
}
