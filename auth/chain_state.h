/*
 * The inside of a module chain, shared by the chain's files only.
 */
#ifndef CHAIN_STATE_H
#define CHAIN_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth_module.h"
#include "auth/chain.h"
#include "auth/policy.h"

#define CHAIN_MAX 16 /* modules in one list */

/* One module of the list; also the cookie of its auth_host. */
struct chain_link {
	const struct auth_module *module;
	const struct auth_chain_options *options;
	struct auth_host host;
	struct auth_policy policy;
	const char **keys; /* of the module and of its policy */
	void *context;
	bool opened;
	bool wants_part; /* it had no answer without its second part */
};

struct auth_chain {
	struct auth_chain_options options;
	size_t count;
	struct chain_link links[CHAIN_MAX];
};

/* Log a line with the module's name in front. */
void chain_log(const struct chain_link *link, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* chain_host.c: what is lent to a module; its cookie is the link. */
void chain_host_init(struct chain_link *link);

#endif
