/*
 * The module "apop": shared secrets for APOP and CRAM-MD5, in a file like that of the
 * module passwd (userfile.h), each sealed in the place of the hash (apop_seal.h).
 *
 * The file and the key are opened with the privileges of the auth process at its start.
 * verify() needs nothing but descriptor and memory.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/admission.h"
#include "auth/apop_digest.h"
#include "auth/apop_seal.h"
#include "auth/auth_module.h"
#include "auth/module_file.h"
#include "auth/userfile.h"

struct apop_context {
	const struct auth_host *host;
	const char *path;
	int fd;
	unsigned char key[APOP_KEY_OCTETS];
	char nobody[APOP_SEALED_SIZE]; /* a secret sealed for a name no user has */
	struct userfile_reader reader;
};

enum proof {
	PROOF_BROKEN = 0, /* the secret cannot be opened */
	PROOF_WRONG,
	PROOF_RIGHT,
};

static const char *const keys[] = {"file", "key", NULL};

static bool
nobody_make(struct apop_context *own)
{
	unsigned char secret[16];
	bool good = own->host->random(own->host->cookie, secret, sizeof(secret));

	good = good && apop_seal_close(own->nobody, own->key, "",
			       (struct auth_span){secret, sizeof(secret)});
	own->host->wipe(secret, sizeof(secret));
	return good;
}

static bool
files_open(struct apop_context *own)
{
	const struct auth_host *host = own->host;
	const char *path = host->config(host->cookie, "file");
	const char *key = host->config(host->cookie, "key");

	own->path = path != NULL ? path : POP3D_APOP_SECRETS;
	own->fd = -1;
	if (!apop_seal_start()) {
		host->log(host->cookie, LOG_ERR, "libsodium cannot be initialised");
		return false;
	}
	if (!apop_seal_read_key(host, key != NULL ? key : POP3D_APOP_KEY, own->key))
		return false;
	if (!nobody_make(own)) {
		host->log(host->cookie, LOG_ERR, "no random octets");
		return false;
	}
	own->fd = module_file_open(host, own->path, MODULE_FILE_PRIVATE);
	return own->fd >= 0;
}

static void
apop_close(void *context)
{
	struct apop_context *own = context;
	const struct auth_host *host = own->host;

	if (own->fd >= 0)
		(void)close(own->fd);
	host->wipe(own, sizeof(*own));
	free(own);
}

static bool
apop_open(void **context, const struct auth_host *host)
{
	struct apop_context *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	if (!files_open(own)) {
		apop_close(own);
		return false;
	}
	*context = own;
	return true;
}

/* Does the same work whether the secret can be opened or not. */
static enum proof
proof_check(const struct apop_context *own, const char *user, struct auth_span sealed,
	const struct auth_request *request)
{
	unsigned char right[APOP_DIGEST_OCTETS], given[APOP_DIGEST_OCTETS];
	struct apop_secret secret;
	struct auth_span span = {secret.p, 0};
	bool opened, same;
	size_t n;

	opened = apop_seal_open(&secret, own->key, user, sealed);
	span.n = secret.n;
	if (request->proof == AUTH_PROOF_APOP)
		apop_digest_md5(right, request->challenge, span);
	else
		apop_digest_hmac(right, request->challenge, span);
	same = sodium_hex2bin(given, sizeof(given), (const char *)request->secret.p,
		       request->secret.n, NULL, &n, NULL) == 0 &&
	       n == sizeof(given) && sodium_memcmp(given, right, sizeof(right)) == 0;
	own->host->wipe(&secret, sizeof(secret));
	own->host->wipe(right, sizeof(right));
	if (!opened)
		return PROOF_BROKEN;
	return same ? PROOF_RIGHT : PROOF_WRONG;
}

/* Cost as much as a user who exists. */
static void
nobody_check(const struct apop_context *own, const struct auth_request *request)
{
	const struct auth_span sealed = {
		(const unsigned char *)own->nobody, strlen(own->nobody)};

	(void)proof_check(own, "", sealed, request);
}

static enum auth_result
entry_fault(const struct apop_context *own, const char *fault, struct auth_out *out)
{
	own->host->log(own->host->cookie, LOG_ERR, "%s:%lu: %s", own->path,
		own->reader.number, fault);
	return admission_reason(out, AUTH_TEMPFAIL, "broken entry");
}

static enum auth_result
line_verify(const struct apop_context *own, struct auth_span line, bool too_long,
	const struct auth_request *request, struct auth_out *out)
{
	struct userfile_entry entry;
	const char *fault;

	fault = too_long ? "line too long" : userfile_parse(line, &entry);
	if (fault != NULL)
		return entry_fault(own, fault, out);
	if (entry.password.n == 0) {
		nobody_check(own, request);
		return admission_reason(out, AUTH_DENY, "no secret is set");
	}
	switch (proof_check(own, request->user, entry.password, request)) {
	case PROOF_RIGHT:
		return admission_judge(&entry, request, out);
	case PROOF_WRONG:
		return admission_reason(out, AUTH_DENY, "wrong secret");
	case PROOF_BROKEN:
		break;
	}
	return entry_fault(own, "secret was not sealed with this key for this user", out);
}

static enum auth_result
apop_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct apop_context *own = context;
	enum userfile_status status;
	enum auth_result result = AUTH_TEMPFAIL;
	struct auth_span line;

	userfile_start(&own->reader, own->fd);
	status = userfile_find(&own->reader, request->user, &line);
	if (status == USERFILE_LINE || status == USERFILE_LONG) {
		result = line_verify(own, line, status == USERFILE_LONG, request, out);
		if (result == AUTH_OK)
			return result;
		/* An unknown user costs the whole file: so must a wrong secret. */
		do
			status = userfile_next(&own->reader, &line);
		while (status == USERFILE_LINE || status == USERFILE_LONG);
	} else if (status == USERFILE_END) {
		nobody_check(own, request);
		result = admission_reason(out, AUTH_UNKNOWN, "no such user");
	}
	if (status == USERFILE_ERROR) {
		own->host->log(
			own->host->cookie, LOG_ERR, "%s: %s", own->path, strerror(errno));
		return admission_reason(
			out, AUTH_TEMPFAIL, "file of secrets cannot be read");
	}
	return result;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "apop",
	.keys = keys,
	.proofs = AUTH_PROOF_APOP | AUTH_PROOF_CRAM_MD5,
	.open = apop_open,
	.verify = apop_verify,
	.close = apop_close,
};
