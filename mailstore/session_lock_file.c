#include "mailstore/session_lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

enum mail_status
session_lock_fail(const struct session_lock *lock, const char *what, int error)
{
	lock->options->log(lock->options->cookie, LOG_ERR, "session lock %s: %s: %s",
		lock->name != NULL ? lock->name : ".", what, strerror(error));
	errno = error;
	switch (error) {
	case EACCES:
	case EPERM:
	case ELOOP:
	case EISDIR:
	case ENXIO:
		return MAIL_PERM;
	default:
		return MAIL_TEMP;
	}
}

enum mail_status
session_lock_open(struct session_lock *lock, struct stat *st)
{
	enum mail_status status = MAIL_PERM;
	const char *fault = NULL;

	lock->fd = openat(lock->dirfd, lock->name, O_RDWR | O_CREAT | FLAGS, 0600);
	if (lock->fd < 0)
		return session_lock_fail(lock, "open", errno);
	if (fstat(lock->fd, st) != 0)
		status = session_lock_fail(lock, "stat", errno);
	else if (!S_ISREG(st->st_mode))
		fault = "is not a regular file";
	else if (st->st_uid != geteuid())
		/* Who made it could hold it for ever, or remove it while it is held. */
		fault = "is another user's";
	else if (st->st_nlink > 1)
		/* Naming the holder would overwrite some other file. */
		fault = "has a second name";
	else
		return MAIL_OK;
	if (fault != NULL)
		lock->options->log(lock->options->cookie, LOG_ERR, "session lock %s: %s",
			lock->name, fault);
	(void)close(lock->fd);
	lock->fd = -1;
	return status;
}

bool
session_lock_stands(const struct session_lock *lock, const struct stat *ours)
{
	struct stat st;

	return fstatat(lock->dirfd, lock->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == ours->st_dev && st.st_ino == ours->st_ino;
}

static bool
text_read(int fd, char text[LOCK_TEXT], size_t *length)
{
	ssize_t n;

	do
		n = pread(fd, text, LOCK_TEXT, 0);
	while (n < 0 && errno == EINTR);
	*length = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

bool
session_lock_read(struct session_lock *lock)
{
	return text_read(lock->fd, lock->text, &lock->length);
}

static bool
text_write(int fd, const char text[LOCK_TEXT])
{
	ssize_t n;

	do
		n = pwrite(fd, text, LOCK_TEXT, 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)LOCK_TEXT)
		return true;
	/* Half a text would be an unknown holder's; none at all is nobody's. */
	if (n >= 0 && ftruncate(fd, 0) == 0)
		errno = ENOSPC;
	return false;
}

bool
session_lock_write(struct session_lock *lock, off_t size)
{
	if (!text_write(lock->fd, lock->text)) {
		const int error = errno;

		(void)session_lock_read(lock);
		errno = error;
		return false;
	}
	lock->length = LOCK_TEXT;
	/* What another program left behind it would be no harm, only confusing. */
	if (size > (off_t)LOCK_TEXT && ftruncate(lock->fd, (off_t)LOCK_TEXT) != 0)
		lock->options->log(lock->options->cookie, LOG_DEBUG,
			"session lock %s: cut: %s", lock->name, strerror(errno));
	/* Before it sets a time the client of a network file system sends what it has. */
	session_lock_touch(lock);
	return true;
}

static void
log_once(struct session_lock *lock, const char *what, int error)
{
	if (!lock->fault_logged)
		(void)session_lock_fail(lock, what, error);
	lock->fault_logged = true;
}

void
session_lock_touch(struct session_lock *lock)
{
	/* If the lease cannot be kept, that another host took over will be seen. */
	if (futimens(lock->fd, NULL) != 0)
		log_once(lock, "touch", errno);
}

/* n octets of text, or none, are in the place of ours. */
static enum mail_status
lost(const struct session_lock *lock, const char *how, const char *text, size_t n,
	struct lock_holder *found)
{
	struct lock_holder holder;
	const bool named = n > 0;

	lock_text_parse(&holder, named ? text : "-", named ? n : 1);
	if (found != NULL)
		*found = holder;
	else
		lock->options->log(lock->options->cookie, LOG_WARNING,
			"session lock %s is lost: %s%s%s%s%s", lock->name, how,
			named ? " of host " : "", named ? holder.host : "",
			named ? ", process " : "", named ? holder.pid : "");
	return MAIL_BUSY;
}

/*
 * Where a disk is full that may be told only after the text was written, and the file
 * server has none of it.  The kernel's lock stands; no other session has taken it.
 */
static enum mail_status
unname(struct session_lock *lock)
{
	if (lock->named)
		lock->options->log(lock->options->cookie, LOG_WARNING,
			"session lock %s: its text is gone: it excludes sessions of this "
			"host only",
			lock->name);
	lock->named = false;
	return MAIL_OK;
}

/* fd is the file that has the name now. */
static enum mail_status
compare(struct session_lock *lock, int fd, struct lock_holder *found)
{
	struct stat ours, named;
	char text[LOCK_TEXT];
	size_t n;

	if (fstat(lock->fd, &ours) != 0 || fstat(fd, &named) != 0 ||
		!text_read(fd, text, &n)) {
		log_once(lock, "read", errno);
		return MAIL_TEMP;
	}
	if (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
		if (n == lock->length && memcmp(text, lock->text, n) == 0)
			return MAIL_OK;
		if (n == 0)
			return unname(lock);
		return lost(lock, "taken over by a session", text, n, found);
	}
	return lost(lock, "another file has its name", NULL, 0, found);
}

enum mail_status
session_lock_look(struct session_lock *lock, struct lock_holder *found)
{
	enum mail_status status;
	int fd;

	/* By its name: only opening asks a file server for what it has now. */
	fd = openat(lock->dirfd, lock->name, O_RDONLY | FLAGS);
	if (fd != -1) {
		status = compare(lock, fd, found);
		(void)close(fd);
		return status;
	}
	switch (errno) {
	case ENOENT:
	case ESTALE:
	case ELOOP:
		return lost(lock, "someone removed the file", NULL, 0, found);
	default:
		log_once(lock, "open again", errno);
		return MAIL_TEMP;
	}
}
