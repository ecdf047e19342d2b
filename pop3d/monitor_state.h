/*
 * The inside of the monitor process, shared by its files only.
 */
#ifndef MONITOR_STATE_H
#define MONITOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/mechanism.h"
#include "pop3d/attempt.h"
#include "pop3d/connection.h"
#include "pop3d/penalty_table.h"
#include "pop3d/verdict.h"

struct monitor {
	struct connection connection;
	pid_t front;
	int control;
	int credentials; /* the auth process's end, handed on by fork, never read here */
	pid_t relay;     /* the pop3d-tls of this connection alone; 0: none */
	bool implicit;   /* nothing is said outside TLS */
	bool greeted;    /* by a front before */
	uint64_t attempts; /* failed ones */
	uint32_t lines;    /* that fronts, which have ended, took from the client */
	uint32_t octets;
	unsigned log_lines; /* taken from the front */
	char reason[32];    /* why the connection ended before a login */
	char detail[128];   /* the same for people; "": nothing to add */
	bool crashed;
	bool crash_charged; /* as a failed attempt, see monitor_penalty.c */
	bool starved;       /* there was not enough for a front */
	const struct auth_mechanism *mechanism; /* of the attempt asked for */
	struct proxy_header header;             /* of the XCLIENT asked for */
	struct connection before_xclient;       /* it, if there was one */
};

/* What a front wants when it has nothing more to say. */
enum monitor_wish {
	MONITOR_OVER,    /* the connection is over, see reason */
	MONITOR_ATTEMPT, /* to try to log in by `mechanism` */
	MONITOR_SUCCESS, /* nothing more: it has */
	MONITOR_STLS,    /* that TLS be started; it has ended */
	MONITOR_XCLIENT, /* that `header` be believed; it has ended */
};

/*
 * monitor.c: how to log that something which processes share is not there: whoever finds
 * the run directory unusable first warns of it.  directory: it is not to blame.
 */
int monitor_priority(const struct service *service, bool directory);

/* monitor_messages.c: take messages of the front until it wants something. */
enum monitor_wish monitor_next(struct monitor *m);
void monitor_reason(struct monitor *m, const char *reason);

/* monitor_penalty.c: what failures before cost; see there. */

/* What an attempt came to, for the log. */
struct penalty_outcome {
	uint32_t seconds; /* until the next one may begin */
	bool repeat;      /* of a wrong password that has been counted */
};

/*
 * Let the address wait until it may begin an attempt, and charge it.  *late: it would
 * have to wait for longer than until the login deadline.
 */
enum attempt_status monitor_penalty_begin(const struct monitor *m,
	const struct attempt *attempt, struct penalty_charge *charge, bool *late);
/* Milliseconds for which the answer is held back for the sake of the user. */
int64_t monitor_penalty_user(const struct monitor *m, const struct verdict *verdict);
/* The attempt is over.  failed: by what the client did, not by what is amiss here. */
void monitor_penalty_end(const struct monitor *m, const struct penalty_charge *charge,
	const struct verdict *verdict, bool failed, struct penalty_outcome *outcome);
/* The connection is over, without a login. */
void monitor_penalty_leave(const struct monitor *m);

/*
 * monitor_login.c: serve attempts of one front until one succeeds (MONITOR_SUCCESS, with
 * the verdict) or the front wants something else.
 */
enum monitor_wish monitor_authorize(struct monitor *m, struct verdict *verdict);

#endif
