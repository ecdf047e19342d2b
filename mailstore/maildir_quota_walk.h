/*
 * The directories of a Maildir++ that count for its quota: new and cur of it and of all
 * its folders but Trash.
 */
#ifndef MAILDIR_QUOTA_WALK_H
#define MAILDIR_QUOTA_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "mailstore/maildir_quota_count.h"
#include "mailstore/mailstore.h"

/* Start with zeroed memory, but for options. */
struct maildir_quota_walk {
	const struct mail_options *options;
	struct maildir_quota_usage usage;
	/* Differs once a file or folder has come, gone or got another name. */
	uint64_t stamp;
	bool fine; /* the file system's time stamps tell parts of a second */
};

/*
 * Look at all directories whose Maildir++ is at the descriptor root; with `files` add up
 * what is in them.  Logs what it fails at.
 */
enum mail_status maildir_quota_walk(
	struct maildir_quota_walk *walk, int root, bool files);

#endif
