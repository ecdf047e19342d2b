/*
 * A user file compiled into FILE.cdb, for files so long that to read one through takes
 * longer than to check a password.
 *
 * Each entry's line stands under its name.  It also says which state of which file it
 * was made from, and counts only for that one; the file itself always goes before.  It
 * is read as if anybody could have written it: what it yields is a line that bears the
 * name asked for, or nothing.
 */
#ifndef USERCDB_H
#define USERCDB_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/userfile.h"

/*
 * Compile the user file on fd into NAME.cdb beside it in a directory, in one step that
 * cannot be seen half done.  Nobody else may be compiling: hold the lock of useredit.h.
 * Owner and mode are those of the file.  False: error says why, and what was there stays.
 */
bool usercdb_compile(int dirfd, const char *name, int fd, char *error, size_t error_size);

/* True if the database was made from the file on fd as it is. */
bool usercdb_is_current(int cdb, int fd);

/*
 * The first entry of exactly that user: USERFILE_LINE, its line in buffer; USERFILE_END;
 * or USERFILE_ERROR, with errno.
 */
enum userfile_status usercdb_find(int cdb, const char *user,
	unsigned char buffer[USERFILE_LINE_MAX], struct auth_span *line);

#endif
