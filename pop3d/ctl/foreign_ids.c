#include "pop3d/ctl/foreign_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/detail.h"
#include "mailstore/maildir_name.h"

#define HEADER_MAX ((size_t)256 * 1024)

static const struct {
	const char *word;
	enum import_source source;
} words[] = {
	{"dovecot", IMPORT_DOVECOT},
	{"courier", IMPORT_COURIER},
	{"x-uidl", IMPORT_X_UIDL},
	{"popa3d", IMPORT_POPA3D},
	{"qpopper", IMPORT_QPOPPER},
};

enum import_source
foreign_ids_source(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].source;
	return IMPORT_AUTO;
}

/* The messages of a Maildir by the names of their files. */
struct named {
	char *base;
	size_t i;
};

struct names {
	struct named *named;
	size_t n;
	char (*ids)[MAIL_UID_MAX + 1];
};

static int
named_compare(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->base, ((const struct named *)b)->base);
}

static enum mail_status
names_fill(struct names *names, const struct mailbox *m)
{
	static struct mail_detail detail;
	enum mail_status status;

	for (size_t i = 0; i < m->count; i++) {
		status = mail_detail_get(m->store, i, &detail);
		if (status == MAIL_GONE)
			continue;
		if (status != MAIL_OK)
			return status;
		names->named[names->n].base =
			strndup(detail.name, maildir_name_base(detail.name));
		if (names->named[names->n].base == NULL)
			return MAIL_TEMP;
		names->named[names->n++].i = i;
	}
	qsort(names->named, names->n, sizeof(*names->named), named_compare);
	return MAIL_OK;
}

static bool
id_take(void *cookie, const char *key, const char *id)
{
	char base[MAILDIR_NAME_MAX + 1];
	struct names *names = cookie;
	struct named wanted = {.base = base};
	const struct named *found;

	if (strlen(key) > MAILDIR_NAME_MAX)
		return true;
	memcpy(base, key, strlen(key) + 1);
	found = bsearch(
		&wanted, names->named, names->n, sizeof(*names->named), named_compare);
	if (found != NULL && strlen(id) <= MAIL_UID_MAX)
		memcpy(names->ids[found->i], id, strlen(id) + 1);
	return true;
}

static int
result_say(const struct mailbox *m, enum import_result result)
{
	const char *path = m->location.path;

	switch (result) {
	case IMPORT_OK:
		return 0;
	case IMPORT_NONE:
		ctl_error("%s: that server has left no unique-ids here", path);
		return EX_NOINPUT;
	case IMPORT_BROKEN:
		ctl_error("%s: that server's list of unique-ids is not understood", path);
		return EX_DATAERR;
	case IMPORT_ERROR:
		break;
	}
	ctl_error("%s: %s", path, strerror(errno));
	return EX_TEMPFAIL;
}

static int
list_read(struct mailbox *m, enum import_source source, const char *format,
	char (*ids)[MAIL_UID_MAX + 1])
{
	struct names names = {.ids = ids};
	const int dir =
		open(m->location.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum mail_status status = MAIL_TEMP;
	int result = 0;

	names.named = calloc(m->count > 0 ? m->count : 1, sizeof(*names.named));
	if (dir >= 0 && names.named != NULL)
		status = names_fill(&names, m);
	if (status == MAIL_OK)
		result = result_say(
			m, import_maildir(dir, source, format, id_take, &names));
	for (size_t i = 0; i < names.n; i++)
		free(names.named[i].base);
	free(names.named);
	if (dir >= 0)
		(void)close(dir);
	return status == MAIL_OK ? result : mailbox_status(m, status);
}

/* The octets of the header in the n at p, with the empty line that ends it. */
static size_t
header_length(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		const unsigned char *end = memchr(p + i, '\n', n - i);
		const size_t next = end == NULL ? n : (size_t)(end - p) + 1;

		if (p[i] == '\n' || (p[i] == '\r' && next == i + 2))
			return next;
		i = next;
	}
	return n;
}

static enum mail_status
header_read(const struct mailbox *m, size_t i, unsigned char *header, size_t *n)
{
	const struct mailstore_ops *ops = m->location.ops;
	struct mail_message *message;
	enum mail_status status = ops->message_open(m->store, i, &message);
	size_t got = 1;

	*n = 0;
	if (status != MAIL_OK)
		return status;
	while (status == MAIL_OK && got > 0 && *n < HEADER_MAX) {
		status = ops->message_read(message, header + *n, HEADER_MAX - *n, &got);
		if (status == MAIL_OK)
			*n += got;
	}
	ops->message_close(message);
	*n = header_length(header, *n);
	return status;
}

/* What the reading of headers goes through. */
struct reading {
	enum import_source source;
	const char *format;
	struct import_headers state;
	struct mail_detail detail;
	unsigned char header[HEADER_MAX];
};

static bool
header_ask(struct reading *r, size_t n, char id[MAIL_UID_MAX + 1])
{
	return import_from_header(&r->state, r->source, r->format,
		(const unsigned char *)r->detail.name, r->detail.from_octets, r->header,
		n, id);
}

static enum mail_status
headers_read(struct mailbox *m, struct reading *r, char (*ids)[MAIL_UID_MAX + 1],
	size_t *given)
{
	char id[MAIL_UID_MAX + 1];
	size_t n;
	enum mail_status status =
		mail_detail_pseudo(m->store, &r->detail, r->header, HEADER_MAX, &n);

	if (status == MAIL_OK)
		(void)header_ask(r, n, id);
	else if (status != MAIL_GONE)
		return status;
	for (size_t i = 0; i < m->count; i++) {
		status = mail_detail_get(m->store, i, &r->detail);
		if (status == MAIL_OK)
			status = header_read(m, i, r->header, &n);
		if (status == MAIL_GONE)
			continue;
		if (status != MAIL_OK)
			return status;
		if (header_ask(r, n, ids[i]))
			(*given)++;
		else
			ids[i][0] = '\0';
	}
	return MAIL_OK;
}

int
foreign_ids_read(struct mailbox *m, enum import_source source, const char *dovecot_format,
	char (*ids)[MAIL_UID_MAX + 1])
{
	const bool maildir = m->location.ops == &mailstore_maildir;
	struct reading *r;
	enum mail_status status;
	size_t given = 0;

	if (maildir && (source == IMPORT_DOVECOT || source == IMPORT_COURIER))
		return list_read(m, source, dovecot_format, ids);
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return mailbox_status(m, MAIL_TEMP);
	r->source = source;
	r->format = dovecot_format;
	status = headers_read(m, r, ids, &given);
	free(r);
	if (status != MAIL_OK)
		return mailbox_status(m, status);
	return given == 0 && m->count > 0 ? result_say(m, IMPORT_NONE) : 0;
}
