#include "auth/chain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "auth/credential.h"
#include "auth/loader.h"

#define CHAIN_MAX 16 /* modules in one list */

/* One module of the list; also the cookie of its auth_host. */
struct chain_link {
	const struct auth_module *module;
	const struct auth_chain_options *options;
	struct auth_host host;
	void *context;
	bool opened;
};

struct auth_chain {
	struct auth_chain_options options;
	size_t count;
	struct chain_link links[CHAIN_MAX];
};

__attribute__((format(printf, 3, 0))) static void
link_vlog(const struct chain_link *link, int priority, const char *format, va_list args)
{
	char text[512];
	int n;

	n = snprintf(text, sizeof(text), "module %s: ", link->module->name);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	link->options->log(link->options->cookie, priority & LOG_PRIMASK, text);
}

__attribute__((format(printf, 3, 4))) static void
link_log(const struct chain_link *link, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	link_vlog(link, priority, format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	link_vlog(cookie, priority, format, args);
	va_end(args);
}

static const char *
host_config(void *cookie, const char *key)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	return options->config(options->cookie, link->module->name, key);
}

static bool
host_random(void *cookie, void *p, size_t n)
{
	unsigned char *to = p;
	ssize_t got;

	(void)cookie;
	while (n > 0) {
		got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static bool
host_known(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	return options->known != NULL &&
	       options->known(options->cookie, link->module->name, request, stored);
}

static void
host_remember(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	if (options->remember != NULL)
		options->remember(options->cookie, link->module->name, request, stored);
}

static const struct chain_link *
link_find(const struct auth_chain *chain, const char *name)
{
	for (size_t i = 0; i < chain->count; i++)
		if (strcmp(chain->links[i].module->name, name) == 0)
			return &chain->links[i];
	return NULL;
}

static bool
link_add(struct auth_chain *chain, const char *name, char *error, size_t error_size)
{
	struct chain_link *link;

	if (link_find(chain, name) != NULL) {
		(void)snprintf(error, error_size,
			"module %s is in the list twice, expected once", name);
		return false;
	}
	if (chain->count == CHAIN_MAX) {
		(void)snprintf(error, error_size,
			"module %s: more than %d modules in the list", name, CHAIN_MAX);
		return false;
	}
	link = &chain->links[chain->count];
	link->module = loader_load(chain->options.directory, name, error, error_size);
	if (link->module == NULL)
		return false;
	link->options = &chain->options;
	link->host = (struct auth_host){
		.abi = POP3D_AUTH_ABI,
		.size = sizeof(struct auth_host),
		.cookie = link,
		.log = host_log,
		.config = host_config,
		.random = host_random,
		.wipe = explicit_bzero,
		.known = host_known,
		.remember = host_remember,
	};
	chain->count++;
	return true;
}

static bool
list_load(struct auth_chain *chain, char *error, size_t error_size)
{
	const char *p = chain->options.modules + strspn(chain->options.modules, " \t");
	/* One octet more than a good name has, so that the loader refuses what was cut.
	 */
	char name[LOADER_NAME_MAX + 2];

	if (*p == '\0') {
		(void)snprintf(error, error_size, "no module in the list, expected one");
		return false;
	}
	while (*p != '\0') {
		size_t n = strcspn(p, " \t");

		(void)snprintf(name, sizeof(name), "%.*s", (int)(n < 64 ? n : 64), p);
		if (!link_add(chain, name, error, error_size))
			return false;
		p += n;
		p += strspn(p, " \t");
	}
	return true;
}

struct auth_chain *
auth_chain_load(const struct auth_chain_options *options, char *error, size_t error_size)
{
	struct auth_chain *chain;

	chain = calloc(1, sizeof(*chain));
	if (chain == NULL) {
		(void)snprintf(error, error_size, "%s", strerror(errno));
		return NULL;
	}
	chain->options = *options;
	if (!list_load(chain, error, error_size)) {
		free(chain);
		return NULL;
	}
	return chain;
}

const char *const *
auth_chain_keys(const struct auth_chain *chain, const char *module)
{
	const struct chain_link *link = link_find(chain, module);

	return link != NULL ? link->module->keys : NULL;
}

const char *
auth_chain_root_module(const struct auth_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if ((chain->links[i].module->flags & AUTH_FLAG_ROOT) != 0)
			return chain->links[i].module->name;
	return NULL;
}

uint32_t
auth_chain_proofs(const struct auth_chain *chain)
{
	uint32_t proofs = 0;

	for (size_t i = 0; i < chain->count; i++)
		proofs |= chain->links[i].module->proofs;
	return proofs;
}

bool
auth_chain_open(struct auth_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		struct chain_link *link = &chain->links[i];

		if (!link->opened)
			link->opened = link->module->open(&link->context, &link->host);
		if (!link->opened)
			return false;
	}
	return true;
}

static void
out_clear(struct auth_out *out)
{
	explicit_bzero(out, sizeof(*out));
	out->identity.uid = (uid_t)-1;
	out->identity.gid = (gid_t)-1;
}

static bool
is_text(const char *p, size_t size)
{
	const char *end = memchr(p, '\0', size);

	return end != NULL && credential_is_printable(p, (size_t)(end - p));
}

/* What is wrong with an answer, NULL if nothing is.  Nothing in it is trusted. */
static const char *
answer_fault(int result, const struct auth_out *out)
{
	const struct auth_identity *id = &out->identity;

	if (memchr(out->reason, '\0', sizeof(out->reason)) == NULL)
		return "unterminated reason";
	switch (result) {
	case AUTH_TEMPFAIL:
	case AUTH_DENY:
	case AUTH_UNKNOWN:
		return NULL;
	case AUTH_OK:
		break;
	default:
		return "result that verify() must not return";
	}
	if (!is_text(id->user, sizeof(id->user)))
		return "user name that is unterminated or has control bytes";
	if (!is_text(id->home, sizeof(id->home)))
		return "home that is unterminated or has control bytes";
	if (id->home[0] != '\0' && id->home[0] != '/')
		return "home that is not absolute";
	if (out->scram.salt_octets > AUTH_SALT_MAX)
		return "salt that is too long";
	if (!is_text(id->mail, sizeof(id->mail)))
		return "mail location that is unterminated or has control bytes";
	return NULL;
}

static enum auth_result
link_verify(
	struct chain_link *link, const struct auth_request *request, struct auth_out *out)
{
	enum auth_result result;
	const char *fault;

	out_clear(out);
	if (!link->opened) {
		link_log(link, LOG_ERR, "asked before it was opened");
		return AUTH_TEMPFAIL;
	}
	result = link->module->verify(link->context, request, out);
	fault = answer_fault((int)result, out);
	if (fault != NULL) {
		link_log(link, LOG_ERR, "broken answer (%d): %s", (int)result, fault);
		out_clear(out);
		(void)snprintf(out->reason, sizeof(out->reason), "module %s: %s",
			link->module->name, fault);
		return AUTH_TEMPFAIL;
	}
	if (result != AUTH_OK) {
		explicit_bzero(&out->identity, sizeof(out->identity));
		out->identity.uid = (uid_t)-1;
		out->identity.gid = (gid_t)-1;
	}
	return result;
}

/* Mechanisms see to this; a module that binds to a directory must never see it fail. */
static bool
request_is_sound(const struct auth_request *request)
{
	const struct auth_span *secret = &request->secret;
	bool has_user = credential_is_user(request->user, strlen(request->user));

	switch ((enum auth_proof)request->proof) {
	case AUTH_PROOF_PASSWORD:
		return has_user && credential_is_password(secret->p, secret->n);
	case AUTH_PROOF_APOP:
	case AUTH_PROOF_CRAM_MD5:
		return has_user && credential_is_digest(secret->p, secret->n) &&
		       request->challenge.n > 0;
	case AUTH_PROOF_SCRAM_SHA_256:
	case AUTH_PROOF_TRUSTED:
		return has_user && secret->n == 0;
	case AUTH_PROOF_TOKEN:
		return (has_user || request->user[0] == '\0') && secret->n > 0 &&
		       secret->n <= AUTH_TOKEN_MAX &&
		       credential_is_printable(secret->p, secret->n);
	}
	return false;
}

enum auth_result
auth_chain_verify(struct auth_chain *chain, const struct auth_request *request,
	struct auth_out *out)
{
	enum auth_result result = AUTH_UNKNOWN;

	out_clear(out);
	if (!request_is_sound(request)) {
		(void)snprintf(out->reason, sizeof(out->reason), "malformed request");
		return AUTH_DENY;
	}
	for (size_t i = 0; i < chain->count && result == AUTH_UNKNOWN; i++)
		if ((chain->links[i].module->proofs & request->proof) != 0)
			result = link_verify(&chain->links[i], request, out);
	if (result == AUTH_UNKNOWN) {
		(void)snprintf(
			out->reason, sizeof(out->reason), "no module knows the user");
		return AUTH_DENY;
	}
	if (result == AUTH_OK && out->identity.user[0] == '\0')
		(void)snprintf(out->identity.user, sizeof(out->identity.user), "%s",
			request->user);
	if (result == AUTH_OK && out->identity.user[0] == '\0') {
		(void)snprintf(out->reason, sizeof(out->reason), "a token of nobody");
		return AUTH_DENY;
	}
	return result;
}

void
auth_chain_free(struct auth_chain *chain)
{
	if (chain == NULL)
		return;
	for (size_t i = 0; i < chain->count; i++) {
		struct chain_link *link = &chain->links[i];

		if (link->opened && link->module->close != NULL)
			link->module->close(link->context);
	}
	free(chain);
}
