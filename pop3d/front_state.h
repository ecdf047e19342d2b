/*
 * The inside of the front process, shared by its files only.
 */
#ifndef FRONT_STATE_H
#define FRONT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth_module.h"
#include "pop3d/command.h"
#include "pop3d/connection.h"
#include "pop3d/ipc.h"
#include "pop3d/line.h"
#include "pop3d/output.h"

#define FRONT_CONTROL 3     /* channel to the monitor */
#define FRONT_CREDENTIALS 4 /* channel to the auth process */

struct front {
	struct connection *connection;
	struct line_reader reader;
	struct output output;
	uint32_t attempt;
	uint32_t lines;        /* of the connection so far */
	uint64_t bad_commands; /* in a row */
	bool has_user;         /* USER was the command before */
	char user[AUTH_USER_MAX + 1];
	unsigned char buf[4096];
};

/* front.c */

/* Say why to the monitor, and exit. */
_Noreturn void front_leave(struct front *front, const char *reason);
/* Read a line of at most limit octets; leaves if there will be none. */
enum line_status front_read(struct front *front, size_t limit, char **text, size_t *n);

/*
 * front_attempt.c: have the auth process judge what the client sends, beginning with one
 * message of the kind given.  Returns after a failure only, which has been answered: with
 * success the monitor takes the stream over and ends this process.
 */
void front_attempt(struct front *front, const char *mechanism, enum ipc_step kind,
	const void *p, size_t n);

/* front_login.c: the commands that log in.  False: not well formed, or out of place. */
bool front_user(struct front *front, const struct command *command);
bool front_pass(struct front *front, const struct command *command);
bool front_apop(struct front *front, const struct command *command);
bool front_auth(struct front *front, const struct command *command);

#endif
