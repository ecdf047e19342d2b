/*
 * The key process, as seen by those who have it sign.
 */
#ifndef TLS_KEYS_H
#define TLS_KEYS_H

#include <stdbool.h>
#include <sys/types.h>

#include "pop3d/tls/material.h"
#include "pop3d/tls/setup.h"

struct keys {
	pid_t pid;   /* 0: none */
	int channel; /* to it; -1: none */
};

/* Whom the channel is for. */
enum keys_for {
	KEYS_FOR_RELAY,    /* one who gets one signature */
	KEYS_FOR_RESIDENT, /* one who hands over channels of relays, and gets none */
};

/*
 * Start a process for the keys of the material, which it reads with the rights that are
 * there now.  It ends when all channels to it are closed; it is a child to be waited for,
 * unless SIGCHLD is ignored.  False with errno.
 */
bool keys_start(struct keys *keys, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom);

/* A relay's channel: the end for the relay; -1 if there is none to be had. */
int keys_channel(const struct keys *keys);

/* Close the channel: it ends when the last relay has what it wants. */
void keys_leave(struct keys *keys);

/* The same, and wait until it has ended: it is, if it does not by itself. */
void keys_end(struct keys *keys);

#endif
