/*
 * The argument of XCLIENT.  What was understood of it, written down anew, must be
 * understood as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
parse(const char *text, struct proxy_header *header)
{
	memset(header, 0xa5, sizeof(*header));
	check(address_of_text(&header->self, "2001:db8::1", 110));
	return xclient_parse(text, header);
}

static void
header_check(const struct proxy_header *header)
{
	size_t n = strnlen(header->session, sizeof(header->session));

	check(n <= PROXY_SESSION_MAX);
	for (size_t i = 0; i < n; i++)
		check(header->session[i] > ' ' && header->session[i] < 0x7f);
	check(header->addressed == (header->peer.text[0] != '\0'));
	check(header->addressed || header->peer.port == 0);
	check(header->self.text[0] != '\0');
	check(!header->health_check && !header->verified);
	check(header->protocol[0] == '\0' && header->cipher[0] == '\0');
	check(header->sni[0] == '\0' && header->common_name[0] == '\0');
}

static bool
address_same(const struct address *a, const struct address *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->network, b->network) == 0 &&
	       a->port == b->port && a->local == b->local;
}

static void
again_check(const struct proxy_header *header)
{
	struct proxy_header again;
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"addr=%s Port=%u CLIENT-TRANSPORT=%s SESSION=%s DESTADDR=%s DESTPORT=%u",
		header->addressed ? header->peer.text : "[UNAVAILABLE]",
		header->peer.port, header->tls ? "TLS" : "insecure",
		header->session[0] != '\0' ? header->session : "[UNAVAILABLE]",
		header->self.text, header->self.port);
	check(parse(text, &again));
	check(again.addressed == header->addressed && again.tls == header->tls);
	check(address_same(&again.peer, &header->peer));
	check(address_same(&again.self, &header->self));
	check(strcmp(again.session, header->session) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	char *text = malloc(size + 1);

	check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (parse(text, &header)) {
		header_check(&header);
		again_check(&header);
	}
	free(text);
	return 0;
}
