/*
 * What a process of the mail user may write in place of checkpassword-reply: whatever is
 * taken of it must keep what a module promises of an identity.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/checkpassword_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_identity identity;
	const char *answer = (const char *)data;

	memset(&identity, 0, sizeof(identity));
	identity.uid = 4711;
	if (checkpassword_answer_parse(answer, size, &identity) != NULL)
		return 0;
	check(size >= CHECKPASSWORD_ANSWER_COUNT && answer[size - 1] == '\0');
	check(memchr(identity.user, '\0', sizeof(identity.user)) != NULL);
	check(memchr(identity.home, '\0', sizeof(identity.home)) != NULL);
	check(memchr(identity.mail, '\0', sizeof(identity.mail)) != NULL);
	check(strcmp(identity.user, answer) == 0);
	check(identity.home[0] == '\0' || identity.home[0] == '/');
	check(identity.mail[0] == '\0' || strncmp(identity.mail, "mbox:", 5) == 0 ||
		strncmp(identity.mail, "maildir:", 8) == 0);
	check(identity.uid == 4711);
	return 0;
}
