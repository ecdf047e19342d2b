/*
 * `pop3ctl mailbox check` and `repair`: what they share.
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "mailstore/traces.h"
#include "pop3d/ctl/mailbox.h"

/* A file in tmp/ that is older is of a delivery that came to nothing. */
#define CHECK_TMP_SECONDS 129600L /* 36 hours */

struct check {
	struct mailbox m;
	size_t findings;
	bool unfinished; /* there is a journal, which load() would finish */
};

/*
 * Print a line: a word for programs, a tab, the name of a file ("" for none) and a text.
 * For `repair` the word says what was done.
 */
void check_say(const char *word, const char *directory, const char *name,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same, and count it. */
#define CHECK_FIND(check, ...) ((check)->findings++, check_say(__VA_ARGS__))

/* The kind of a file that is not a regular one. */
const char *check_kind(mode_t mode);

/* The first line of a small file of ours that says who holds a lock; "" if there is none.
 */
void check_holder(int dirfd, const char *name, char *text, size_t size);

/*
 * Call seen() for each entry of a subdirectory of a Maildir but . and .., with what it
 * is. false: the directory is missing or cannot be read, with errno.
 */
typedef void check_entry(void *cookie, int dirfd, const char *sub, const char *name,
	const struct stat *st);
bool check_directory(
	const struct mailbox *m, const char *sub, check_entry *seen, void *cookie);

/* Whether an entry of tmp/ should not be there any more. */
bool check_tmp_is_old(const struct stat *st);

/* check_maildir.c: all that can be seen of a Maildir's directories. */
void check_maildir(struct check *check);

#endif
