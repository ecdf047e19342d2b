/*
 * A shipped module, loaded as pop3d loads it, with keys that a test sets.  Files come
 * from auth_fixture.h.
 */
#ifndef MODULE_FIXTURE_H
#define MODULE_FIXTURE_H

#include <stdbool.h>

#include "tests/unit/auth_fixture.h"

#include "auth/chain.h"

/* The last line that the module logged, and how many there were since the last call. */
extern char module_logged[512];
extern unsigned module_lines;

/* What the last question was answered with. */
extern struct auth_out module_out;

/* Forget all keys. */
void module_clear(void);

/* Set a key of [auth.NAME]; value is copied, NULL unsets. */
void module_set(const char *key, const char *value);

/* Load auth/NAME.so and open it; false if it would not be opened. */
bool module_start(const char *name);

/* Ask; request needs proof, user, secret and challenge only. */
enum auth_result module_ask(struct auth_request request);

void module_stop(void);

#endif
