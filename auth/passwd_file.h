/*
 * One user file of the module passwd, with its database (usercdb.h) where there is one.
 */
#ifndef PASSWD_FILE_H
#define PASSWD_FILE_H

#include <stdbool.h>

#include "auth/auth_module.h"
#include "auth/userfile.h"

struct passwd_file {
	char *path; /* owned */
	int fd;
	int cdb; /* -1: there is none, or it is not of this file */
	bool read_through;
	struct userfile_reader reader;
	unsigned char line[USERFILE_LINE_MAX]; /* found in the database */
};

/* Open, with the privileges there are now.  NULL if it cannot be, which was logged. */
struct passwd_file *passwd_file_open(
	const struct auth_host *host, const char *path, size_t path_octets);

/* file may be NULL. */
void passwd_file_close(struct passwd_file *file);

/*
 * Find the first entry of a user.  *line is valid until the next call.  An error has been
 * logged.
 */
enum userfile_status passwd_file_find(const struct auth_host *host,
	struct passwd_file *file, const char *user, struct auth_span *line);

/*
 * Read on after the entry that was found, to the end, as for a user who is not there.
 * False on an error, which has been logged.
 */
bool passwd_file_drain(const struct auth_host *host, struct passwd_file *file);

#endif
