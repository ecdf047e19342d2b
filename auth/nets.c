#include "auth/nets.h"

#include <arpa/inet.h>
#include <string.h>

/* An address, or a network with how many of its first bits count. */
struct net {
	unsigned char octets[16];
	unsigned size; /* 4 or 16 */
	unsigned bits;
	bool local; /* not an address at all */
};

static bool
address_parse(const char *text, struct net *net)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned char octets[16];

	memset(net, 0, sizeof(*net));
	net->size = 4;
	net->bits = 32;
	if (inet_pton(AF_INET, text, net->octets) == 1)
		return true;
	if (inet_pton(AF_INET6, text, octets) != 1)
		return false;
	if (memcmp(octets, mapped, sizeof(mapped)) == 0) {
		memcpy(net->octets, octets + 12, 4);
		return true;
	}
	memcpy(net->octets, octets, 16);
	net->size = 16;
	net->bits = 128;
	return true;
}

/* Digits only, not more than `most`. */
static bool
bits_parse(const char *text, unsigned most, unsigned *bits)
{
	unsigned value = 0;

	if (*text == '\0' || strlen(text) > 3)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
	}
	*bits = value;
	return value <= most;
}

static bool
word_parse(struct auth_span word, struct net *net)
{
	char text[INET6_ADDRSTRLEN + 8];
	char *slash;

	if (word.n == 0 || word.n >= sizeof(text))
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	if (strcmp(text, "local") == 0) {
		memset(net, 0, sizeof(*net));
		net->local = true;
		return true;
	}
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!address_parse(text, net))
		return false;
	/* The bits of a mapped address would count from elsewhere. */
	if (slash != NULL && net->size == 4 && strchr(text, ':') != NULL)
		return false;
	return slash == NULL || bits_parse(slash + 1, net->bits, &net->bits);
}

static bool
word_cut(struct auth_span *list, struct auth_span *word)
{
	const unsigned char *comma = list->n > 0 ? memchr(list->p, ',', list->n) : NULL;

	*word = *list;
	if (comma == NULL) {
		list->n = 0;
		return false;
	}
	word->n = (size_t)(comma - word->p);
	list->p = comma + 1;
	list->n -= word->n + 1;
	return true;
}

bool
nets_are_valid(struct auth_span list)
{
	struct auth_span word;
	struct net net;
	bool more;

	do {
		more = word_cut(&list, &word);
		if (!word_parse(word, &net))
			return false;
	} while (more);
	return true;
}

static bool
net_has(const struct net *net, const struct net *address)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (net->size != address->size || net->local ||
		memcmp(net->octets, address->octets, whole) != 0)
		return false;
	return rest == 0 ||
	       (net->octets[whole] ^ address->octets[whole]) >> (8 - rest) == 0;
}

bool
nets_match(struct auth_span list, const char *address)
{
	struct auth_span word;
	struct net own, net;
	bool local = address[0] == '\0', more;

	if (!local && !address_parse(address, &own))
		return false;
	do {
		more = word_cut(&list, &word);
		if (word_parse(word, &net) && (local ? net.local : net_has(&net, &own)))
			return true;
	} while (more);
	return false;
}
