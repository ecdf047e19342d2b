#include "pop3d/ctl/mailbox_uidl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/ctl/foreign_ids.h"
#include "pop3d/ctl/mailbox.h"

struct uidl {
	struct mailbox m;
	enum import_source compare; /* IMPORT_AUTO: with nothing */
	const char *format;         /* Dovecot's pop3_uidl_format; NULL: its default */
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

static int
maildrop_compare(struct uidl *u)
{
	const size_t n = u->m.count > 0 ? u->m.count : 1;
	char(*ids)[MAIL_UID_MAX + 1] = calloc(n, sizeof(*ids));
	int status;

	if (ids == NULL)
		return mailbox_status(&u->m, MAIL_TEMP);
	status = foreign_ids_read(&u->m, u->compare, u->format, ids);
	if (status == 0)
		status = difference_print(u, ids);
	free(ids);
	return status;
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

int
mailbox_uidl(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"compare-with", required_argument, NULL, 'c'},
		{"format", required_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	static struct uidl u;
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option != 'c' && option != 'f')
			return CTL_USAGE;
		if (option == 'c' ? !source_take(optarg, &u.compare)
				  : !format_take(optarg, &u.format))
			return EX_USAGE;
	}
	if (argc - optind != 1)
		return CTL_USAGE;
	status = mailbox_find(&u.m, context, argv[optind]);
	if (status == 0)
		status = mailbox_open(&u.m);
	if (status == 0)
		status = u.compare == IMPORT_AUTO ? list_print(&u) : maildrop_compare(&u);
	mailbox_close(&u.m);
	return status;
}
