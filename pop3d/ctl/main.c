/*
 * pop3ctl, the administrator's tool.  Runs as whoever calls it, with no more rights than
 * that: it must never be installed set-uid.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/ctl/apop.h"
#include "pop3d/ctl/authlist.h"
#include "pop3d/ctl/authtest.h"
#include "pop3d/ctl/ctl.h"
#include "pop3d/ctl/mailbox_check.h"
#include "pop3d/ctl/mailbox_convert.h"
#include "pop3d/ctl/mailbox_quota.h"
#include "pop3d/ctl/mailbox_repair.h"
#include "pop3d/ctl/mailbox_show.h"
#include "pop3d/ctl/mailbox_uidl.h"
#include "pop3d/ctl/passwd.h"
#include "pop3d/ctl/penalty.h"

#define APOP_OPTIONS "[-d home] [-f file] [-g gid] [-k key] [-m location] [-u uid] user"
#define PASSWD_OPTIONS "[-d home] [-f file] [-g gid] [-m location] [-u uid] user"

static const struct ctl_command commands[] = {
	{"passwd", "add", passwd_add, "[--both | --scram] " PASSWD_OPTIONS},
	{"passwd", "change", passwd_change, "[--both | --scram] [-f file] user"},
	{"passwd", "compile", passwd_compile, "[-f file]"},
	{"passwd", "delete", passwd_delete, "[-f file] user"},
	{"passwd", "verify", passwd_verify, "[-f file] user"},
	{"passwd", "list", passwd_list, "[-f file] [user]"},
	{"apop", "init", apop_init, "[-k key]"},
	{"apop", "set", apop_set, APOP_OPTIONS},
	{"apop", "delete", apop_delete, "[-f file] user"},
	{"apop", "list", apop_list, "[-f file] [user]"},
	{"auth", "list", authlist_run, ""},
	{"auth", "test", authtest_run, "[--mechanism mechanism] [--remote address] user"},
	{"penalty", "show", penalty_show, "[address | user]"},
	{"penalty", "forget", penalty_drop, "--all | address | user"},
	{"mailbox", "quota", mailbox_quota,
		"[--recalculate] [--set definition] maildrop"},
	{"mailbox", "show", mailbox_show, "[--plain] maildrop"},
	{"mailbox", "check", mailbox_check, "maildrop"},
	{"mailbox", "repair", mailbox_repair, "[--create] maildrop"},
	{"mailbox", "recover", mailbox_recover, "[--saved journal --to mbox] maildrop"},
	{"mailbox", "convert", mailbox_convert, "[--remove-source] source destination"},
	{"mailbox", "uidl", mailbox_uidl,
		"[--compare-with server | --import server | --forget] [--format format] "
		"maildrop"},
	{NULL, NULL, NULL, NULL},
};

static void
usage_print(const struct ctl_command *command)
{
	(void)fprintf(stderr,
		"usage: pop3ctl [-c config] [-o section.key=value] %s %s %s\n",
		command->group, command->verb, command->usage);
}

/* The commands of a group, or all if there is no such group. */
static int
usage(const char *group)
{
	size_t shown = 0;

	for (const struct ctl_command *c = commands; c->group != NULL; c++)
		if (group != NULL && strcmp(c->group, group) == 0) {
			usage_print(c);
			shown++;
		}
	for (const struct ctl_command *c = commands; c->group != NULL && shown == 0; c++)
		usage_print(c);
	return EX_USAGE;
}

static const struct ctl_command *
command_find(const char *group, const char *verb)
{
	for (const struct ctl_command *c = commands; c->group != NULL; c++)
		if (strcmp(c->group, group) == 0 && strcmp(c->verb, verb) == 0)
			return c;
	return NULL;
}

static int
command_run(const struct ctl_command *command, const struct ctl_context *context,
	int argc, char **argv)
{
	int status;

	/* To glibc, 0 means: begin again, with another list of options. */
	optind = 0;
	status = command->run(context, argc, argv);
	if (status != CTL_USAGE)
		return status;
	usage_print(command);
	return EX_USAGE;
}

static bool
take_option(struct ctl_context *context, int option)
{
	if (option == 'c')
		context->config_path = optarg;
	else if (option == 'o' && context->n_settings < CTL_SETTINGS_MAX)
		context->settings[context->n_settings++] = optarg;
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	static struct ctl_context context;
	const struct rlimit none = {0, 0};
	const struct ctl_command *command;
	int option, status;

	/* No password may end up in a core file. */
	(void)setrlimit(RLIMIT_CORE, &none);
	while ((option = getopt(argc, argv, "+c:o:")) != -1)
		if (!take_option(&context, option))
			return usage(NULL);
	argc -= optind;
	argv += optind;
	if (argc < 2)
		return usage(argc == 1 ? argv[0] : NULL);
	command = command_find(argv[0], argv[1]);
	if (command == NULL)
		return usage(argv[0]);
	status = command_run(command, &context, argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_error("standard output cannot be written");
		return EX_IOERR;
	}
	return status;
}
