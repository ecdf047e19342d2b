#include "auth/saslprep.h"

#include <string.h>
#include <stringprep.h>

#define TEXT_MAX 1024u

/* Most names and passwords are what they are. */
static bool
is_plain(struct auth_span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	return true;
}

bool
saslprep(struct auth_span text, char *out, size_t size, size_t *n)
{
	/* One character may become eighteen. */
	char work[18 * TEXT_MAX + 1];
	bool good;

	if (text.n == 0 || text.n > TEXT_MAX || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(work, text.p, text.n);
	work[text.n] = '\0';
	good = is_plain(text) || stringprep(work, sizeof(work), STRINGPREP_NO_UNASSIGNED,
					 stringprep_saslprep) == STRINGPREP_OK;
	*n = good ? strlen(work) : 0;
	good = *n > 0 && *n < size;
	if (good)
		memcpy(out, work, *n + 1);
	explicit_bzero(work, sizeof(work));
	return good;
}
