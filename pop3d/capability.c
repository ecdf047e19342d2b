#include "pop3d/capability.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/mechanism.h"
#include "pop3d/multiline.h"

static void
put_line(struct multiline *m, struct output *output, const char *text)
{
	multiline_put(m, output, text, strlen(text));
	multiline_put(m, output, "\n", 1);
}

/* RFC 5034 section 3; without a mechanism there is no such capability. */
static void
put_sasl(const struct connection *connection, struct multiline *m, struct output *output)
{
	bool any = false;

	for (size_t i = 0; auth_mechanisms[i] != NULL; i++) {
		const struct auth_mechanism *mechanism = auth_mechanisms[i];

		if ((mechanism->flags & MECHANISM_SASL) == 0 ||
			!connection_offers(connection, mechanism))
			continue;
		if (!any)
			multiline_put(m, output, "SASL", 4);
		any = true;
		multiline_put(m, output, " ", 1);
		multiline_put(m, output, mechanism->name, strlen(mechanism->name));
	}
	if (any)
		multiline_put(m, output, "\n", 1);
}

/* RFC 2449 sections 6.5 and 6.7. */
static void
put_policy(const struct mail_policy *policy, struct multiline *m, struct output *output)
{
	char line[64];

	/* A user without a delay still learns so where others have one (section 5). */
	if (policy->delays) {
		(void)snprintf(line, sizeof(line), "LOGIN-DELAY %" PRIu64 "%s",
			policy->login_delay, policy->delay_varies ? " USER" : "");
		put_line(m, output, line);
	}
	if (policy->expire == CONFIG_NEVER)
		(void)snprintf(line, sizeof(line), "EXPIRE NEVER");
	else
		(void)snprintf(line, sizeof(line), "EXPIRE %" PRIu64 "%s", policy->expire,
			policy->expire_varies ? " USER" : "");
	put_line(m, output, line);
}

void
capability_write(const struct connection *connection, enum capability_state state,
	const struct mail_policy *policy, struct output *output)
{
	struct multiline m = {0};

	output_reply(output, 1, NULL, "Capability list follows");
	put_line(&m, output, "TOP");
	put_line(&m, output, "UIDL");
	if (connection_offers(connection, auth_mechanism_find("USER")))
		put_line(&m, output, "USER");
	put_sasl(connection, &m, output);
	if (state == CAPABILITY_AUTHORIZATION && connection_offers_stls(connection))
		put_line(&m, output, "STLS");
	put_line(&m, output, "RESP-CODES");
	put_line(&m, output, "AUTH-RESP-CODE");
	put_line(&m, output, "PIPELINING");
	put_policy(policy, &m, output);
	put_line(&m, output, "IMPLEMENTATION pop3d");
	multiline_close(&m, output);
}
