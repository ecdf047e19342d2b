/*
 * The module "jwt": bearer tokens that an OAuth 2.0 server has signed, checked against
 * its public keys in a file.  Nobody is asked over the network.
 *
 * The key set is opened with the privileges of the auth process at its start, and read
 * when those are gone.  verify() needs nothing but descriptor and memory.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "auth/admission.h"
#include "auth/auth_module.h"
#include "auth/credential.h"
#include "auth/jwt_claims.h"
#include "auth/jwt_keys.h"
#include "auth/jwt_token.h"
#include "auth/module_file.h"

#define KEY_SET_MAX (1u << 20) /* octets */
#define LEEWAY_MAX 3600ul

struct jwt_context {
	const struct auth_host *host;
	const char *path;
	int fd;
	unsigned algorithms; /* mask of enum jwt_algorithm */
	struct jwt_rules rules;
	struct jwt_keys *keys; /* NULL until they are needed */
};

static const char *const keys[] = {"jwks", "issuer", "audience", "scope", "user_claim",
	"unverified_email", "leeway", "algorithms", NULL};

/* The value of a key that must be set, NULL if it is not. */
static const char *
value_need(const struct jwt_context *own, const char *key)
{
	const char *value = own->host->config(own->host->cookie, key);

	if (value != NULL && value[0] != '\0')
		return value;
	own->host->log(own->host->cookie, LOG_ERR, "%s is not set", key);
	return NULL;
}

static bool
unverified_email_read(struct jwt_context *own)
{
	const char *value = own->host->config(own->host->cookie, "unverified_email");

	own->rules.unverified_email = value != NULL && strcmp(value, "yes") == 0;
	if (value == NULL || own->rules.unverified_email || strcmp(value, "no") == 0)
		return true;
	own->host->log(own->host->cookie, LOG_ERR,
		"unverified_email = %s: expected yes or no", value);
	return false;
}

static bool
leeway_read(struct jwt_context *own)
{
	const char *value = own->host->config(own->host->cookie, "leeway");
	size_t n;

	own->rules.leeway = 60;
	if (value == NULL)
		return true;
	n = strspn(value, "0123456789");
	if (n >= 1 && n <= 4 && value[n] == '\0') {
		own->rules.leeway = strtoul(value, NULL, 10);
		if (own->rules.leeway <= LEEWAY_MAX)
			return true;
	}
	own->host->log(own->host->cookie, LOG_ERR,
		"leeway: expected seconds from 0 to %lu", LEEWAY_MAX);
	return false;
}

static bool
algorithms_read(struct jwt_context *own)
{
	const char *list = own->host->config(own->host->cookie, "algorithms");
	char name[16];

	own->algorithms = JWT_RS256 | JWT_ES256 | JWT_EDDSA;
	if (list == NULL)
		return true;
	own->algorithms = 0;
	for (list += strspn(list, " "); *list != '\0'; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");
		unsigned algorithm;

		(void)snprintf(name, sizeof(name), "%.*s", n < 15 ? (int)n : 15, list);
		algorithm = jwt_keys_algorithm(name);
		if (algorithm == 0) {
			own->host->log(own->host->cookie, LOG_ERR,
				"algorithms: %s, expected RS256, ES256 or EdDSA", name);
			return false;
		}
		own->algorithms |= algorithm;
		list += n;
	}
	if (own->algorithms == 0)
		own->host->log(own->host->cookie, LOG_ERR, "algorithms: none is set");
	return own->algorithms != 0;
}

/* Without issuer and audience a token for any other service would open mailboxes. */
static bool
settings_read(struct jwt_context *own)
{
	const struct auth_host *host = own->host;

	own->path = value_need(own, "jwks");
	own->rules.issuer = value_need(own, "issuer");
	own->rules.audience = value_need(own, "audience");
	own->rules.scope = host->config(host->cookie, "scope");
	own->rules.user_claim = host->config(host->cookie, "user_claim");
	if (own->rules.scope != NULL && own->rules.scope[0] == '\0')
		own->rules.scope = NULL;
	if (own->rules.user_claim == NULL || own->rules.user_claim[0] == '\0')
		own->rules.user_claim = "sub";
	return own->path != NULL && own->rules.issuer != NULL &&
	       own->rules.audience != NULL && unverified_email_read(own) &&
	       leeway_read(own) && algorithms_read(own);
}

