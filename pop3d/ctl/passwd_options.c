#include "pop3d/ctl/passwd_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/credential.h"
#include "mailstore/location.h"
#include "pop3d/ctl/userspath.h"

/* Anything else would be read back as another name, or as more than one field. */
static bool
user_check(const char *user)
{
	size_t n = strlen(user);

	if (credential_is_user(user, n) && strchr(user, ':') == NULL && user[0] != '#' &&
		user[0] != ' ' && user[n - 1] != ' ')
		return true;
	ctl_error("a user name has 1 to %u octets, no ':' and no control bytes, no blank "
		  "at its ends and no '#' at its start",
		AUTH_USER_MAX);
	return false;
}

static bool
field_check(const char *name, const char *value, const char *forbidden)
{
	if (credential_is_printable(value, strlen(value)) &&
		strpbrk(value, forbidden) == NULL)
		return true;
	ctl_error("%s must hold neither '%c' nor control bytes", name, forbidden[0]);
	return false;
}

static bool
fields_check(const struct passwd_options *options)
{
	const char *fault;

	if (!field_check("uid", options->uid, ":") ||
		!field_check("gid", options->gid, ":") ||
		!field_check("home", options->home, ":") ||
		!field_check("mail location", options->mail, " "))
		return false;
	if (options->mail[0] == '\0')
		return true;
	fault = mail_location_check(options->mail);
	if (fault != NULL)
		ctl_error("mail location: %s", fault);
	return fault == NULL;
}

static bool
getopt_read(int argc, char **argv, const char *letters, struct passwd_options *options,
	const char **file, const char **key)
{
	/* As letters they stand in `letters` only where a command knows them. */
	static const struct option words[] = {
		{"scram", no_argument, NULL, 'S'},
		{"both", no_argument, NULL, 'B'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		switch (option) {
		case 'B':
		case 'S':
			/* getopt_long() takes a word whether the command knows it or not.
			 */
			if (strchr(letters, option) == NULL)
				return false;
			options->both = options->both || option == 'B';
			options->scram = options->scram || option == 'S';
			break;
		case 'd':
			options->home = optarg;
			break;
		case 'f':
			*file = optarg;
			break;
		case 'g':
			options->gid = optarg;
			break;
		case 'k':
			*key = optarg;
			break;
		case 'm':
			options->mail = optarg;
			break;
		case 'u':
			options->uid = optarg;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* What was given, or else what the configuration says; NULL: it is wrong. */
static char *
path_find(const struct ctl_context *context, const char *module, const char *key,
	const char *given)
{
	const char *otherwise = POP3D_USERS;
	char *path;

	if (strcmp(module, "apop") == 0)
		otherwise = strcmp(key, "key") == 0 ? POP3D_APOP_KEY : POP3D_APOP_SECRETS;
	if (given == NULL)
		return userspath_find(context, module, key, otherwise);
	path = strdup(given);
	if (path == NULL)
		ctl_error("out of memory");
	return path;
}

int
passwd_options_read(const struct ctl_context *context, const char *module, int argc,
	char **argv, const char *letters, int user_optional,
	struct passwd_options *options)
{
	const char *file = NULL, *key = NULL;

	*options = (struct passwd_options){
		.uid = "", .gid = "", .home = "", .mail = "", .user = "", .keys = ""};
	if (!getopt_read(argc, argv, letters, options, &file, &key))
		return CTL_USAGE;
	if (argc - optind > 1 || (argc == optind && !user_optional))
		return CTL_USAGE;
	if (argc > optind) {
		options->user = argv[optind];
		if (!user_check(options->user))
			return EX_USAGE;
	}
	if (!fields_check(options))
		return EX_USAGE;
	options->file = path_find(context, module, "file", file);
	if (options->file != NULL)
		options->file[strcspn(options->file, file == NULL ? " " : "")] = '\0';
	if (strchr(letters, 'k') != NULL && options->file != NULL) {
		options->key = path_find(context, module, "key", key);
		return options->key != NULL ? 0 : EX_CONFIG;
	}
	return options->file != NULL ? 0 : EX_CONFIG;
}

void
passwd_options_free(struct passwd_options *options)
{
	free(options->file);
	free(options->key);
	options->file = NULL;
	options->key = NULL;
}
