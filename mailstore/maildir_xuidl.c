#include <stdlib.h>
#include <string.h>

#include "mailstore/import.h"
#include "mailstore/maildir.h"

/* A header that is longer gives an id only where its field comes before. */
#define HEADER_MAX 65536u

/* Octets of the header with the empty line, or all n if it does not end there. */
static size_t
header_length(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (p[i] != '\n')
			continue;
		if (p[i + 1] == '\n')
			return i + 2;
		if (p[i + 1] == '\r' && i + 2 < n && p[i + 2] == '\n')
			return i + 3;
	}
	return n;
}

static enum mail_status
read_header(struct mail_message *message, unsigned char *header, size_t *n)
{
	enum mail_status status = MAIL_OK;
	size_t got = 1;

	*n = 0;
	while (status == MAIL_OK && got > 0 && *n < HEADER_MAX) {
		status =
			maildir_message_read(message, header + *n, HEADER_MAX - *n, &got);
		*n += got;
		if (header_length(header, *n) < *n)
			break;
	}
	*n = header_length(header, *n);
	return status;
}

enum mail_status
maildir_header_uid(struct maildir *m, size_t i, char uid[MAIL_UID_MAX + 1])
{
	struct import_headers state = {.begun = false};
	unsigned char *header = malloc(HEADER_MAX);
	struct mail_message *message = NULL;
	enum mail_status status = MAIL_TEMP;
	size_t n = 0;

	uid[0] = '\0';
	if (header != NULL)
		status = maildir_message_open(&m->store, i, &message);
	if (status == MAIL_OK)
		status = read_header(message, header, &n);
	if (status == MAIL_OK &&
		!import_from_header(&state, IMPORT_X_UIDL, NULL, NULL, 0, header, n, uid))
		uid[0] = '\0';
	maildir_message_close(message);
	free(header);
	return status;
}
