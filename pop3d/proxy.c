#include "pop3d/proxy.h"

#include <string.h>

#include "pop3d/number.h"
#include "pop3d/proxy_v2.h"

/* Section 2.1: "PROXY UNKNOWN" with both addresses as long as they can be. */
#define LINE_OCTETS 107u
/*
 * No header of either version is shorter, and so many tell which it is.  A line has no
 * length in front: behind these it is read octet by octet, for what follows its CRLF may
 * be the client's TLS and another process's to read.
 */
#define FIRST_OCTETS 12u

/* A line's first words, and of what the rest consists; NULL: of anything. */
struct kind {
	const char *words;
	const char *alphabet;
	char separator; /* what no address of this family is without */
};

/* Dots in TCP6 are for mapped addresses: senders write what inet_ntop() gives. */
static const struct kind kinds[] = {
	{"PROXY TCP4 ", "0123456789. ", '.'},
	{"PROXY TCP6 ", "0123456789abcdefABCDEF:. ", ':'},
	{"PROXY UNKNOWN", NULL, '\0'},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The first kind that n octets do not exclude, or NULL. */
static const struct kind *
kind_find(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < KINDS; i++) {
		size_t words = strlen(kinds[i].words);

		if (memcmp(p, kinds[i].words, n < words ? n : words) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* A CR or LF of its own ends no line, and must not stand in one. */
static enum proxy_status
end_find(const unsigned char *p, size_t n)
{
	const unsigned char *cr = memchr(p, '\r', n);
	size_t text = cr != NULL ? (size_t)(cr - p) : n;

	if (memchr(p, '\n', text) != NULL || text + 2 > LINE_OCTETS || n > text + 2)
		return PROXY_BAD;
	if (n < text + 2)
		return PROXY_MORE;
	return p[text + 1] == '\n' ? PROXY_WHOLE : PROXY_BAD;
}

/* Whether the octets behind the first words may stand there. */
static bool
rest_check(const struct kind *kind, const unsigned char *p, size_t n)
{
	if (n == 0)
		return true;
	if (kind->alphabet == NULL)
		return p[0] == ' ' || p[0] == '\r';
	for (size_t i = 0; i < n && p[i] != '\r'; i++)
		if (memchr(kind->alphabet, p[i], strlen(kind->alphabet)) == NULL)
			return false;
	return true;
}

/* Cut text into exactly four fields, each separated by one space. */
static bool
fields_cut(char *text, const char *fields[4])
{
	for (int i = 0; i < 4; i++) {
		char *space = strchr(text, ' ');

		if ((space == NULL) != (i == 3))
			return false;
		fields[i] = text;
		if (space != NULL) {
			*space = '\0';
			text = space + 1;
		}
	}
	return true;
}

/* No leading zeros: to some they would make it octal. */
static bool
end_take(const struct kind *kind, const char *text, const char *port, struct address *end)
{
	uint64_t number;

	return (port[0] != '0' || port[1] == '\0') &&
	       number_parse(port, strlen(port), &number) && number <= UINT16_MAX &&
	       strchr(text, kind->separator) != NULL &&
	       address_of_text(end, text, (uint16_t)number);
}

/* Take addresses and ports: n octets without the CRLF, of the alphabet of their kind. */
static bool
addresses_take(const struct kind *kind, const unsigned char *p, size_t n,
	struct proxy_header *header)
{
	char text[LINE_OCTETS + 1];
	const char *fields[4];

	memcpy(text, p, n);
	text[n] = '\0';
	header->addressed = fields_cut(text, fields) &&
			    end_take(kind, fields[0], fields[2], &header->peer) &&
			    end_take(kind, fields[1], fields[3], &header->self);
	return header->addressed;
}

static enum proxy_status
line_parse(const unsigned char *p, size_t n, struct proxy_header *header, size_t *wanted)
{
	const struct kind *kind = kind_find(p, n);
	enum proxy_status status = end_find(p, n);
	size_t words;

	if (kind == NULL || status == PROXY_BAD)
		return PROXY_BAD;
	words = strlen(kind->words);
	if (n > words && !rest_check(kind, p + words, n - words))
		return PROXY_BAD;
	if (status == PROXY_MORE) {
		*wanted = n < FIRST_OCTETS ? FIRST_OCTETS - n : 1;
		return PROXY_MORE;
	}
	memset(header, 0, sizeof(*header));
	if (kind->alphabet == NULL ||
		addresses_take(kind, p + words, n - words - 2, header))
		return PROXY_WHOLE;
	return PROXY_BAD;
}

enum proxy_status
proxy_parse(const unsigned char *p, size_t n, enum proxy_versions versions,
	struct proxy_header *header, size_t *wanted)
{
	*wanted = 0;
	if (n == 0 && versions != PROXY_NONE) {
		*wanted = FIRST_OCTETS;
		return PROXY_MORE;
	}
	if ((versions & PROXY_V1) != 0 && n > 0 && p[0] == 'P')
		return line_parse(p, n, header, wanted);
	if ((versions & PROXY_V2) != 0 && n > 0)
		return proxy_v2_parse(p, n, header, wanted);
	return PROXY_BAD;
}
