/*
 * One login attempt in a process of its own, which does what an auth process does, and a
 * client's part, too.
 */
#ifndef CTL_AUTHTRIAL_H
#define CTL_AUTHTRIAL_H

#include "auth/mechanism.h"
#include "pop3d/service.h"
#include "pop3d/verdict.h"

/* Borrowed. */
struct authtrial {
	struct service *service;
	const struct auth_mechanism *mechanism;
	const char *user;
	struct auth_span secret;
	const char *remote; /* address of the client */
};

/*
 * Print what the modules say and log as they say it, and fill the verdict, whose identity
 * is what a module gave.  Returns 0, or an exit status if there is no verdict, which has
 * been printed: EX_CONFIG where modules cannot be loaded or opened, or EX_TEMPFAIL.
 */
int authtrial_run(const struct authtrial *trial, struct verdict *verdict);

#endif
