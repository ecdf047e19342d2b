/*
 * The first message of a TLS client in the making (RFC 8446 section 4.1.2), for the
 * target of that name.
 */
#ifndef CLIENT_HELLO_H
#define CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_MAX 8192u

/* Numbers of extensions (IANA). */
enum extension {
	EXTENSION_NAME = 0,
	EXTENSION_STATUS = 5,
	EXTENSION_PROTOCOLS = 16,
	EXTENSION_TICKET = 35,
	EXTENSION_IDENTITY = 41,
};

/* Octets in the making. */
struct hello_text {
	size_t n;
	unsigned char p[HELLO_MAX];
};

static inline void
hello_add(struct hello_text *text, const void *p, size_t n)
{
	if (n > sizeof(text->p) - text->n)
		abort();
	if (n > 0)
		memcpy(text->p + text->n, p, n);
	text->n += n;
}

/* A number of one to three octets. */
static inline void
hello_number(struct hello_text *text, size_t number, size_t octets)
{
	while (octets-- > 0) {
		const unsigned char octet = (unsigned char)(number >> 8 * octets);

		hello_add(text, &octet, 1);
	}
}

static inline void
hello_extension(struct hello_text *text, size_t number, const void *p, size_t n)
{
	hello_number(text, number, 2);
	hello_number(text, n, 2);
	hello_add(text, p, n);
}

/* A list with its length before it, and what stands before that. */
static inline void
hello_list(struct hello_text *text, size_t number, size_t before, const void *p, size_t n)
{
	static struct hello_text list;

	list.n = 0;
	/* RFC 6066 section 3: a list of one name, which is of a host. */
	if (before > 0) {
		hello_number(&list, n + 3, 2);
		hello_number(&list, 0, 1);
	}
	hello_number(&list, n, 2);
	hello_add(&list, p, n);
	hello_extension(text, number, list.p, list.n);
}

/* RFC 8446 section 4.2.11: one ticket, with a binder that is right by chance only. */
static inline void
hello_identity(struct hello_text *text, const void *p, size_t n)
{
	static struct hello_text list;

	list.n = 0;
	hello_number(&list, n + 6, 2);
	hello_number(&list, n, 2);
	hello_add(&list, p, n);
	hello_number(&list, 0, 2);
	hello_number(&list, 0, 2);
	hello_number(&list, 33, 2);
	hello_number(&list, 32, 1);
	for (unsigned i = 0; i < 32; i++)
		hello_number(&list, 0, 1);
	hello_extension(text, EXTENSION_IDENTITY, list.p, list.n);
}

/* What each client of this library has. */
static inline void
hello_usual(struct hello_text *extensions, bool old)
{
	static const unsigned char groups[] = {0, 4, 0, 29, 0, 23};
	static const unsigned char signatures[] = {0, 4, 4, 3, 8, 4};
	static const unsigned char versions[] = {2, 3, 4}, modes[] = {1, 1};
	unsigned char share[38] = {0, 36, 0, 29, 0, 32, 9};

	hello_extension(extensions, 10, groups, sizeof(groups));
	hello_extension(extensions, 13, signatures, sizeof(signatures));
	if (old)
		return;
	hello_extension(extensions, 43, versions, sizeof(versions));
	hello_extension(extensions, 45, modes, sizeof(modes));
	hello_extension(extensions, 51, share, sizeof(share));
}

/* The message in one record, with what stands behind it. */
static inline void
hello_record(struct hello_text *sent, const struct hello_text *extensions)
{
	static const unsigned char suites[] = {0x13, 0x01, 0xc0, 0x2b, 0xc0, 0x2f};
	static const unsigned char random[32] = {'r'};
	const size_t body =
		2 + sizeof(random) + 1 + 2 + sizeof(suites) + 2 + 2 + extensions->n;

	hello_number(sent, 22, 1);
	hello_number(sent, 0x0301, 2);
	hello_number(sent, body + 4, 2);
	hello_number(sent, 1, 1);
	hello_number(sent, body, 3);
	hello_number(sent, 0x0303, 2);
	hello_add(sent, random, sizeof(random));
	hello_number(sent, 0, 1);
	hello_number(sent, sizeof(suites), 2);
	hello_add(sent, suites, sizeof(suites));
	hello_number(sent, 0x0100, 2);
	hello_number(sent, extensions->n, 2);
	hello_add(sent, extensions->p, extensions->n);
}

#endif
