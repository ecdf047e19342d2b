/*
 * The inside of the listener process, shared by its files only.
 */
#ifndef LISTENER_STATE_H
#define LISTENER_STATE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "pop3d/children.h"
#include "pop3d/endpoint.h"
#include "pop3d/half_open.h"
#include "pop3d/options.h"
#include "pop3d/service.h"
#include "pop3d/startup.h"

struct listener {
	const struct startup *startup;
	const struct options *options;
	struct service *service;
	struct endpoint endpoints[STARTUP_SOCKETS_MAX]; /* of startup->sockets */
	struct children children;
	struct half_open half_open;
	int gate;                /* where monitors ask; their end is service->gate */
	pid_t resident;          /* the pop3d-tls that stays, 0: none */
	int64_t resident_due;    /* not to be started before */
	struct stat config_seen; /* all zero: there was no file */
	int64_t busy;            /* clock_now() when something last happened */
	bool reload;             /* the configuration is to be read again */
	bool crashed;            /* a child died of a crash: a new layout is due */
	bool stuck;              /* but what would be loaded is broken, as was logged */
};

/* listener_renew.c: execute the program anew if something calls for it. */
void listener_renew(struct listener *l);
void listener_look_at_config(const struct options *options, struct stat *seen);

/* listener_admit.c: which connections are taken. */

/* Which limit bars a new connection on socket i, as its key is called; NULL: none. */
const char *listener_refusal(const struct listener *l, int i, const struct address *peer);
/* A child that has died of a crash is its client's doing: call before it is removed. */
void listener_charge_crash(const struct listener *l, pid_t pid);
/* Tell the client, and the log, and close the connection. */
void listener_refuse(int fd, const struct endpoint *endpoint, const struct address *peer,
	const char *reason);

/* listener_resident.c: the pop3d-tls that has its context loaded. */

/* Start it, if there is TLS and it does not run. */
void listener_resident_start(struct listener *l);
bool listener_resident_is_due(const struct listener *l);
/* True if the child that has ended was it: then it is due again. */
bool listener_resident_ended(struct listener *l, pid_t pid, int status);

#endif
