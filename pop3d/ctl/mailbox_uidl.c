#include "pop3d/ctl/mailbox_uidl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/ids_give.h"
#include "pop3d/ctl/foreign_ids.h"
#include "pop3d/ctl/mailbox.h"

enum task { TASK_LIST, TASK_COMPARE, TASK_IMPORT, TASK_FORGET };

struct uidl {
	struct mailbox m;
	enum task task;
	enum import_source source;
	const char *format; /* Dovecot's pop3_uidl_format; NULL: the configuration's */
};

static int
list_print(const struct uidl *u)
{
	char uid[MAIL_UID_MAX + 1];

	for (size_t i = 0; i < u->m.count; i++) {
		const enum mail_status status =
			u->m.location.ops->uid(u->m.store, i, uid);

		if (status != MAIL_OK)
			return mailbox_status(&u->m, status);
		(void)printf("%zu\t%s\n", i + 1, uid);
	}
	return 0;
}

/* A message without an id there was never told to a client: to all it is new mail. */
static int
difference_print(const struct uidl *u, char (*ids)[MAIL_UID_MAX + 1])
{
	char uid[MAIL_UID_MAX + 1];
	size_t differ = 0, known = 0;

	for (size_t i = 0; i < u->m.count; i++) {
		const enum mail_status status =
			u->m.location.ops->uid(u->m.store, i, uid);

		if (status != MAIL_OK)
			return mailbox_status(&u->m, status);
		if (ids[i][0] == '\0')
			continue;
		known++;
		if (strcmp(ids[i], uid) != 0) {
			(void)printf("%zu\t%s\t%s\n", i + 1, ids[i], uid);
			differ++;
		}
	}
	(void)printf("messages: %zu, with an id of that server: %zu, to be downloaded "
		     "again: %zu\n",
		u->m.count, known, differ);
	return differ == 0 ? 0 : CTL_NO;
}

/* What it has stays where that server gave none. */
static int
ids_import(struct uidl *u, char (*ids)[MAIL_UID_MAX + 1])
{
	enum mail_status status = MAIL_OK;
	char uid[MAIL_UID_MAX + 1];
	size_t changed = 0;

	for (size_t i = 0; i < u->m.count && status == MAIL_OK; i++) {
		status = u->m.location.ops->uid(u->m.store, i, uid);
		if (ids[i][0] == '\0')
			memcpy(ids[i], uid, sizeof(ids[i]));
		changed += strcmp(ids[i], uid) != 0;
	}
	if (status == MAIL_OK)
		status = mail_ids_give(
			u->m.store, (const char(*)[MAIL_UID_MAX + 1]) ids, u->m.count);
	if (status != MAIL_OK)
		return mailbox_status(&u->m, status);
	(void)printf("messages: %zu, with another id now: %zu\n", u->m.count, changed);
	return 0;
}

static int
foreign_use(struct uidl *u)
{
	const size_t n = u->m.count > 0 ? u->m.count : 1;
	char(*ids)[MAIL_UID_MAX + 1] = calloc(n, sizeof(*ids));
	int status;

	if (ids == NULL)
		return mailbox_status(&u->m, MAIL_TEMP);
	status = foreign_ids_read(&u->m, u->source,
		u->format != NULL ? u->format : u->m.options.dovecot_format, ids);
	if (status == 0)
		status = u->task == TASK_IMPORT ? ids_import(u, ids)
						: difference_print(u, ids);
	free(ids);
	return status;
}

static int
task_run(struct uidl *u)
{
	if (u->task == TASK_LIST)
		return list_print(u);
	if (u->task == TASK_FORGET)
		return mailbox_status(&u->m, mail_ids_forget(u->m.store));
	return foreign_use(u);
}

static bool
source_take(const char *word, enum import_source *source)
{
	*source = foreign_ids_source(word);
	if (*source == IMPORT_AUTO)
		ctl_error("there is no source of unique-ids \"%s\"", word);
	return *source != IMPORT_AUTO;
}

static bool
format_take(const char *text, const char **format)
{
	const char *fault = import_dovecot_format_check(text);

	if (fault != NULL)
		ctl_error("pop3_uidl_format \"%s\": %s", text, fault);
	*format = text;
	return fault == NULL;
}

/* One option; false: it makes no sense, *status says whether that was said. */
static bool
option_take(struct uidl *u, int option, int *status)
{
	*status = CTL_USAGE;
	if (option == 'f') {
		*status = EX_USAGE;
		return format_take(optarg, &u->format);
	}
	if (option == '?' || u->task != TASK_LIST)
		return false;
	if (option == 'F') {
		u->task = TASK_FORGET;
		return true;
	}
	u->task = option == 'c' ? TASK_COMPARE : TASK_IMPORT;
	*status = EX_USAGE;
	return source_take(optarg, &u->source);
}

int
mailbox_uidl(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"compare-with", required_argument, NULL, 'c'},
		{"format", required_argument, NULL, 'f'},
		{"import", required_argument, NULL, 'i'},
		{"forget", no_argument, NULL, 'F'},
		{NULL, 0, NULL, 0},
	};
	static struct uidl u;
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1)
		if (!option_take(&u, option, &status))
			return status;
	if (argc - optind != 1)
		return CTL_USAGE;
	status = mailbox_find(&u.m, context, argv[optind]);
	if (status == 0)
		status = mailbox_open(&u.m);
	if (status == 0)
		status = task_run(&u);
	mailbox_close(&u.m);
	return status;
}
