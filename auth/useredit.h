/*
 * Replace parts of a user file in one step that cannot be seen half done: a reader sees
 * the old file or the new one, and of two edits at the same time none is lost.
 *
 * An edit holds a lock on FILE.lock, which stays, and writes FILE.tmp.  What is not
 * replaced is copied octet for octet.
 */
#ifndef USEREDIT_H
#define USEREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "auth/userfile.h"

struct useredit {
	int dirfd;
	int lockfd;
	int fd; /* the file as it is, to be read with pread(); -1: there is none */
	int tmpfd;
	off_t cursor;   /* up to here the old file is dealt with */
	struct stat st; /* of the old file; st_size 0 if there is none */
	char name[250]; /* of the file in its directory */
	char lock[256]; /* the same with .lock behind it */
	char tmp[256];
	char error[512];
};

/*
 * Lock and open.  A symbolic link is followed.  create: the file may be missing.
 * On failure edit->error says why and nothing is held; here and below.
 */
bool useredit_begin(struct useredit *edit, const char *path, bool create);

/* Put text in the place of the octets [from, to); in ascending order. */
bool useredit_splice(
	struct useredit *edit, off_t from, off_t to, const char *text, size_t n);

/*
 * Put a secret in the place of the one in a line that userfile_find() yielded; all else
 * in the line stays.
 */
bool useredit_password(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const char *secret);

/*
 * The same for the word scram= in the extra field, after useredit_password(): put other
 * keys there, in a new word if there is none and add is true; NULL takes the word away.
 */
bool useredit_keys(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const char *keys, bool add);

/*
 * Copy the rest, make it durable and put it in the place of the old file.  If there is a
 * database of it (usercdb.h), that is compiled anew; where this fails edit->error says
 * so, and it is true all the same.
 */
bool useredit_commit(struct useredit *edit);

/* Drop the edit.  The old file stays. */
void useredit_abort(struct useredit *edit);

#endif
