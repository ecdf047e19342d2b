#include "pop3d/ctl/mailbox_user.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "auth/admission.h"
#include "auth/credential.h"
#include "auth/passwd_file.h"
#include "auth/saslprep.h"
#include "pop3d/config.h"
#include "pop3d/ctl/ctl.h"

/* Not the answer of a file: the next one is asked. */
#define ABSENT (-2)

/*
 * The identity of an entry, whatever keeps its owner from logging in: a user who is
 * locked out has mail, too.
 */
static int
entry_take(struct auth_span line, bool too_long, const char *path, const char *user,
	struct auth_identity *identity)
{
	const struct auth_request request = {.remote = ""};
	struct userfile_entry entry;
	struct auth_out out = {0};
	const char *fault;

	fault = too_long ? "line too long" : userfile_parse(line, &entry);
	if (fault != NULL) {
		ctl_error("%s: user %s: %s", path, user, fault);
		return EX_CONFIG;
	}
	entry.nologin = entry.nopassword = false;
	entry.allow_nets.p = entry.allow_real_nets.p = NULL;
	if (admission_judge(&entry, &request, &out) != AUTH_OK)
		return EX_CONFIG;
	*identity = out.identity;
	return 0;
}

static int
file_ask(const char *path, size_t n, const char *user, struct auth_identity *identity)
{
	const struct auth_host host = {.log = ctl_module_log};
	struct passwd_file *file = passwd_file_open(&host, path, n);
	struct auth_span line;
	int status = EX_CONFIG;

	if (file == NULL)
		return EX_CONFIG;
	switch (passwd_file_find(&host, file, user, &line)) {
	case USERFILE_LINE:
		status = entry_take(line, false, file->path, user, identity);
		break;
	case USERFILE_LONG:
		status = entry_take(line, true, file->path, user, identity);
		break;
	case USERFILE_END:
		status = ABSENT;
		break;
	case USERFILE_ERROR:
		status = EX_TEMPFAIL;
		break;
	}
	passwd_file_close(file);
	return status;
}

static int
files_ask(const char *paths, const char *user, struct auth_identity *identity)
{
	int status = ABSENT;

	while (status == ABSENT && *(paths += strspn(paths, " \t")) != '\0') {
		const size_t n = strcspn(paths, " \t");

		status = file_ask(paths, n, user, identity);
		paths += n;
	}
	return status;
}

static bool
field_copy(char *field, size_t size, const char *value)
{
	if (strlen(value) >= size)
		return false;
	memcpy(field, value, strlen(value) + 1);
	return true;
}

static int
system_ask(const char *user, struct auth_identity *identity)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (entry == NULL)
		return ABSENT;
	*identity = (struct auth_identity){.uid = entry->pw_uid, .gid = entry->pw_gid};
	if (field_copy(identity->user, sizeof(identity->user), entry->pw_name) &&
		field_copy(identity->home, sizeof(identity->home), entry->pw_dir))
		return 0;
	ctl_error("%s: the user's name or home is too long", user);
	return EX_CONFIG;
}

static const char *
file_of(const struct service *service, const char *module, const char *otherwise)
{
	const char *paths = config_module_value(service->config, module, "file");

	return paths != NULL ? paths : otherwise;
}

/* Each module of auth.modules that has a file, in their order. */
static int
modules_ask(
	const struct service *service, const char *user, struct auth_identity *identity)
{
	static const struct {
		const char *name, *file;
	} known[] = {{"passwd", POP3D_USERS}, {"apop", POP3D_APOP_SECRETS}};
	const char *p = service->config->auth.modules;
	int status = ABSENT;

	while (status == ABSENT && *(p += strspn(p, " ")) != '\0') {
		const size_t n = strcspn(p, " ");

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strlen(known[i].name) == n &&
				memcmp(known[i].name, p, n) == 0)
				status = files_ask(
					file_of(service, known[i].name, known[i].file),
					user, identity);
		if (n == strlen("pam") && memcmp(p, "pam", n) == 0)
			status = system_ask(user, identity);
		p += n;
	}
	return status;
}

int
mailbox_user_find(
	const struct service *service, const char *user, struct auth_identity *identity)
{
	const struct auth_span given = {(const unsigned char *)user, strlen(user)};
	char name[AUTH_USER_MAX + 1];
	int status;
	size_t n;

	if (!credential_is_user(user, strlen(user))) {
		ctl_error("a user name has 1 to %u octets and no control bytes",
			AUTH_USER_MAX);
		return EX_USAGE;
	}
	status = modules_ask(
		service, saslprep(given, name, sizeof(name), &n) ? name : user, identity);
	if (status == ABSENT)
		status = system_ask(user, identity);
	if (status != ABSENT)
		return status;
	ctl_error("%s: no such user", user);
	return CTL_NO;
}
