#include "mailstore/needs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/maildir_quota_file.h"

/* What stands in a directory is made, read, written, renamed and removed. */
#define ALL (MAIL_ACCESS_LIST | MAIL_ACCESS_READ | MAIL_ACCESS_WRITE | MAIL_ACCESS_MAKE)

bool
maildir_needs(const char *path, const struct mail_options *options,
	mail_path_needed *needed, void *cookie)
{
	char at[PATH_MAX], mark[PATH_MAX];
	int n = snprintf(at, sizeof at, "%s", path);

	(void)options;
	/* From new to cur. */
	needed(cookie, path, ALL | MAIL_ACCESS_MOVE);
	/* The quota of a folder of Maildir++ is counted in the Maildir above. */
	for (int depth = 0; depth < MAILDIR_QUOTA_FOLDERS; depth++) {
		if (n < 0 || (size_t)n + sizeof "/.." > sizeof at ||
			snprintf(mark, sizeof mark, "%s/%s", at, MAILDIR_QUOTA_FOLDER) >=
				(int)sizeof mark)
			return false;
		if (faccessat(AT_FDCWD, mark, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			return true;
		memcpy(at + n, "/..", sizeof "/..");
		n += (int)strlen("/..");
		needed(cookie, at,
			MAIL_ACCESS_LIST | MAIL_ACCESS_READ | MAIL_ACCESS_WRITE);
	}
	return true;
}

/*
 * Locks, a journal and indexes stand beside an mbox or in the home; both are looked at,
 * and what is there appears under new names while the session lasts.
 */
bool
mbox_needs(const char *path, const struct mail_options *options, mail_path_needed *needed,
	void *cookie)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	size_t n;

	if (slash == NULL)
		return false;
	n = slash == path ? 1 : (size_t)(slash - path);
	if (n >= sizeof directory)
		return false;
	memcpy(directory, path, n);
	directory[n] = '\0';
	needed(cookie, directory, ALL);
	if (options->home[0] != '\0')
		needed(cookie, options->home, ALL);
	return true;
}
