/*
 * The first octets of a connection: the first one of the input says which versions are
 * accepted.  What is a header must not depend on how it is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential.h"
#include "pop3d/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* Parse a copy that ends where it ends, for the sanitizer to watch. */
static enum proxy_status
parse(const uint8_t *data, size_t n, enum proxy_versions versions,
	struct proxy_header *header, size_t *wanted)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	enum proxy_status status;

	check(copy != NULL);
	memcpy(copy, data, n);
	memset(header, 0xa5, sizeof(*header));
	*wanted = SIZE_MAX;
	status = proxy_parse(copy, n, versions, header, wanted);
	free(copy);
	check(status == PROXY_BAD || status == PROXY_MORE || status == PROXY_WHOLE);
	check((*wanted != 0) == (status == PROXY_MORE));
	check(*wanted <= PROXY_HEADER_MAX - n || status != PROXY_MORE);
	return status;
}

static void
text_check(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	check(n < size && credential_is_printable(text, n));
}

static void
header_check(const struct proxy_header *header)
{
	text_check(header->peer.text, sizeof(header->peer.text));
	text_check(header->self.text, sizeof(header->self.text));
	text_check(header->protocol, sizeof(header->protocol));
	text_check(header->cipher, sizeof(header->cipher));
	text_check(header->sni, sizeof(header->sni));
	text_check(header->common_name, sizeof(header->common_name));
	text_check(header->subject, sizeof(header->subject));
	text_check(header->session, sizeof(header->session));
	for (const char *p = header->session; *p != '\0'; p++)
		check(*p > ' ' && *p < 0x7f);
	check(header->addressed == (header->peer.text[0] != '\0'));
	check(header->addressed == (header->self.text[0] != '\0'));
	check(!header->health_check ||
		(!header->addressed && !header->tls && header->session[0] == '\0'));
	check(header->tls || (header->protocol[0] == '\0' && !header->verified));
	check(header->verified || header->common_name[0] == '\0');
}

static bool
address_same(const struct address *a, const struct address *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->network, b->network) == 0 &&
	       a->port == b->port && a->local == b->local;
}

static bool
header_same(const struct proxy_header *a, const struct proxy_header *b)
{
	return a->health_check == b->health_check && a->addressed == b->addressed &&
	       address_same(&a->peer, &b->peer) && address_same(&a->self, &b->self) &&
	       a->tls == b->tls && a->verified == b->verified &&
	       strcmp(a->protocol, b->protocol) == 0 &&
	       strcmp(a->cipher, b->cipher) == 0 && strcmp(a->sni, b->sni) == 0 &&
	       strcmp(a->common_name, b->common_name) == 0 &&
	       strcmp(a->subject, b->subject) == 0 && strcmp(a->session, b->session) == 0;
}

/* Read as a program would.  Returns how many octets that are, status is of the last. */
static size_t
read_wanted(const uint8_t *data, size_t size, enum proxy_versions versions,
	struct proxy_header *header, enum proxy_status *status)
{
	size_t n = 0, wanted;

	for (;;) {
		*status = parse(data, n, versions, header, &wanted);
		if (*status != PROXY_MORE || wanted > size - n)
			return n;
		n += wanted;
	}
}

/* Octet by octet: bad stays bad, and nothing is wanted from behind a header. */
static void
prefixes_check(const uint8_t *data, size_t size, enum proxy_versions versions, size_t end,
	enum proxy_status at_end)
{
	struct proxy_header header;
	size_t wanted;
	bool bad = false;

	/* Each octet more costs a copy of all before it. */
	if (size > PROXY_HEADER_MAX + 16)
		size = PROXY_HEADER_MAX + 16;
	for (size_t n = 0; n <= size; n++) {
		enum proxy_status status = parse(data, n, versions, &header, &wanted);

		check(!bad || status == PROXY_BAD);
		bad = status == PROXY_BAD;
		check((status == PROXY_WHOLE) == (at_end == PROXY_WHOLE && n == end));
		if (at_end == PROXY_WHOLE && n < end)
			check(status == PROXY_MORE && wanted <= end - n);
		if (at_end == PROXY_BAD && n >= end)
			check(bad);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header, again;
	enum proxy_versions versions;
	enum proxy_status status;
	size_t n, wanted;

	if (size == 0)
		return 0;
	versions = (enum proxy_versions)(data[0] & 3);
	data++;
	size--;
	n = read_wanted(data, size, versions, &header, &status);
	prefixes_check(data, size, versions, n, status);
	if (status != PROXY_WHOLE)
		return 0;
	header_check(&header);
	check(parse(data, n, PROXY_ANY, &again, &wanted) == PROXY_WHOLE);
	check(header_same(&header, &again));
	return 0;
}
