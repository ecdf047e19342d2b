#include "auth/mechanism.h"

#include <string.h>

static const struct auth_mechanism *const mechanisms[] = {
	&auth_mechanism_user,
};

const struct auth_mechanism *
auth_mechanism_find(const char *name)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (strcmp(mechanisms[i]->name, name) == 0)
			return mechanisms[i];
	return NULL;
}

enum auth_result
auth_exchange_step(struct auth_exchange *exchange, struct auth_span in)
{
	enum auth_result result;

	explicit_bzero(&exchange->out, sizeof(exchange->out));
	exchange->challenge_len = 0;
	result = exchange->mechanism->step(exchange, in);
	if (result == AUTH_MORE && exchange->challenge_len > AUTH_CHALLENGE_MAX)
		return AUTH_TEMPFAIL;
	return result;
}
