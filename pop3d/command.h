/*
 * POP3 commands: what a line says, before anyone asks whether it is permitted now.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_verb {
	COMMAND_UNKNOWN = 0,
	COMMAND_APOP,
	COMMAND_AUTH,
	COMMAND_CAPA,
	COMMAND_DELE,
	COMMAND_LIST,
	COMMAND_NOOP,
	COMMAND_PASS,
	COMMAND_QUIT,
	COMMAND_RETR,
	COMMAND_RSET,
	COMMAND_STAT,
	COMMAND_STLS,
	COMMAND_TOP,
	COMMAND_UIDL,
	COMMAND_USER,
	COMMAND_XCLIENT,
	COMMAND_VERBS, /* how many there are */
};

struct command {
	enum command_verb verb;
	bool well_formed;   /* the arguments are of the kind that the verb takes */
	const char *text;   /* of APOP, AUTH, USER, PASS, XCLIENT, borrowed from the line;
			       NULL: none */
	unsigned numbers;   /* how many numbers came */
	uint64_t number[2]; /* a number too large for 64 bits is UINT64_MAX */
};

/*
 * Parse a line of n octets, NUL-terminated, which must outlive the command.  Verbs are
 * case-insensitive, arguments are separated by one SP, and a trailing SP is forgiven,
 * except in PASS, where spaces belong to the password (RFC 1939 section 7).
 */
void command_parse(struct command *command, char *line, size_t n);

#endif
