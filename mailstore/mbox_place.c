#include "mailstore/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/dotlock.h"
#include "mailstore/login_stamp.h"

/* A name that is too long for a file is cut; then the place is left out. */
static bool
place_name(char name[NAME_MAX + 1], const char *stem, const char *end)
{
	const int n = snprintf(name, NAME_MAX + 1, "%s-%s", stem, end);

	return n > 0 && n <= NAME_MAX;
}

static void
place_fill(struct mbox_place *place, int dirfd, const char *stem)
{
	char longest[NAME_MAX + 1];

	if (place_name(place->lock, stem, "lock") &&
		place_name(place->journal, stem, "journal") &&
		place_name(place->fresh, stem, "journal-new") &&
		place_name(place->index, stem, "index") &&
		place_name(place->index_fresh, stem, "index-new") &&
		place_name(place->ids, stem, "uidl") &&
		place_name(place->ids_fresh, stem, "uidl-new") &&
		place_name(place->login, stem, "login") &&
		place_name(longest, stem, "journal-saved-01234567") &&
		(fcntl(dirfd, F_GETFL) & O_PATH) == 0)
		place->dirfd = dirfd;
}

static bool
absolute_path(const struct mbox *box, int dirfd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n = 0;
	int len;

	if (*box->path == '/')
		*path = '\0';
	else {
		if (dirfd == AT_FDCWD)
			len = snprintf(link, sizeof link, "/proc/self/cwd");
		else
			len = snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
		n = len > 0 ? readlink(link, path, PATH_MAX - 2) : -1;
		if (n < 0)
			return false;
		path[n++] = '/';
	}
	len = snprintf(path + n, PATH_MAX - (size_t)n, "%s", box->path);
	return len > 0 && (size_t)len < PATH_MAX - (size_t)n;
}

static bool
same_directory(int a, int b)
{
	struct stat st_a, st_b;

	return fstat(a, &st_a) == 0 && fstat(b, &st_b) == 0 &&
	       st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

/*
 * Names in the home carry a hash of the whole path, for the user may have mboxes of the
 * same name in more than one directory.
 */
static void
home_open(struct mbox *box, int dirfd)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char path[PATH_MAX], stem[NAME_MAX + 1];
	SHA2_CTX sha;
	int home, n;

	if (*box->options->home == '\0' || !absolute_path(box, dirfd, path))
		return;
	SHA256Init(&sha);
	SHA256Update(&sha, (const unsigned char *)path, strlen(path));
	SHA256Final(digest, &sha);
	n = snprintf(stem, sizeof stem, ".pop3d-mbox-%s-%02x%02x%02x%02x", box->name,
		digest[0], digest[1], digest[2], digest[3]);
	if (n < 0 || (size_t)n >= sizeof stem)
		return;
	home = open(box->options->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home == -1)
		return;
	if (box->places[0].dirfd == -1 || !same_directory(box->dirfd, home))
		place_fill(&box->places[1], home, stem);
	if (box->places[1].dirfd == -1)
		(void)close(home);
}

/*
 * It is no error that one place cannot be used while there is another.  Notices are about
 * who holds the lock.
 */
__attribute__((format(printf, 3, 4))) static void
log_quietly(void *cookie, int priority, const char *format, ...)
{
	const struct mbox *box = cookie;
	char text[512];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	mbox_log(box, priority < LOG_NOTICE ? LOG_DEBUG : priority, "%s", text);
}

static enum mail_status
place_lock(struct mbox *box, size_t i)
{
	const struct mbox_place *place = &box->places[i];
	struct session_lock *lock = &box->locks[i];
	enum mail_status status;
	bool due;

	if (place->dirfd == -1)
		return MAIL_PERM;
	due = dotlock_sweep_due(place->dirfd, place->lock);
	status = session_lock_take(lock, place->dirfd, place->lock, &box->quiet);
	if (status == MAIL_OK) {
		/* A lock that cannot be made is missing for ever: hence only now. */
		box->died = box->died || lock->died || due;
		/* A lock that was held and is lost is news. */
		lock->options = box->options;
	}
	if (status == MAIL_TEMP)
		mbox_log(box, LOG_ERR, "session lock %s does not work: %s", place->lock,
			strerror(errno));
	return status;
}

