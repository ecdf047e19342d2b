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

/* Copy the rest, make it durable and put it in the place of the old file. */
bool useredit_commit(struct useredit *edit);

/* Drop the edit.  The old file stays. */
void useredit_abort(struct useredit *edit);

#endif
