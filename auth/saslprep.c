#include "auth/saslprep.h"

#include <string.h>
#include <stringprep.h>

#include "auth/credential.h"

#define TEXT_MAX 1024u

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
	/* Most names and passwords are what they are. */
	good = credential_is_plain(text) ||
	       stringprep(work, sizeof(work), STRINGPREP_NO_UNASSIGNED,
		       stringprep_saslprep) == STRINGPREP_OK;
	*n = good ? strlen(work) : 0;
	good = *n > 0 && *n < size;
	if (good)
		memcpy(out, work, *n + 1);
	explicit_bzero(work, sizeof(work));
	return good;
}
