#include "mailstore/mbox_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/import.h"
#include "mailstore/mbox_from.h"
#include "mailstore/mbox_io.h"

/* A header that is longer gives an id only where what matters comes before. */
#define HEADER_MAX 65536u

/* What is asked of each message, in turn. */
struct asked {
	enum import_source sources[2];
	size_t n;
	struct import_headers states[2];
};

bool
mbox_import_is_live(unsigned source)
{
	return source == IMPORT_X_UIDL || source == IMPORT_POPA3D ||
	       source == IMPORT_QPOPPER;
}

static struct asked
sources_of(unsigned source)
{
	switch (source) {
	case IMPORT_AUTO:
		return (struct asked){{IMPORT_DOVECOT, IMPORT_X_UIDL}, 2, {{0}}};
	case IMPORT_OWN:
	case IMPORT_COURIER:
		return (struct asked){.n = 0};
	default:
		return (struct asked){{(enum import_source)source}, 1, {{0}}};
	}
}

/* Ask about one message; *uid is set only if it is "". */
static enum mail_status
ask(const struct mbox *box, const struct mbox_entry *entry, struct asked *asked,
	unsigned char *text, char uid[MAIL_UID_MAX + 1])
{
	const size_t line = (size_t)(entry->start - entry->from);
	const size_t header =
		entry->header < HEADER_MAX ? (size_t)entry->header : HEADER_MAX;
	char id[MAIL_UID_MAX + 1];

	if (!mbox_io_read(box->fd, text, line + header, entry->from))
		return errno == ENODATA ? MAIL_CHANGED : mbox_fail(box, "read");
	for (size_t k = 0; k < asked->n; k++) {
		const bool found = import_from_header(&asked->states[k],
			asked->sources[k], box->options->dovecot_format, text, line,
			text + line, header, id);

		if (found && uid[0] == '\0')
			memcpy(uid, id, sizeof id);
	}
	return MAIL_OK;
}

enum mail_status
mbox_import(struct mbox *box, bool first)
{
	struct asked asked = sources_of(box->options->uidl_source);
	enum mail_status status = MAIL_OK;
	char ignored[MAIL_UID_MAX + 1] = "-";
	unsigned char *text;

	if (asked.n == 0)
		return MAIL_OK;
	text = malloc(MBOX_FROM_MAX + HEADER_MAX);
	if (text == NULL)
		return MAIL_TEMP;
	for (size_t i = 0; i < box->n && status == MAIL_OK; i++) {
		char *uid = i < box->hidden ? ignored : box->ids[i - box->hidden];

		/* Ids that are numbered go by what stands before. */
		if (first || uid[0] == '\0')
			status = ask(box, &box->entries[i], &asked, text, uid);
	}
	free(text);
	return status;
}
