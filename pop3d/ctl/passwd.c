#include "pop3d/ctl/passwd.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/password_hash.h"
#include "auth/saslprep.h"
#include "pop3d/ctl/passwd_options.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/userentry.h"

/* What a password becomes: a hash, and SCRAM keys behind their scheme. */
struct secrets {
	char hash[PASSWORD_HASH_SIZE];
	char keys[sizeof(USERENTRY_SCRAM) + SCRAM_KEYS_TEXT_SIZE];
};

/* keys is "" for a password that SASLprep does not accept. */
static int
secrets_make(struct secrets *secrets, struct auth_span password)
{
	const size_t n = strlen(USERENTRY_SCRAM);

	if (!password_hash_make(secrets->hash, password)) {
		ctl_error("not enough memory to hash a password");
		return EX_TEMPFAIL;
	}
	memcpy(secrets->keys, USERENTRY_SCRAM, n);
	if (!password_hash_scram(secrets->keys + n, password))
		secrets->keys[0] = '\0';
	return 0;
}

/* Ask for a new password.  Returns 0 or an exit status. */
static int
secrets_ask(struct secrets *secrets, bool keys_needed)
{
	struct prompt_password password;
	const char *fault;
	int status;

	if (!password_hash_start()) {
		ctl_error("libsodium cannot be initialised");
		return EX_TEMPFAIL;
	}
	fault = prompt_password("New password: ", true, &password);
	if (fault != NULL) {
		ctl_error("%s", fault);
		return EX_USAGE;
	}
	status = secrets_make(secrets, (struct auth_span){password.p, password.n});
	explicit_bzero(&password, sizeof(password));
	if (status != 0 || secrets->keys[0] != '\0' || !keys_needed)
		return status;
	ctl_error(
		"a password for SCRAM must be UTF-8 and have nothing in it that SASLprep "
		"(RFC 4013) prohibits");
	return EX_USAGE;
}

/* The name in the form in which logins look for it; as it is where there is no such. */
static void
name_prepare(struct passwd_options *options, char name[AUTH_USER_MAX + 1])
{
	const struct auth_span given = {
		(const unsigned char *)options->user, strlen(options->user)};
	size_t n;

	if (saslprep(given, name, AUTH_USER_MAX + 1, &n))
		options->user = name;
}

static int
secrets_add(struct passwd_options *options, const struct secrets *secrets)
{
	char text[USERFILE_LINE_MAX];
	int status = EX_USAGE;
	size_t n;

	if (options->both)
		options->keys = secrets->keys + strlen(USERENTRY_SCRAM);
	if (userentry_compose(
		    options, options->scram ? secrets->keys : secrets->hash, text, &n))
		status = userentry_add(options, text, n);
	explicit_bzero(text, sizeof(text));
	return status;
}

int
passwd_add(const struct ctl_context *context, int argc, char **argv)
{
	char text[USERFILE_LINE_MAX], name[AUTH_USER_MAX + 1];
	struct passwd_options options;
	struct secrets secrets;
	size_t n;
	int status;

	status = passwd_options_read(
		context, "passwd", argc, argv, "BSd:f:g:m:u:", 0, &options);
	if (status == 0)
		name_prepare(&options, name);
	/* Say what is wrong with the rest before a password is typed in. */
	if (status == 0 && !userentry_compose(&options, "", text, &n))
		status = EX_USAGE;
	if (status == 0)
		status = secrets_ask(&secrets, options.scram || options.both);
	if (status == 0)
		status = secrets_add(&options, &secrets);
	explicit_bzero(&secrets, sizeof(secrets));
	passwd_options_free(&options);
	return status;
}

int
passwd_change(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	struct userentry_secret secret;
	struct secrets secrets;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "BSf:", 0, &options);
	if (status == 0)
		status = secrets_ask(&secrets, options.scram || options.both);
	if (status == 0) {
		secret = (struct userentry_secret){options.both    ? USERENTRY_BOTH
						   : options.scram ? USERENTRY_KEYS
								   : USERENTRY_SAME,
			secrets.hash, secrets.keys};
		status = userentry_password(&options, &secret);
	}
	explicit_bzero(&secrets, sizeof(secrets));
	passwd_options_free(&options);
	return status;
}

int
passwd_compile(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "f:", 1, &options);
	if (status == 0)
		status = options.user[0] == '\0' ? userentry_compile(options.file)
						 : CTL_USAGE;
	passwd_options_free(&options);
	return status;
}

int
passwd_delete(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "f:", 0, &options);
	if (status == 0)
		status = userentry_delete(&options);
	passwd_options_free(&options);
	return status;
}
