/*
 * A Maildir in a temporary directory, for unit tests, and a store that serves it.
 */
#ifndef MAILDIR_FIXTURE_H
#define MAILDIR_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "mailstore/mailstore.h"

struct maildir_fixture {
	char root[64];  /* the temporary directory */
	char path[128]; /* root/Maildir, with new, cur and tmp in it */
	struct mail_options options;
	unsigned logged;    /* lines */
	char last_log[512]; /* the last of them */
	struct mailstore *store;
	size_t count; /* messages */
};

/* For cmocka: *state becomes the fixture. */
int maildir_fixture_set_up(void **state);
int maildir_fixture_tear_down(void **state);

/* Full path of a file in the Maildir, in memory that the next call overwrites. */
const char *maildir_fixture_file(const struct maildir_fixture *f, const char *name);

/* Write a file ("new/1.a"); it is replaced if it is there. */
void maildir_fixture_put(
	const struct maildir_fixture *f, const char *name, const char *text);
bool maildir_fixture_has(const struct maildir_fixture *f, const char *name);
void maildir_fixture_rename(
	const struct maildir_fixture *f, const char *from, const char *to);

/* Open and load the store; both must succeed. */
void maildir_fixture_open(struct maildir_fixture *f);
void maildir_fixture_close(struct maildir_fixture *f);

#endif
