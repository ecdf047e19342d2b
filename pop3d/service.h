/*
 * Everything that is loaded once, before connections are served.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "auth/chain.h"
#include "mailstore/mailstore.h"
#include "pop3d/auth_cache.h"
#include "pop3d/config.h"
#include "pop3d/confine.h"
#include "pop3d/turns.h"

/* Which second parts of modules are loaded with them, see auth_module.h. */
enum service_parts {
	PARTS_ALL = 0,
	PARTS_NONE,  /* the answer may be that they are needed */
	PARTS_AGAIN, /* all, after a process without; that one has logged what is amiss */
};

struct service {
	struct config *config;
	bool root;       /* roles get uids of their own */
	uid_t front_uid; /* whom all become that read from the network, and auth */
	gid_t front_gid;
	uid_t mail_uid; /* for users without one; (uid_t)-1: none */
	gid_t mail_gid;
	gid_t extra_group; /* (gid_t)-1: none */
	bool tls;          /* it can be offered */
	int relays;        /* channel to the resident pop3d-tls, -1: there is none */
	int gate; /* channel to the listener, who counts addresses; -1: there is none */
	const char *lacks;        /* what no role is confined by; NULL: nothing */
	struct auth_cache cache;  /* opened by each auth process for itself */
	struct turns turns;       /* likewise */
	struct auth_chain *chain; /* NULL: each auth process loads its own */
	enum service_parts parts; /* of such a process */
	/* As in struct auth_chain_options; NULL, or set before the chain is loaded. */
	void (*trace)(void *cookie, const char *module, enum auth_result result,
		const char *reason);
	enum mail_lock mbox_locks[MAIL_LOCKS];
};

/*
 * Fill from the configuration, which must outlive it.  preload: load the modules as well
 * (their code; secrets are read by each auth process), and look at all that TLS needs.
 * False if something is wrong: every problem has been reported.
 */
bool service_load(struct service *service, struct config *config, bool preload,
	const struct config_report *report);

/* Fill in no more than what a maildrop is opened with: no roles, no TLS, no modules. */
bool service_load_mail(struct service *service, struct config *config,
	const struct config_report *report);

/* Load the modules of a service that has none yet; for one auth process. */
bool service_load_chain(struct service *service, const struct config_report *report);

/* How to confine a process of this service that dies with its parent. */
struct confinement service_confinement(
	const struct service *service, pid_t parent, unsigned descriptors);

/* Close the channels, in a process that has no business with who is behind them. */
void service_let_go(struct service *service);

void service_free(struct service *service);

#endif
