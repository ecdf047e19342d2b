#include "pop3d/ctl/mailbox_header.h"

#include <string.h>
#include <strings.h>

#include "pop3d/ctl/printable.h"

#define VALUE_MAX 2048u /* octets of a value that are looked at */

/* Octets of the line at p with its end, of n that there are. */
static size_t
line_length(const unsigned char *p, size_t n)
{
	const unsigned char *end = memchr(p, '\n', n);

	return end == NULL ? n : (size_t)(end - p) + 1;
}

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_end(unsigned char c)
{
	return c == '\n' || c == '\r';
}

/* Whether a line begins a field of that name; *skip is where its value begins. */
static bool
line_has_name(const unsigned char *p, size_t n, const char *name, size_t *skip)
{
	const size_t length = strlen(name);

	if (n <= length || strncasecmp((const char *)p, name, length) != 0)
		return false;
	for (*skip = length; *skip < n && is_blank(p[*skip]);)
		(*skip)++;
	if (*skip == n || p[*skip] != ':')
		return false;
	for ((*skip)++; *skip < n && is_blank(p[*skip]);)
		(*skip)++;
	return true;
}

bool
mailbox_header_find(const unsigned char *p, size_t n, const char *name,
	const unsigned char **value, size_t *value_octets)
{
	while (n > 0 && !is_end(p[0])) {
		size_t length = line_length(p, n), skip;
		const bool found = line_has_name(p, length, name, &skip);

		while (length < n && is_blank(p[length]))
			length += line_length(p + length, n - length);
		if (found) {
			size_t end = length;

			while (end > skip && is_end(p[end - 1]))
				end--;
			*value = p + skip;
			*value_octets = end > skip ? end - skip : 0;
			return true;
		}
		p += length;
		n -= length;
	}
	return false;
}

size_t
mailbox_header_print(char *text, size_t size, size_t max, const unsigned char *value,
	size_t value_octets)
{
	unsigned char flat[VALUE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < value_octets && n < sizeof(flat); i++)
		if (!is_end(value[i]))
			flat[n++] = value[i] == '\t' ? ' ' : value[i];
	return printable_copy(text, size, max, flat, n);
}
