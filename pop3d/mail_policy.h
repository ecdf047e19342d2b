/*
 * What a site lays down for a user's mail: how often to log in, how long mail is kept.
 *
 * Before the login the bounds that hold for every user are announced, and a user's own
 * values are kept within them: so what was announced is true for whoever logs in.
 */
#ifndef MAIL_POLICY_H
#define MAIL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_module.h"
#include "pop3d/config.h"

struct mail_policy {
	uint64_t login_delay; /* seconds, 0: none */
	uint64_t expire;      /* days, CONFIG_NEVER */
	bool delays;          /* some user may have a login delay */
	bool delay_varies;    /* with the user, who is not known yet */
	bool expire_varies;
};

/* The largest delay and the shortest time that any user may have. */
void mail_policy_of_all(struct mail_policy *policy, const struct config *config);

/* What holds for one user, whose own values that cannot be are logged. */
void mail_policy_of_user(struct mail_policy *policy, const struct config *config,
	const struct auth_identity *identity);

#endif
