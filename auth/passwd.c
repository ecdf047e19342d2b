/*
 * The module "passwd": users in a file, see userfile.h.
 *
 * The file is opened with the privileges of the auth process at its start.  verify()
 * needs nothing but that descriptor and memory: it may run in a chroot, without root.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/admission.h"
#include "auth/auth_module.h"
#include "auth/module_file.h"
#include "auth/password_hash.h"
#include "auth/userfile.h"

struct passwd_context {
	const struct auth_host *host;
	const char *path;
	struct userfile_reader reader;
	int fd;
};

static const char *const keys[] = {"file", NULL};

static bool
passwd_open(void **context, const struct auth_host *host)
{
	const char *path = host->config(host->cookie, "file");
	struct passwd_context *own;

	if (!password_hash_start()) {
		host->log(host->cookie, LOG_ERR, "libsodium cannot be initialised");
		return false;
	}
	own = calloc(1, sizeof(*own));
	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	own->path = path != NULL ? path : POP3D_USERS;
	own->fd = module_file_open(host, own->path, MODULE_FILE_PRIVATE);
	if (own->fd < 0) {
		free(own);
		return false;
	}
	*context = own;
	return true;
}

static void
passwd_close(void *context)
{
	struct passwd_context *own = context;

	(void)close(own->fd);
	own->host->wipe(&own->reader, sizeof(own->reader));
	free(own);
}

/* A password is always checked first, so that no answer comes sooner than another. */
static enum auth_result
entry_verify(const struct userfile_entry *entry, const struct auth_request *request,
	struct auth_out *out)
{
	switch (password_hash_verify(entry->password, request->secret)) {
	case PASSWORD_RIGHT:
		return admission_judge(entry, out);
	case PASSWORD_WRONG:
		return admission_reason(out, AUTH_DENY, "wrong password");
	case PASSWORD_UNSUPPORTED:
		return admission_reason(out, AUTH_DENY,
			entry->password.n == 0 ? "no password is set"
					       : "unsupported password scheme");
	case PASSWORD_EXCESSIVE:
		return admission_reason(out, AUTH_DENY, "password hash is too expensive");
	case PASSWORD_ERROR:
		break;
	}
	return admission_reason(
		out, AUTH_TEMPFAIL, "not enough memory to check a password");
}

static enum auth_result
line_verify(struct passwd_context *own, struct auth_span line, bool too_long,
	const struct auth_request *request, struct auth_out *out)
{
	const struct auth_host *host = own->host;
	struct userfile_entry entry;
	const char *fault;

	fault = too_long ? "line too long" : userfile_parse(line, &entry);
	if (fault == NULL)
		return entry_verify(&entry, request, out);
	host->log(host->cookie, LOG_ERR, "%s:%lu: %s", own->path, own->reader.number,
		fault);
	return admission_reason(out, AUTH_TEMPFAIL, "broken entry");
}

static enum auth_result
absent_verify(const struct auth_request *request, struct auth_out *out)
{
	if (!password_hash_dummy(request->secret))
		return admission_reason(
			out, AUTH_TEMPFAIL, "not enough memory to check a password");
	return admission_reason(out, AUTH_UNKNOWN, "no such user");
}

static enum auth_result
passwd_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct passwd_context *own = context;
	enum userfile_status status;
	enum auth_result result = AUTH_TEMPFAIL;
	struct auth_span line;

	userfile_start(&own->reader, own->fd);
	status = userfile_find(&own->reader, request->user, &line);
	if (status == USERFILE_LINE || status == USERFILE_LONG) {
		result = line_verify(own, line, status == USERFILE_LONG, request, out);
		if (result == AUTH_OK)
			return result;
		/* An unknown user costs the whole file: so must a wrong password. */
		do
			status = userfile_next(&own->reader, &line);
		while (status == USERFILE_LINE || status == USERFILE_LONG);
	} else if (status == USERFILE_END) {
		result = absent_verify(request, out);
	}
	if (status == USERFILE_ERROR) {
		own->host->log(
			own->host->cookie, LOG_ERR, "%s: %s", own->path, strerror(errno));
		return admission_reason(out, AUTH_TEMPFAIL, "user file cannot be read");
	}
	return result;
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "passwd",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD,
	.open = passwd_open,
	.verify = passwd_verify,
	.close = passwd_close,
};
