/*
 * What an auth process tells the monitor: how the attempt ended, and for whom.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_module.h"
#include "pop3d/ipc.h"

struct verdict {
	enum ipc_result result;
	char claimed[AUTH_USER_MAX + 1]; /* the name the client gave; may be "" */
	uint64_t guess;      /* mark of a wrong password, see penalty.h; 0: none */
	struct auth_out out; /* identity: with RESULT_OK only */
};

bool verdict_send(int fd, const struct verdict *verdict);

/*
 * What a client is told of a failed attempt: the text, and in *code its response code
 * (RFC 3206) without brackets.
 */
const char *verdict_reply(uint32_t result, const char **code);

/* False if the message is not a well-formed verdict: treat as a broken back end. */
bool verdict_read(struct ipc_message *message, struct verdict *verdict);

#endif
