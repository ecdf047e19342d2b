/*
 * The module "passwd": users in files, see userfile.h.
 *
 * The files are opened with the privileges of the auth process at its start.  verify()
 * needs nothing but descriptors and memory: it may run in a chroot, without root.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "auth/admission.h"
#include "auth/auth_module.h"
#include "auth/credential.h"
#include "auth/passwd_file.h"
#include "auth/passwd_part.h"
#include "auth/rehash.h"
#include "auth/userfile.h"

#define FILES_MAX 16

struct passwd_context {
	const struct auth_host *host;
	const struct passwd_part *part;       /* NULL: not in this process */
	struct passwd_file *files[FILES_MAX]; /* in the order in which they are asked */
	size_t n;
	struct password_policy policy;
	bool renew;           /* old hashes give way to new ones */
	struct rehash rehash; /* only with the part, which makes them */
};

/* A question, and where its answer was found. */
struct question {
	const struct auth_request *request;
	struct auth_out *out;
	const char *user; /* as it is looked for */
	size_t file;      /* the index of a file */
};

static const char *const keys[] = {"file", "plain", "weak_schemes", "rehash", NULL};

static bool
flag_read(const struct auth_host *host, const char *key, bool *flag)
{
	const char *value = host->config(host->cookie, key);

	*flag = value != NULL && strcmp(value, "yes") == 0;
	if (value == NULL || *flag || strcmp(value, "no") == 0)
		return true;
	host->log(host->cookie, LOG_ERR, "%s = %s: expected yes or no", key, value);
	return false;
}

static bool
files_open(struct passwd_context *own)
{
	const struct auth_host *host = own->host;
	const char *p = host->config(host->cookie, "file");

	if (p == NULL)
		p = POP3D_USERS;
	for (p += strspn(p, " \t"); *p != '\0'; p += strspn(p, " \t")) {
		size_t n = strcspn(p, " \t");

		if (own->n == FILES_MAX) {
			host->log(host->cookie, LOG_ERR, "file: more than %d files",
				FILES_MAX);
			return false;
		}
		own->files[own->n] = passwd_file_open(host, p, n);
		if (own->files[own->n] == NULL)
			return false;
		own->n++;
		p += n;
	}
	if (own->n == 0)
		host->log(host->cookie, LOG_ERR, "file: expected a path");
	return own->n > 0;
}

/* Users log in without it as well: hashes just stay what they are. */
static void
rehash_open(struct passwd_context *own)
{
	const char *paths[FILES_MAX];

	for (size_t i = 0; i < own->n; i++)
		paths[i] = own->files[i]->path;
	if (!rehash_start(&own->rehash, paths, own->n))
		own->host->log(own->host->cookie, LOG_ERR, "rehash: %s", strerror(errno));
}

static void
passwd_close(void *context)
{
	struct passwd_context *own = context;

	rehash_stop(&own->rehash);
	for (size_t i = 0; i < own->n; i++)
		passwd_file_close(own->files[i]);
	free(own);
}

static bool
part_start(const struct auth_host *host)
{
	const struct passwd_part *part = host->part;
	const char *wrong = NULL;

	if (part != NULL && part->size != sizeof(*part))
		wrong = "passwd.part is not of the same build as passwd.so";
	else if (part != NULL && !part->start())
		wrong = "libsodium cannot be initialised";
	if (wrong != NULL)
		host->log(host->cookie, LOG_ERR, "%s", wrong);
	return wrong == NULL;
}

static bool
passwd_open(void **context, const struct auth_host *host)
{
	struct passwd_context *own;

	if (!part_start(host))
		return false;
	own = calloc(1, sizeof(*own));
	if (own == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		return false;
	}
	own->host = host;
	own->part = host->part;
	own->rehash.fd = -1;
	if (!flag_read(host, "plain", &own->policy.plain) ||
		!flag_read(host, "weak_schemes", &own->policy.weak) ||
		!flag_read(host, "rehash", &own->renew) || !files_open(own)) {
		passwd_close(own);
		return false;
	}
	if (own->renew && own->part != NULL)
		rehash_open(own);
	*context = own;
	return true;
}

/* An answer that counts for nothing: another process, with the part, will give one. */
static enum auth_result
part_missed(const struct passwd_context *own)
{
	own->host->want_part(own->host->cookie);
	return AUTH_TEMPFAIL;
}

static enum auth_result
turn_missed(struct auth_out *out)
{
	return admission_reason(
		out, AUTH_TEMPFAIL, "too many passwords are being checked");
}

/*
 * The costly check, unless it has found this password right for this hash before. AUTH_OK
 * if there is a verdict.
 */
