/*
 * The key process: the only one that holds private keys.
 */
#ifndef TLS_KEY_PROCESS_H
#define TLS_KEY_PROCESS_H

#include "pop3d/tls/keys.h"

/* In the process that was made for it, to its end. */
_Noreturn void key_process_run(int channel, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom);

#endif
