/*
 * An auth module that says what it is told to, right or wrong, for targets that run
 * mechanisms.  And no nonce is random, so that a proof in the corpus stays right.
 */
#ifndef FAKE_MODULE_H
#define FAKE_MODULE_H

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth/chain_state.h"
#include "auth/hmac.h"
#include "auth/scram_keys.h"

#define FAKE_SALT "0123456789abcdef"

/* What it is asked to do with the next question. */
enum fake_answer {
	FAKE_LETS_IN,
	FAKE_DENIES,
	FAKE_KNOWS_NOBODY,
	FAKE_IS_BROKEN,
	FAKE_WANTS_MORE,
	FAKE_SAYS_NONSENSE,
	FAKE_RENAMES, /* lets in under a name of its own */
	FAKE_HOLDS,
	/* From here on nobody may be let in. */
	FAKE_USER_UNTERMINATED,
	FAKE_USER_CONTROL,
	FAKE_HOME_RELATIVE,
	FAKE_HOME_UNTERMINATED,
	FAKE_MAIL_UNTERMINATED,
	FAKE_REASON_UNTERMINATED,
	FAKE_SALT_TOO_LONG,
	FAKE_ANSWERS,
};

static struct {
	enum fake_answer answer;
	bool allowed; /* it has let somebody in */
	unsigned asked;
} fake_module;

static inline void
fake_module_answer(unsigned answer)
{
	fake_module.answer = (enum fake_answer)(answer % FAKE_ANSWERS);
}

/* The client's key is 32 times 'k' (RFC 5802 section 3). */
static inline void
fake_keys(struct auth_scram *keys)
{
	unsigned char key[AUTH_KEY_OCTETS];
	SHA2_CTX hash;

	memset(key, 'k', sizeof(key));
	keys->iterations = SCRAM_ITERATIONS_MIN;
	keys->salt_octets = sizeof(FAKE_SALT) - 1;
	memcpy(keys->salt, FAKE_SALT, sizeof(FAKE_SALT) - 1);
	SHA256Init(&hash);
	SHA256Update(&hash, key, sizeof(key));
	SHA256Final(keys->stored_key, &hash);
	memset(keys->server_key, 's', sizeof(keys->server_key));
}

static inline enum auth_result
fake_spoil(struct auth_out *out)
{
	struct auth_identity *id = &out->identity;

	switch (fake_module.answer) {
	case FAKE_USER_UNTERMINATED:
		memset(id->user, 'u', sizeof(id->user));
		break;
	case FAKE_USER_CONTROL:
		(void)snprintf(id->user, sizeof(id->user), "jo\n+OK");
		break;
	case FAKE_HOME_RELATIVE:
		(void)snprintf(id->home, sizeof(id->home), "../jo");
		break;
	case FAKE_HOME_UNTERMINATED:
		memset(id->home, '/', sizeof(id->home));
		break;
	case FAKE_MAIL_UNTERMINATED:
		memset(id->mail, 'm', sizeof(id->mail));
		break;
	case FAKE_REASON_UNTERMINATED:
		memset(out->reason, 'r', sizeof(out->reason));
		break;
	default:
		out->scram.salt_octets = AUTH_SALT_MAX + 1;
	}
	return AUTH_OK;
}

static inline enum auth_result
fake_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	(void)context;
	fake_module.asked++;
	/* What modules are promised. */
	if (request->secret.n > 0 && request->secret.p[request->secret.n] != '\0')
		abort();
	fake_keys(&out->scram);
	switch (fake_module.answer) {
	case FAKE_DENIES:
		(void)snprintf(out->reason, sizeof(out->reason), "denied");
		return AUTH_DENY;
	case FAKE_KNOWS_NOBODY:
		return AUTH_UNKNOWN;
	case FAKE_IS_BROKEN:
		return AUTH_TEMPFAIL;
	case FAKE_WANTS_MORE:
		return AUTH_MORE;
	case FAKE_SAYS_NONSENSE:
		return (enum auth_result)(AUTH_OK + 1);
	case FAKE_RENAMES:
		(void)snprintf(out->identity.user, sizeof(out->identity.user), "ann");
		break;
	case FAKE_HOLDS:
		out->hold = 1;
		break;
	case FAKE_LETS_IN:
		break;
	default:
		return fake_spoil(out);
	}
	fake_module.allowed = true;
	return AUTH_OK;
}

static const struct auth_module fake_module_back_end = {
	.name = "fake",
	.proofs = UINT32_MAX,
	.verify = fake_verify,
};

static inline void
fake_log(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
}

static inline void
fake_chain(struct auth_chain *chain)
{
	chain->count = 1;
	chain->options.log = fake_log;
	chain->links[0].module = &fake_module_back_end;
	chain->links[0].options = &chain->options;
	chain->links[0].opened = true;
}

ssize_t
getrandom(void *p, size_t n, unsigned flags)
{
	(void)flags;
	memset(p, 0, n);
	return (ssize_t)n;
}

#endif
