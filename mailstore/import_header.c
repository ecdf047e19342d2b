#include "mailstore/import_header.h"

#include <string.h>
#include <strings.h>

#include "mailstore/import_format.h"
#include "mailstore/import_set.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of the line end that the text begins with; 0 if it does not. */
static size_t
line_end(struct import_words text)
{
	if (text.n > 0 && text.p[0] == '\n')
		return 1;
	return text.n > 1 && text.p[0] == '\r' && text.p[1] == '\n' ? 2 : 0;
}

bool
import_header_line(struct import_words *header, struct import_words *line)
{
	const char *end;

	if (header->n == 0 || line_end(*header) > 0)
		return false;
	end = memchr(header->p, '\n', header->n);
	line->p = header->p;
	line->n = end != NULL ? (size_t)(end + 1 - header->p) : header->n;
	import_skip(header, line->n);
	return true;
}

bool
import_header_continues(struct import_words line)
{
	return line.n > 0 && is_blank(*line.p);
}

bool
import_header_field(struct import_words *header, struct import_words *field)
{
	struct import_words line;

	if (!import_header_line(header, field))
		return false;
	while (import_header_continues(*header) && import_header_line(header, &line))
		field->n += line.n;
	return true;
}

bool
import_header_begins(struct import_words line, const char *start)
{
	const size_t n = strlen(start);

	return line.n >= n && strncasecmp(line.p, start, n) == 0;
}

bool
import_header_value(
	struct import_words field, const char *name, struct import_words *value)
{
	if (!import_header_begins(field, name))
		return false;
	import_skip(&field, strlen(name));
	while (field.n > 0 && is_blank(*field.p))
		import_skip(&field, 1);
	if (field.n == 0 || *field.p != ':')
		return false;
	import_skip(&field, 1);
	if (field.n > 0 && field.p[field.n - 1] == '\n')
		field.n--;
	if (field.n > 0 && field.p[field.n - 1] == '\r')
		field.n--;
	*value = field;
	return true;
}

bool
import_header_is_plain(struct import_words header)
{
	struct import_words line;

	if (header.n == 0 || header.p[header.n - 1] != '\n')
		return false;
	while (import_header_line(&header, &line))
		continue;
	return header.n == 0 || *header.p == '\n';
}

bool
import_x_uidl(struct import_words header, char id[MAIL_UID_MAX + 1])
{
	struct import_words line, value;

	while (import_header_line(&header, &line)) {
		if (!import_header_value(line, "X-UIDL", &value))
			continue;
		while (value.n > 0 && is_blank(*value.p))
			import_skip(&value, 1);
		while (value.n > 0 && is_blank(value.p[value.n - 1]))
			value.n--;
		if (!import_id_valid(value.p, value.n))
			return false;
		memcpy(id, value.p, value.n);
		id[value.n] = '\0';
		return true;
	}
	return false;
}

bool
import_from_header(struct import_headers *state, enum import_source source,
	const char *dovecot_format, const unsigned char *from, size_t from_len,
	const unsigned char *header, size_t header_len, char id[MAIL_UID_MAX + 1])
{
	const struct import_message message = {
		{(const char *)from, from_len}, {(const char *)header, header_len}};

	switch (source) {
	case IMPORT_DOVECOT:
		return import_mbox_id(state,
			dovecot_format != NULL ? dovecot_format : IMPORT_FORMAT_DEFAULT,
			&message, id);
	case IMPORT_X_UIDL:
		return import_x_uidl(message.header, id);
	case IMPORT_POPA3D:
		return import_popa3d_id(&message, id);
	case IMPORT_QPOPPER:
		return import_qpopper_id(&message, id);
	default:
		return false;
	}
}
