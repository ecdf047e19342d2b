#include "pop3d/ctl/mailbox_show.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailstore/detail.h"
#include "pop3d/ctl/mailbox.h"
#include "pop3d/ctl/mailbox_header.h"

#define HEADER_MAX ((size_t)64 * 1024) /* octets of a header that are looked at */
#define FROM_SHOWN 24u                 /* characters */
#define SUBJECT_SHOWN 40u
#define WHOLE 998u /* characters of a field for a script */

/* A message, as far as it could be read. */
struct row {
	char octets[24];
	char uid[MAIL_UID_MAX + 1];
	char date[32];
	unsigned char *header;
	size_t header_octets;
};

struct table {
	struct mailbox m;
	bool plain;
	int uid_width;
	uint64_t octets;   /* of all messages */
	size_t unreadable; /* messages */
};

/* The beginning of a message. */
static enum mail_status
header_read(const struct mailbox *m, size_t i, struct row *row)
{
	const struct mailstore_ops *ops = m->location.ops;
	struct mail_message *message;
	enum mail_status status = ops->message_open(m->store, i, &message);
	size_t n = 1;

	row->header_octets = 0;
	if (status != MAIL_OK)
		return status;
	while (status == MAIL_OK && n > 0 && row->header_octets < HEADER_MAX) {
		status = ops->message_read(message, row->header + row->header_octets,
			HEADER_MAX - row->header_octets, &n);
		if (status == MAIL_OK)
			row->header_octets += n;
	}
	ops->message_close(message);
	return status;
}

static void
date_print(int64_t seconds, char *text, size_t size)
{
	const time_t t = seconds;
	struct tm tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL ||
		strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(text, size, "-");
}

/* One message that cannot be read is no reason not to show the others. */
static bool
status_is_of_one(enum mail_status status)
{
	return status == MAIL_GONE || status == MAIL_PERM || status == MAIL_CHANGED;
}

static enum mail_status
row_fill(struct table *table, size_t i, struct row *row)
{
	static struct mail_detail detail;
	const struct mailbox *m = &table->m;
	enum mail_status status;
	uint64_t octets = 0;

	(void)snprintf(row->octets, sizeof(row->octets), "-");
	(void)snprintf(row->date, sizeof(row->date), "-");
	row->header_octets = 0;
	status = m->location.ops->uid(m->store, i, row->uid);
	if (status != MAIL_OK)
		return status;
	status = m->location.ops->octets(m->store, i, &octets);
	if (status == MAIL_OK)
		status = mail_detail_get(m->store, i, &detail);
	if (status == MAIL_OK)
		status = header_read(m, i, row);
	if (status == MAIL_OK) {
		(void)snprintf(row->octets, sizeof(row->octets), "%" PRIu64, octets);
		date_print(detail.delivered, row->date, sizeof(row->date));
		table->octets += octets;
	} else if (status_is_of_one(status)) {
		row->header_octets = 0;
		table->unreadable++;
		status = MAIL_OK;
	}
	return status;
}

/* A field's value, padded to `width` characters if that is not 0. */
static void
field_print(const struct row *row, const char *name, size_t max, size_t width)
{
	const unsigned char *value;
	char text[4 * WHOLE + 1] = "-";
	size_t count = 1, n;

	if (mailbox_header_find(row->header, row->header_octets, name, &value, &n) &&
		n > 0)
		count = mailbox_header_print(text, sizeof(text), max, value, n);
	(void)fputs(text, stdout);
	for (; count < width; count++)
		(void)putchar(' ');
}

static void
row_print(const struct table *table, size_t i, const struct row *row)
{
	if (table->plain) {
		(void)printf(
			"%zu\t%s\t%s\t%s\t", i + 1, row->octets, row->uid, row->date);
		field_print(row, "From", WHOLE, 0);
		(void)putchar('\t');
		field_print(row, "Subject", WHOLE, 0);
	} else {
		(void)printf("%6zu %10s  %-*s  %-20s  ", i + 1, row->octets,
			table->uid_width, row->uid, row->date);
		field_print(row, "From", FROM_SHOWN, FROM_SHOWN);
		(void)fputs("  ", stdout);
		field_print(row, "Subject", SUBJECT_SHOWN, 0);
	}
	(void)putchar('\n');
}

/* As wide as the widest. */
static enum mail_status
uid_measure(struct table *table)
{
	enum mail_status status = MAIL_OK;
	char uid[MAIL_UID_MAX + 1];

	table->uid_width = (int)strlen("UNIQUE-ID");
	for (size_t i = 0; i < table->m.count && status == MAIL_OK; i++) {
		status = table->m.location.ops->uid(table->m.store, i, uid);
		if (status == MAIL_OK && (int)strlen(uid) > table->uid_width)
			table->uid_width = (int)strlen(uid);
	}
	return status;
}

static int
table_print(struct table *table)
{
	struct row row = {.header = malloc(HEADER_MAX)};
	enum mail_status status = row.header == NULL ? MAIL_TEMP : MAIL_OK;

	if (status == MAIL_OK && !table->plain)
		status = uid_measure(table);
	if (status == MAIL_OK && !table->plain && table->m.count > 0)
		(void)printf("%6s %10s  %-*s  %-20s  %-*s  %s\n", "NUMBER", "OCTETS",
			table->uid_width, "UNIQUE-ID", "DELIVERED", (int)FROM_SHOWN,
			"FROM", "SUBJECT");
	for (size_t i = 0; i < table->m.count && status == MAIL_OK; i++) {
		mailbox_keep(&table->m);
		status = row_fill(table, i, &row);
		if (status == MAIL_OK)
			row_print(table, i, &row);
	}
	free(row.header);
	if (status != MAIL_OK)
		return mailbox_status(&table->m, status);
	if (!table->plain)
		(void)printf("messages: %zu, octets: %" PRIu64 "\n", table->m.count,
			table->octets);
	if (table->unreadable == 0)
		return 0;
	ctl_error("%zu messages cannot be read", table->unreadable);
	return CTL_NO;
}

int
mailbox_show(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"plain", no_argument, NULL, 'p'},
		{NULL, 0, NULL, 0},
	};
	struct table table = {.plain = false};
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option != 'p')
			return CTL_USAGE;
		table.plain = true;
	}
	if (argc - optind != 1)
		return CTL_USAGE;
	status = mailbox_find(&table.m, context, argv[optind]);
	if (status == 0)
		status = mailbox_open(&table.m);
	if (status == 0)
		status = table_print(&table);
	mailbox_close(&table.m);
	return status;
}