static void
jwt_close(void *context)
{
	struct jwt_context *own = context;

	jwt_keys_free(own->keys);
	if (own->fd >= 0)
		(void)close(own->fd);
	free(own);
}

/* With a known seed, a token of many names that collide would cost a lot of time. */
static bool
libraries_start(const struct auth_host *host)
{
	size_t seed;

	/* OpenSSL's configuration file could have it load other code. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
		host->random(host->cookie, &seed, sizeof(seed))) {
		json_object_seed(seed);
		return true;
	}
	host->log(host->cookie, LOG_ERR, "OpenSSL cannot be initialised");
	return false;
}

static bool
jwt_open(void **context, const struct auth_host *host)
{
	struct jwt_context *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	own->fd = -1;
	if (libraries_start(host) && settings_read(own))
		own->fd = module_file_open(host, own->path, MODULE_FILE_PUBLIC);
	if (own->fd >= 0) {
		*context = own;
		return true;
	}
	jwt_close(own);
	return false;
}

/* The content of the file; to be freed.  NULL: unreadable or too large, logged. */
static char *
file_read(const struct jwt_context *own, size_t *n)
{
	const struct auth_host *host = own->host;
	char *text = malloc(KEY_SET_MAX);
	ssize_t got = -1;

	*n = 0;
	while (text != NULL && *n < KEY_SET_MAX) {
		got = pread(own->fd, text + *n, KEY_SET_MAX - *n, (off_t)*n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*n += (size_t)got;
	}
	if (got == 0)
		return text;
	host->log(host->cookie, LOG_ERR, "%s: %s", own->path,
		got < 0 ? strerror(errno) : "too large for a key set");
	free(text);
	return NULL;
}

static bool
keys_read(struct jwt_context *own)
{
	const struct auth_host *host = own->host;
	size_t n, skipped;
	char *text;

	if (own->keys != NULL)
		return true;
	text = file_read(own, &n);
	if (text == NULL)
		return false;
	own->keys = jwt_keys_parse(text, n, &skipped);
	free(text);
	if (own->keys == NULL)
		host->log(host->cookie, LOG_ERR, "%s: no key set with a usable key",
			own->path);
	else if (skipped > 0)
		host->log(host->cookie, LOG_INFO, "%s: %zu keys cannot be used",
			own->path, skipped);
	return own->keys != NULL;
}

static enum auth_result
token_judge(const struct jwt_context *own, const struct jwt_token *token,
	struct auth_out *out)
{
	const char *fault = jwt_keys_verify(own->keys, own->algorithms, token);

	if (fault == NULL)
		fault = jwt_claims_check(&own->rules, token->claims, time(NULL));
	if (fault == NULL &&
		!jwt_claims_user(&own->rules, token->claims, out->identity.user))
		fault = "names no user";
	if (fault == NULL)
		return AUTH_OK;
	(void)snprintf(out->reason, sizeof(out->reason), "token: %s", fault);
	return AUTH_DENY;
}

/* Another module may know a token that is no JWT, or another issuer's. */
static enum auth_result
token_foreign(const struct jwt_context *own, const char *why, struct auth_out *out)
{
	own->host->log(own->host->cookie, LOG_INFO, "token: %s", why);
	return admission_reason(out, AUTH_UNKNOWN, why);
}

static enum auth_result
jwt_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct jwt_context *own = context;
	struct jwt_token token;
	enum auth_result result;

	if (request->secret.n > AUTH_TOKEN_MAX)
		return admission_reason(out, AUTH_DENY, "token: too long");
	if (!keys_read(own))
		return admission_reason(out, AUTH_TEMPFAIL, "key set cannot be read");
	if (!jwt_token_parse(&token, request->secret))
		return token_foreign(own, "no JSON Web Token", out);
	if (jwt_claims_is_ours(&own->rules, token.claims))
		result = token_judge(own, &token, out);
	else
		result = token_foreign(own, "another issuer", out);
	jwt_token_free(&token);
	own->host->wipe(&token, sizeof(token));
	return result;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "jwt",
	.keys = keys,
	.proofs = AUTH_PROOF_TOKEN,
	.open = jwt_open,
	.verify = jwt_verify,
	.close = jwt_close,
};
