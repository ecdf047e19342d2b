/*
 * What follows from an entry of a user file once the proof was right.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include "auth/auth_module.h"
#include "auth/userfile.h"

/* Fill out->reason with a text, cut if it is too long; returns result. */
enum auth_result admission_reason(
	struct auth_out *out, enum auth_result result, const char *reason);

/* AUTH_OK with the entry's identity in out, or AUTH_DENY: its flags or its networks
 * forbid this login. */
enum auth_result admission_judge(const struct userfile_entry *entry,
	const struct auth_request *request, struct auth_out *out);

#endif
