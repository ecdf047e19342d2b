/*
 * The penalty table in the run directory, and the marks of what stands in it.
 *
 * The file is of root alone.  It holds neither addresses nor names nor anything of a
 * password: a mark is 64 bits of a keyed hash.
 */
#ifndef PENALTY_H
#define PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth_module.h"
#include "pop3d/config.h"
#include "pop3d/host_key.h"
#include "pop3d/penalty_table.h"

/* How long a wrong password, and who has logged in from where, are remembered. */
#define PENALTY_GUESS_TICKS (86400u * PENALTY_TICKS)
#define PENALTY_FAMILIAR_TICKS (30u * 86400u * PENALTY_TICKS)

struct penalty {
	struct penalty_table *table; /* NULL: there is none */
	bool foreign; /* what stood in the file was no such table of now: it is gone */
	struct host_key key;
};

/*
 * Map the table, made if it is not there, while privileges last; one at a time.  Returns
 * NULL, or a constant text that says why there is none.  No process may be forked, nor
 * privileges be given up, before it is closed.  *directory: false if it is the run
 * directory itself that cannot be used.
 */
const char *penalty_open(
	struct penalty *penalty, const char *run_directory, bool *directory);
void penalty_close(struct penalty *penalty);

/* The key alone, for one who makes marks only.  False: there is none. */
bool penalty_key(struct host_key *key, const char *run_directory);

/* The rules for failures from an address, and for those of a user. */
struct penalty_rule penalty_address_rule(const struct config_auth *auth);
struct penalty_rule penalty_user_rule(const struct config_auth *auth);

/* Ticks since the machine has started. */
uint32_t penalty_now(void);

/*
 * Marks; never 0.  A network is that of struct address.  Names that differ in the case of
 * ASCII letters only are one: to some modules they are.
 */
uint64_t penalty_address(const struct host_key *key, const char *network);
uint64_t penalty_user(const struct host_key *key, const char *user);
uint64_t penalty_familiar(
	const struct host_key *key, const char *network, const char *user);
/*
 * One for each network: else its own wrong password, once more, would tell an attacker
 * whether others have tried the same, as the user's own programs do after a change.
 */
uint64_t penalty_guess(const struct host_key *key, const char *network, const char *user,
	struct auth_span secret);

#endif
