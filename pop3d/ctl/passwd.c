#include "pop3d/ctl/passwd.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/password_hash.h"
#include "pop3d/ctl/passwd_options.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/userentry.h"

/* Ask for a new password and hash it.  Returns 0 or an exit status. */
static int
hash_ask(char hash[PASSWORD_HASH_SIZE])
{
	struct prompt_password password;
	const char *fault;
	bool made;

	if (!password_hash_start()) {
		ctl_error("libsodium cannot be initialised");
		return EX_TEMPFAIL;
	}
	fault = prompt_password("New password: ", true, &password);
	if (fault != NULL) {
		ctl_error("%s", fault);
		return EX_USAGE;
	}
	made = password_hash_make(hash, (struct auth_span){password.p, password.n});
	explicit_bzero(&password, sizeof(password));
	if (made)
		return 0;
	ctl_error("not enough memory to hash a password");
	return EX_TEMPFAIL;
}

int
passwd_add(const struct ctl_context *context, int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE], text[USERFILE_LINE_MAX];
	struct passwd_options options;
	size_t n;
	int status;

	status = passwd_options_read(
		context, "passwd", argc, argv, "d:f:g:m:u:", 0, &options);
	/* Say what is wrong with the rest before a password is typed in. */
	if (status == 0 && !userentry_compose(&options, "", text, &n))
		status = EX_USAGE;
	if (status == 0)
		status = hash_ask(hash);
	if (status == 0) {
		status = userentry_compose(&options, hash, text, &n)
				 ? userentry_add(&options, text, n)
				 : EX_USAGE;
		explicit_bzero(hash, sizeof(hash));
		explicit_bzero(text, sizeof(text));
	}
	passwd_options_free(&options);
	return status;
}

int
passwd_change(const struct ctl_context *context, int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE];
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "passwd", argc, argv, "f:", 0, &options);
	if (status == 0)
		status = hash_ask(hash);
	if (status == 0) {
		status = userentry_replace(&options, hash);
		explicit_bzero(hash, sizeof(hash));
	}
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
