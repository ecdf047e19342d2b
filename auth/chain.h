/*
 * The chain of modules that `[auth] modules` names: load, open, ask.
 *
 * Loading is code only and may be done once, before connections are served; opening
 * reads secrets and belongs in the auth process of one attempt.
 */
#ifndef AUTH_CHAIN_H
#define AUTH_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/auth_module.h"

struct auth_chain; /* private */

/* What a chain needs of the program it is in.  All of it must outlive the chain. */
struct auth_chain_options {
	const char *directory; /* where NAME.so stands */
	const char *modules;   /* names in the order asked, separated by spaces */
	void *cookie;
	/* One line for the log. */
	void (*log)(void *cookie, int priority, const char *text);
	/* Value of a key in [auth.MODULE], NULL if unset. */
	const char *(*config)(void *cookie, const char *module, const char *key);
	/* The cache of proofs, as struct auth_host has it; both NULL: there is none. */
	bool (*known)(void *cookie, const char *module,
		const struct auth_request *request, struct auth_span stored);
	void (*remember)(void *cookie, const char *module,
		const struct auth_request *request, struct auth_span stored);
	/*
	 * A turn of a module, as struct auth_host has it, and its end; both NULL: every
	 * turn comes at once.
	 */
	bool (*wait_turn)(void *cookie, const char *module);
	void (*end_turn)(void *cookie);
	/* Leave out the first module's second part: auth_chain_wants_parts() matters
	 * then.
	 */
	bool sparing;
	/* What open() warns of has been logged, by a process that was sparing. */
	bool warned;
	/* Told what each module that was asked said; NULL: nobody wants to know. */
	void (*trace)(void *cookie, const char *module, enum auth_result result,
		const char *reason);
};

/*
 * Load and check every module.  On failure returns NULL and puts one line in error:
 * which file, what is wrong with it.
 */
struct auth_chain *auth_chain_load(
	const struct auth_chain_options *options, char *error, size_t error_size);

/*
 * The config keys of a loaded module, its own and those of policy.h, NULL at the end;
 * NULL if no such module.
 */
const char *const *auth_chain_keys(const struct auth_chain *chain, const char *module);

/* Mask of enum auth_proof that a loaded module serves; 0 if no such module. */
uint32_t auth_chain_module_proofs(const struct auth_chain *chain, const char *module);

/* Name of a module that must keep uid 0, NULL if there is none. */
const char *auth_chain_root_module(const struct auth_chain *chain);

/* Mask of enum auth_proof that some module serves. */
uint32_t auth_chain_proofs(const struct auth_chain *chain);

/* Read the lists of policy.h and open every module; false if one failed, logged. */
bool auth_chain_open(struct auth_chain *chain);

/*
 * Ask the modules that serve request->proof, and whose lists let this mechanism and user
 * in (policy.h), in order, as the results say.  If none knows
 * the user: AUTH_DENY.  A result that is out of range or AUTH_MORE, a name with control
 * bytes or an unterminated string in out: AUTH_TEMPFAIL, logged.  With AUTH_OK,
 * out->identity.user is never empty.
 */
enum auth_result auth_chain_verify(struct auth_chain *chain,
	const struct auth_request *request, struct auth_out *out);

/*
 * True if some module had no answer for want of its second part: what the chain said
 * counts for nothing, and one that was not loaded sparingly must be asked.
 */
bool auth_chain_wants_parts(const struct auth_chain *chain);

/* Close and forget; modules stay mapped, they are never unloaded. chain may be NULL. */
void auth_chain_free(struct auth_chain *chain);

#endif
