/*
 * The quota of a Maildir++: what the file maildirsize says, and what of a message counts.
 * Pure: no file is touched here.
 *
 * The first line defines the quota, "10000000S,1000C": bytes and messages.  Each further
 * line is an amount of bytes and one of messages, and their sums are what is in use: the
 * first of them a count of all files, the others what was added or, negative, removed.
 * Whoever finds the file longer than MAILDIR_QUOTA_MAX ignores the sums and counts again.
 */
#ifndef MAILDIR_QUOTA_H
#define MAILDIR_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILDIR_QUOTA_MAX 5120u

/* Octets of a line that maildir_quota_line() writes, at most, with the NUL. */
#define MAILDIR_QUOTA_LINE 48u

struct maildir_quota {
	char definition[128];            /* the first line as it stands there */
	int64_t max_bytes, max_messages; /* 0: no limit */
	int64_t bytes, messages;         /* in use; both 0 if damaged */
	size_t lines;                    /* behind the first */
	bool torn;    /* the last line has no end: its writer was killed,
			 or had no room */
	bool damaged; /* the sums mean nothing: all has to be counted again */
};

/*
 * Take a definition, whose n octets need no NUL behind them; one without limits is good.
 * False: it is none, and q is as it was.
 */
bool maildir_quota_define(struct maildir_quota *q, const char *text, size_t n);

/*
 * Read the text of a maildirsize.  False: its first line is no definition, or it has a
 * NUL somewhere, so that it is not such a file at all.
 */
bool maildir_quota_parse(struct maildir_quota *q, const char *text, size_t n);

/*
 * Write one line with its line end; returns its length.  Blanks make most lines the same
 * length, so that bytes which a remote file system puts in the wrong place still form
 * lines.
 */
size_t maildir_quota_line(char line[MAILDIR_QUOTA_LINE], int64_t bytes, int64_t messages);

/*
 * The size that the name of a message's file gives it, ",S=1234" before any ':'.  It
 * counts whatever size the file has.  False: the name gives none.
 */
bool maildir_quota_name_size(const char *name, int64_t *size);

/* Whether a message counts: those that another program has marked as trashed do not. */
bool maildir_quota_name_counts(const char *name);

/* a + b, and no more than the largest number; neither is negative. */
int64_t maildir_quota_add(int64_t a, int64_t b);

#endif
