/*
 * A process that is about to ask the modules: the auth process of a login, and the one
 * in which pop3ctl tries one.
 */
#ifndef AUTH_PROCESS_H
#define AUTH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pop3d/ipc.h"
#include "pop3d/seed.h"
#include "pop3d/service.h"

/*
 * In a process forked for it: become the leader of a process group, die with the parent,
 * load the modules if that has not been done, read the secrets, and give up what the
 * modules do not need.  The seed is filled for mechanisms that ask for SCRAM keys.
 * False if anything failed, which has been logged: the caller must then exit.
 */
bool auth_process_prepare(struct service *service, uint32_t proof, pid_t parent,
	unsigned char seed[SEED_OCTETS]);

/* What an exchange's end means for the client. */
enum ipc_result auth_process_result(enum auth_result result);

#endif
