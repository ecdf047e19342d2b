/*
 * Files of users in the form of Dovecot's passwd-file, one user a line:
 *
 *	user:{SCHEME}hash:uid:gid:gecos:home:shell:extra
 *
 * Fields at the end may be missing.  The extra field is the rest of the line, words
 * separated by spaces.  Lines that are empty or start with '#' or ':' are no entries.
 * The parser is pure; the reader goes through a file of any size in a fixed buffer.
 */
#ifndef USERFILE_H
#define USERFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/auth_module.h"

#define USERFILE_LINE_MAX 8192u /* octets without the line end */
#define USERFILE_BUFFER 65536u

/* An entry; the spans point into the line. */
struct userfile_entry {
	struct auth_span user;
	struct auth_span password; /* with its scheme; empty: none is set */
	struct auth_span home;     /* empty: none */
	struct auth_span mail;     /* empty: none */
	uid_t uid;                 /* (uid_t)-1: none */
	gid_t gid;                 /* (gid_t)-1: none */
	uint32_t login_delay;      /* seconds; AUTH_UNSET: none */
	uint32_t expire;           /* days, AUTH_EXPIRE_NEVER; AUTH_UNSET: none */
	bool nologin;
	bool nopassword;             /* Dovecot: any password will do.  Never honoured. */
	struct auth_span login;      /* other name to go by; empty: none */
	struct auth_span scram;      /* SCRAM keys as text; empty: none */
	struct auth_span allow_nets; /* valid for nets_match(); p NULL: anywhere */
	struct auth_span allow_real_nets; /* the same */
};

/* True if a line is an entry, not a comment or an empty line. */
bool userfile_is_entry(struct auth_span line);

/* The name before the first ':' of an entry's line, whatever the rest is. */
struct auth_span userfile_name(struct auth_span line);

/* Parse the line of an entry.  Returns NULL, or what is wrong as a constant text. */
const char *userfile_parse(struct auth_span line, struct userfile_entry *entry);

enum userfile_status {
	USERFILE_ERROR = 0, /* the file cannot be read, see errno */
	USERFILE_END,
	USERFILE_LINE,
	USERFILE_LONG, /* longer than USERFILE_LINE_MAX: the line is only its beginning */
};

struct userfile_reader {
	int fd;               /* borrowed; its position is neither used nor moved */
	size_t chunk;         /* most octets to ask the kernel for; tests make it small */
	off_t offset;         /* of the next octet to read into the buffer */
	unsigned long number; /* of the last line returned, from 1 */
	off_t line_start;     /* where that line is in the file */
	off_t line_end;       /* behind its line end; USERFILE_LINE only */
	size_t start, end;    /* what of the buffer is not consumed */
	bool skipping;        /* the rest of a long line is still to come */
	bool eof;
	unsigned char buffer[USERFILE_BUFFER];
};

/* Begin at the start of a file, which may be done again at any time. */
void userfile_start(struct userfile_reader *reader, int fd);

/* Overwrite all that was read since userfile_start(): hashes of passwords. */
void userfile_wipe(struct userfile_reader *reader);

/* The next line without its LF or CRLF, valid until the next call. */
enum userfile_status userfile_next(
	struct userfile_reader *reader, struct auth_span *line);

/* As userfile_next(), but stops only at an entry of exactly that user. */
enum userfile_status userfile_find(
	struct userfile_reader *reader, const char *user, struct auth_span *line);

#endif