static enum auth_result
password_check(const struct passwd_context *own, const struct userfile_entry *entry,
	const struct question *question, enum password_verdict *verdict)
{
	const struct auth_request *request = question->request;
	const struct auth_host *host = own->host;
	bool costly = password_scheme_is_costly(&own->policy, entry->password);

	*verdict = PASSWORD_RIGHT;
	if (costly && host->known(host->cookie, request, entry->password))
		return AUTH_OK;
	if (own->part == NULL)
		return part_missed(own);
	if (!host->wait_turn(host->cookie))
		return turn_missed(question->out);
	*verdict = own->part->verify(&own->policy, entry->password, request->secret);
	if (costly && *verdict == PASSWORD_RIGHT)
		host->remember(host->cookie, request, entry->password);
	return AUTH_OK;
}

/* The moment when the password is known and the user is let in: it comes no other way. */
static void
hash_renew(struct passwd_context *own, const struct question *question,
	const struct userfile_entry *entry)
{
	const struct auth_host *host = own->host;
	char hash[PASSWORD_HASH_SIZE];
	const char *fault = "not enough memory";

	if (!own->renew || !password_scheme_is_old(entry->password))
		return;
	if (own->part == NULL) {
		(void)part_missed(own);
		return;
	}
	if (own->rehash.fd < 0)
		return;
	if (!host->wait_turn(host->cookie))
		fault = "too many passwords are being checked";
	else if (own->part->make(hash, question->request->secret))
		fault = rehash_replace(&own->rehash, question->file, question->user,
			entry->password, hash);
	explicit_bzero(hash, sizeof(hash));
	rehash_stop(&own->rehash);
	if (fault != NULL)
		host->log(host->cookie, LOG_WARNING, "rehash: user %s: %s",
			question->user, fault);
	else
		host->log(host->cookie, LOG_INFO, "rehash: user %s has a new hash",
			question->user);
}

/* A password is always checked first, so that no answer comes sooner than another. */
static enum auth_result
password_verify(struct passwd_context *own, const struct question *question,
	const struct userfile_entry *entry)
{
	struct auth_out *out = question->out;
	enum password_verdict verdict;
	enum auth_result result;

	result = password_check(own, entry, question, &verdict);
	if (result != AUTH_OK)
		return result;
	switch (verdict) {
	case PASSWORD_RIGHT:
		result = admission_judge(entry, question->request, out);
		if (result == AUTH_OK)
			hash_renew(own, question, entry);
		return result;
	case PASSWORD_WRONG:
		return admission_reason(out, AUTH_DENY, "wrong password");
	case PASSWORD_UNSUPPORTED:
		return admission_reason(out, AUTH_DENY,
			entry->password.n == 0 ? "no password is set"
					       : "unsupported password scheme");
	case PASSWORD_REFUSED:
		return admission_reason(
			out, AUTH_DENY, "password scheme is too weak to be permitted");
	case PASSWORD_EXCESSIVE:
		return admission_reason(out, AUTH_DENY, "password hash is too expensive");
	case PASSWORD_ERROR:
		break;
	}
	return admission_reason(
		out, AUTH_TEMPFAIL, "not enough memory to check a password");
}

/*
 * Keys in the place of the password go before those in the word beside it, which are of
 * the same password: where that is disabled they are as well.
 */
static enum auth_result
keys_give(const struct passwd_context *own, const struct question *question,
	const struct userfile_entry *entry)
{
	struct auth_span text = password_scheme_keys(entry->password);
	struct auth_out *out = question->out;

	if (!password_scheme_is_usable(&own->policy, entry->password))
		return admission_reason(
			out, AUTH_DENY, "no password is set that can be checked");
	switch (scram_keys_parse(text.n > 0 ? text : entry->scram, &out->scram)) {
	case SCRAM_KEYS_GOOD:
		return admission_judge(entry, question->request, out);
	case SCRAM_KEYS_WEAK:
		return admission_reason(
			out, AUTH_DENY, "SCRAM keys have too few iterations");
	case SCRAM_KEYS_EXCESSIVE:
		return admission_reason(
			out, AUTH_DENY, "SCRAM keys have too many iterations");
	case SCRAM_KEYS_MALFORMED:
		break;
	}
	return admission_reason(out, AUTH_DENY,
		text.n > 0 || entry->scram.n > 0 ? "malformed SCRAM keys"
						 : "no SCRAM keys");
}

/*
 * A certificate has proven who it is.  Such a user needs no password, but one that is
 * locked locks the user out.
 */
static enum auth_result
certified_admit(const struct passwd_context *own, const struct question *question,
	const struct userfile_entry *entry)
{
	if (entry->password.n > 0 &&
		!password_scheme_is_usable(&own->policy, entry->password))
		return admission_reason(
			question->out, AUTH_DENY, "the password is locked");
	return admission_judge(entry, question->request, question->out);
}

