/*
 * checkpassword-reply: what a checkpassword program runs once the password was right.
 *
 * uid: what that program became.  It writes what the program put into the environment to
 * the descriptor that it was given, where the kernel adds whose process this is.  It is
 * installed without permission to read it, so that the mail user cannot trace it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/checkpassword_answer.h"
#include "auth/checkpassword_run.h"

int
main(void)
{
	static const char *const names[] = CHECKPASSWORD_ANSWER_NAMES;
	char answer[CHECKPASSWORD_ANSWER_MAX];
	size_t n = 0;

	/* Half a change of identity is none. */
	if (getuid() != geteuid() || getgid() != getegid())
		return CHECKPASSWORD_TEMPORARY;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		size_t length = value != NULL ? strlen(value) : 0;

		if (length >= sizeof(answer) - n)
			return CHECKPASSWORD_TEMPORARY;
		if (length > 0)
			memcpy(answer + n, value, length);
		n += length;
		answer[n++] = '\0';
	}
	if (send(CHECKPASSWORD_ANSWER_FD, answer, n, MSG_NOSIGNAL) != (ssize_t)n)
		return CHECKPASSWORD_TEMPORARY;
	return CHECKPASSWORD_RIGHT;
}