enum mail_status
mbox_place_lock(struct mbox *box, int dirfd)
{
	enum mail_status worst = MAIL_PERM;
	char stem[NAME_MAX + 1];
	size_t taken = 0;
	int n;

	n = snprintf(stem, sizeof stem, ".%s.pop3d", box->name);
	if (n > 0 && (size_t)n < sizeof stem)
		place_fill(&box->places[0], box->dirfd, stem);
	home_open(box, dirfd);
	box->quiet = *box->options;
	box->quiet.log = log_quietly;
	box->quiet.cookie = box;
	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const enum mail_status status = place_lock(box, i);

		if (status == MAIL_BUSY)
			return status;
		taken += status == MAIL_OK;
		if (status == MAIL_TEMP)
			worst = status;
	}
	if (taken > 0)
		return MAIL_OK;
	if (worst == MAIL_TEMP)
		return worst;
	mbox_log(box, LOG_ERR,
		"no place for the session lock: let the user create files beside the "
		"mbox (as the group mail, or with mode 1777), or give the user a home");
	return MAIL_PERM;
}

enum mail_status
mbox_place_login(const struct mbox *box)
{
	size_t i = 0;

	/* One lock is held at least. */
	while (box->locks[i].fd == -1)
		i++;
	return login_stamp(box->places[i].dirfd, box->places[i].login, box->options);
}

/* Whether there is no such file, after an attempt to remove it. */
static bool
is_removed(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT;
}

void
mbox_place_sweep(struct mbox *box)
{
	bool swept = true;

	for (size_t i = 0; i < MBOX_PLACES; i++) {
		const struct mbox_place *place = &box->places[i];

		if (place->dirfd == -1)
			continue;
		swept = is_removed(place->dirfd, place->fresh) && swept;
		if (!box->died)
			continue;
		swept = is_removed(place->dirfd, place->index_fresh) && swept;
		swept = is_removed(place->dirfd, place->ids_fresh) && swept;
	}
	/* This reads the directory, where thousands of users may have their mail. */
	if (box->died && dotlock_sweep(box->dirfd, box->name) && swept)
		box->died = false;
}

static enum mail_status
for_each_lock(struct mbox *box, enum mail_status (*ask)(struct session_lock *lock))
{
	enum mail_status worst = MAIL_OK;

	for (size_t i = 0; i < MBOX_PLACES && worst != MAIL_BUSY; i++) {
		const enum mail_status status = ask(&box->locks[i]);

		if (status != MAIL_OK)
			worst = status;
	}
	return worst;
}

enum mail_status
mbox_place_keep(struct mbox *box)
{
	return for_each_lock(box, session_lock_keep);
}

enum mail_status
mbox_place_check(struct mbox *box)
{
	return for_each_lock(box, session_lock_check);
}

enum mail_status
mbox_place_still(struct mbox *box, uint64_t size)
{
	const enum mail_status status = mbox_place_check(box);
	struct stat st;

	if (status != MAIL_OK)
		return status;
	if (fstat(box->fd, &st) != 0)
		return mbox_fail(box, "stat");
	if (st.st_size >= 0 && (uint64_t)st.st_size == size)
		return MAIL_OK;
	mbox_log(box, LOG_ERR, "another program changed its size while it was locked");
	return MAIL_TEMP;
}

/* That it cannot be told now is no reason to stop halfway. */
static bool
keep_meanwhile(void *cookie)
{
	return mbox_place_keep(cookie) != MAIL_BUSY;
}

void
mbox_place_attach(struct mbox *box, struct delivery_lock *lock)
{
	lock->also = keep_meanwhile;
	lock->also_cookie = box;
	box->lock = lock;
}

void
mbox_place_close(struct mbox *box)
{
	for (size_t i = 0; i < MBOX_PLACES; i++)
		session_lock_release(&box->locks[i], box->left || box->died);
	if (box->places[1].dirfd != -1)
		(void)close(box->places[1].dirfd);
}
