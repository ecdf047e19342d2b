#include "mailstore/traces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/maildir.h"
#include "mailstore/mbox.h"

#define MAILDIR_STEM ".pop3d-"

static const struct {
	const char *end; /* of the name; with a '*' anything may follow */
	enum mail_trace trace;
} ends[] = {
	{"lock", MAIL_TRACE_LOCK},
	{"login", MAIL_TRACE_LOGIN},
	{"index", MAIL_TRACE_INDEX},
	{"index-new", MAIL_TRACE_TEMPORARY},
	{"uidl", MAIL_TRACE_IDS},
	{"uidl-new", MAIL_TRACE_TEMPORARY},
	{"journal", MAIL_TRACE_JOURNAL},
	{"journal-new", MAIL_TRACE_TEMPORARY},
	{"journal-saved-*", MAIL_TRACE_SAVED},
	{"dot-*", MAIL_TRACE_TEMPORARY},
};

static bool
end_matches(const char *text, const char *end)
{
	const size_t n = strlen(end);

	if (end[n - 1] == '*')
		return strncmp(text, end, n - 1) == 0;
	return strcmp(text, end) == 0;
}

static bool
name_report(int dirfd, const char *name, const char *stem, mail_trace_found *found,
	void *cookie)
{
	const size_t n = strlen(stem);

	if (strncmp(name, stem, n) != 0)
		return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (end_matches(name + n, ends[i].end))
			return found(cookie, ends[i].trace, dirfd, name);
	return true;
}

/* Read the directory dirfd; names begin with stem. */
static bool
directory_read(int dirfd, const char *stem, mail_trace_found *found, void *cookie)
{
	const int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool good = stream != NULL;

	if (stream == NULL && fd != -1)
		(void)close(fd);
	while (good) {
		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			good = errno == 0;
			break;
		}
		good = name_report(dirfd, entry->d_name, stem, found, cookie);
	}
	if (stream != NULL)
		(void)closedir(stream);
	return good;
}

static bool
place_traces(const struct mbox_place *place, mail_trace_found *found, void *cookie)
{
	char stem[NAME_MAX + 1];

	memcpy(stem, place->lock, sizeof stem);
	stem[strlen(stem) - strlen("lock")] = '\0';
	return directory_read(place->dirfd, stem, found, cookie);
}

static bool
mbox_traces(const struct mbox *box, mail_trace_found *found, void *cookie)
{
	char name[NAME_MAX + 16];

	for (size_t i = 0; i < MBOX_PLACES; i++)
		if (box->places[i].dirfd != -1 &&
			!place_traces(&box->places[i], found, cookie))
			return false;
	(void)snprintf(name, sizeof name, "%s.lock", box->name);
	if (faccessat(box->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	return found(cookie, MAIL_TRACE_DOTLOCK, box->dirfd, name);
}

bool
mail_traces(struct mailstore *store, mail_trace_found *found, void *cookie)
{
	const struct maildir *m = (const struct maildir *)store;

	if (store->ops == &mailstore_mbox)
		return mbox_traces((const struct mbox *)store, found, cookie);
	return m->root < 0 || directory_read(m->root, MAILDIR_STEM, found, cookie);
}
