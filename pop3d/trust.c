#include "pop3d/trust.h"

#include <stdio.h>
#include <string.h>

#include "auth/nets.h"

/* Call a function with each word; false as soon as one gives false. */
static bool
each_word(
	const char *list, bool (*use)(struct auth_span word, void *cookie), void *cookie)
{
	for (list += strspn(list, " "); *list != '\0'; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");
		if (!use((struct auth_span){(const unsigned char *)list, n}, cookie))
			return false;
		list += n;
	}
	return true;
}

static bool
is_valid(struct auth_span word, void *cookie)
{
	(void)cookie;
	/* A comma would join two in the lists of modules. */
	return memchr(word.p, ',', word.n) == NULL && nets_are_valid(word);
}

static bool
is_other(struct auth_span word, void *address)
{
	return !nets_match(word, address);
}

bool
trust_check(const char *list)
{
	return each_word(list, is_valid, NULL);
}

bool
trust_has(const char *list, const struct address *peer)
{
	char text[ADDRESS_TEXT_MAX];

	if (peer->text[0] == '\0')
		return peer->local;
	(void)snprintf(text, sizeof(text), "%s", peer->text);
	return !each_word(list, is_other, text);
}
