/*
 * Running pop3d-tls, which is all that this program knows of TLS.
 */
#ifndef TLS_PROGRAM_H
#define TLS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "pop3d/config.h"
#include "pop3d/service.h"

/* True if the configuration asks for TLS and a certificate is there to offer it with. */
bool tls_program_is_wanted(const struct config *config);

/*
 * Start it for one connection, on descriptors that stay the caller's too.  Its pid, or -1
 * with errno.
 */
pid_t tls_program_relay(
	const struct service *service, int in, int out, int control, int inner);

/*
 * Start the resident one.  *channel is where to send IPC_RELAY.  Its pid, or -1 with
 * errno.
 */
pid_t tls_program_resident(const struct service *service, int *channel);

/*
 * Let it look at all that the configuration names for TLS; every problem is reported,
 * warnings too.  False if there was an error.
 */
bool tls_program_check(const struct service *service, const struct config_report *report);

#endif