static enum auth_result
line_verify(struct passwd_context *own, const struct question *question,
	struct auth_span line, bool too_long)
{
	const struct auth_host *host = own->host;
	const struct passwd_file *file = own->files[question->file];
	struct userfile_entry entry;
	const char *fault;

	fault = too_long ? "line too long" : userfile_parse(line, &entry);
	if (fault == NULL && question->request->proof == AUTH_PROOF_SCRAM_SHA_256)
		return keys_give(own, question, &entry);
	if (fault == NULL && question->request->proof == AUTH_PROOF_TRUSTED)
		return certified_admit(own, question, &entry);
	if (fault == NULL)
		return password_verify(own, question, &entry);
	if (file->reader.number == 0)
		host->log(host->cookie, LOG_ERR, "%s: user %s: %s", file->path,
			question->user, fault);
	else
		host->log(host->cookie, LOG_ERR, "%s:%lu: %s", file->path,
			file->reader.number, fault);
	return admission_reason(question->out, AUTH_TEMPFAIL, "broken entry");
}

/* What has not been looked at is now, as for a user who is nowhere. */
static bool
rest_search(const struct passwd_context *own, const struct question *question)
{
	struct auth_span line;

	if (!passwd_file_drain(own->host, own->files[question->file]))
		return false;
	for (size_t i = question->file + 1; i < own->n; i++)
		if (passwd_file_find(own->host, own->files[i], question->user, &line) ==
				USERFILE_ERROR ||
			!passwd_file_drain(own->host, own->files[i]))
			return false;
	return true;
}

static enum auth_result
absent_verify(const struct passwd_context *own, const struct question *question)
{
	const struct auth_host *host = own->host;
	/* There is nothing that costs time in a proof of SCRAM. */
	bool costly = question->request->proof == AUTH_PROOF_PASSWORD;

	if (costly && own->part == NULL)
		return part_missed(own);
	if (costly && !host->wait_turn(host->cookie))
		return turn_missed(question->out);
	if (costly && !own->part->dummy(question->request->secret))
		return admission_reason(question->out, AUTH_TEMPFAIL,
			"not enough memory to check a password");
	return admission_reason(question->out, AUTH_UNKNOWN, "no such user");
}

static enum auth_result
question_answer(struct passwd_context *own, struct question *question)
{
	enum userfile_status status = USERFILE_END;
	enum auth_result result;
	struct auth_span line;

	for (size_t i = 0; i < own->n && status == USERFILE_END; i++) {
		question->file = i;
		status =
			passwd_file_find(own->host, own->files[i], question->user, &line);
	}
	if (status == USERFILE_ERROR)
		return admission_reason(
			question->out, AUTH_TEMPFAIL, "user file cannot be read");
	if (status == USERFILE_END)
		return absent_verify(own, question);
	result = line_verify(own, question, line, status == USERFILE_LONG);
	/* SCRAM keys are no answer yet: they must not come sooner than made-up ones. */
	if (result == AUTH_OK && question->request->proof == AUTH_PROOF_PASSWORD)
		return result;
	if (rest_search(own, question))
		return result;
	return admission_reason(question->out, AUTH_TEMPFAIL, "user file cannot be read");
}

static enum auth_result
passwd_verify(void *context, const struct auth_request *request, struct auth_out *out)
{
	struct passwd_context *own = context;
	const struct auth_span given = {
		(const unsigned char *)request->user, strlen(request->user)};
	struct question question = {request, out, request->user, 0};
	char user[AUTH_USER_MAX + 1];
	size_t n;

	/* Names that look the same are the same; what is no Unicode stays what it is. */
	if (!credential_is_plain(given)) {
		if (own->part == NULL)
			return part_missed(own);
		if (own->part->saslprep(given, user, sizeof(user), &n))
			question.user = user;
	}
	/*
	 * Made-up keys differ with each spelling of a name: one only may have real ones.
	 * And what an authority has written into a certificate is what it meant.
	 */
	if ((request->proof == AUTH_PROOF_SCRAM_SHA_256 ||
		    request->proof == AUTH_PROOF_TRUSTED) &&
		strcmp(question.user, request->user) != 0)
		return absent_verify(own, &question);
	return question_answer(own, &question);
}

const struct auth_module pop3d_auth_module = {
	.abi = POP3D_AUTH_ABI,
	.size = sizeof(struct auth_module),
	.name = "passwd",
	.keys = keys,
	.proofs = AUTH_PROOF_PASSWORD | AUTH_PROOF_SCRAM_SHA_256 | AUTH_PROOF_TRUSTED,
	.flags = AUTH_FLAG_PART,
	.open = passwd_open,
	.verify = passwd_verify,
	.close = passwd_close,
};
