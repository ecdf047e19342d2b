/*
 * All that handshakes need, in memory: the context and the ticket keys it uses.
 */
#ifndef TLS_LOADED_H
#define TLS_LOADED_H

#include <stdbool.h>
#include <stdint.h>

#include "pop3d/tls/context.h"
#include "pop3d/tls/keys.h"
#include "pop3d/tls/material.h"
#include "pop3d/tls/report.h"
#include "pop3d/tls/setup.h"
#include "pop3d/tls/tickets.h"

struct loaded {
	struct material *material;
	struct keys keys;
	unsigned started; /* key processes, that nobody has counted yet */
	struct tls_context *context;
	struct ticket_keys tickets;
	int64_t again; /* clock_now() before which files are not looked at */
};

/*
 * Read files, with the rights of root, and start a process for the keys.  False, with
 * every problem reported.
 */
bool loaded_read(struct loaded *loaded, const struct tls_setup *setup, enum keys_for whom,
	const struct tls_report *report);

/* Make the context of what was read; needs no rights.  False, with problems reported. */
bool loaded_make(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report);

/*
 * Look whether files have changed, or the process with the keys has ended (keys.pid is
 * 0), and use what the files hold now; what cannot be used leaves the old in force.  True
 * if there is another context now, and another process, for a resident's relays.
 */
bool loaded_refresh(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report);

/* How many key processes were started since this was last asked. */
unsigned loaded_started(struct loaded *loaded);

#endif
