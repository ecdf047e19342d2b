/*
 * The commands that log in: USER and PASS, APOP (RFC 1939 section 7), AUTH (RFC 5034).
 */
#include <string.h>
#include <strings.h>

#include "auth/base64.h"
#include "auth/credential.h"
#include "pop3d/front_state.h"
#include "pop3d/multiline.h"

static bool
offers(const struct front *front, const char *mechanism)
{
	return connection_offers(front->connection, auth_mechanism_find(mechanism));
}

static bool
refuse(struct front *front, const char *text)
{
	output_reply(&front->output, 0, NULL, text);
	return false;
}

bool
front_user(struct front *front, const struct command *command)
{
	size_t n = strlen(command->text);

	front->has_user = false;
	/* Said before the password, so that it is never sent (RFC 2595 section 2.3). */
	if (!offers(front, "USER")) {
		(void)refuse(front, "Plaintext login is not allowed on this connection");
		return true;
	}
	if (n > AUTH_USER_MAX)
		return refuse(front, "User name is too long");
	memcpy(front->user, command->text, n + 1);
	front->has_user = true;
	output_reply(&front->output, 1, NULL, "Now PASS");
	return true;
}

bool
front_pass(struct front *front, const struct command *command)
{
	unsigned char secret[AUTH_USER_MAX + 1 + LINE_COMMAND_MAX];
	size_t user = strlen(front->user) + 1, n = strlen(command->text);

	if (!front->has_user)
		return refuse(front, "USER first");
	front->has_user = false;
	memcpy(secret, front->user, user);
	memcpy(secret + user, command->text, n);
	front_attempt(front, "USER", STEP_MESSAGE, secret, user + n);
	explicit_bzero(secret, sizeof(secret));
	return true;
}

bool
front_apop(struct front *front, const struct command *command)
{
	char secret[LINE_COMMAND_MAX + 1];
	size_t n = strlen(command->text);
	char *space;

	if (!offers(front, "APOP"))
		return refuse(front, "APOP is not available");
	if (n >= sizeof(secret))
		return refuse(front, "Invalid arguments");
	memcpy(secret, command->text, n + 1);
	/* The last one: a name may hold spaces, a digest never does. */
	space = strrchr(secret, ' ');
	if (space == NULL)
		return refuse(front, "Invalid arguments");
	*space = '\0';
	front_attempt(front, "APOP", STEP_MESSAGE, secret, n);
	explicit_bzero(secret, sizeof(secret));
	return true;
}

/* What clients of the days before CAPA ask with an AUTH and nothing else. */
static bool
list_mechanisms(struct front *front)
{
	struct multiline m = {0};

	output_reply(&front->output, 1, NULL, "Mechanisms follow");
	for (size_t i = 0; auth_mechanisms[i] != NULL; i++) {
		const struct auth_mechanism *mechanism = auth_mechanisms[i];

		if ((mechanism->flags & MECHANISM_SASL) == 0 ||
			!connection_offers(front->connection, mechanism))
			continue;
		multiline_put(
			&m, &front->output, mechanism->name, strlen(mechanism->name));
		multiline_put(&m, &front->output, "\n", 1);
	}
	multiline_close(&m, &front->output);
	return true;
}

/* The mechanism that a name of n characters, in either case, stands for. */
static const struct auth_mechanism *
find_sasl(const char *name, size_t n)
{
	for (size_t i = 0; auth_mechanisms[i] != NULL; i++) {
		const struct auth_mechanism *mechanism = auth_mechanisms[i];

		if ((mechanism->flags & MECHANISM_SASL) != 0 &&
			strlen(mechanism->name) == n &&
			strncasecmp(mechanism->name, name, n) == 0)
			return mechanism;
	}
	return NULL;
}

/* Begin with the initial response, which is base64, or "=" for an empty one. */
static bool
begin_with(struct front *front, const struct auth_mechanism *mechanism, const char *text)
{
	static unsigned char response[AUTH_MESSAGE_MAX];
	size_t n = 0;

	if ((mechanism->flags & MECHANISM_SERVER_FIRST) != 0)
		return refuse(front, "This mechanism takes no initial response");
	if (strcmp(text, "=") != 0 &&
		!base64_decode(text, strlen(text), response, sizeof(response), &n))
		return refuse(front, "Invalid base64");
	front_attempt(front, mechanism->name, STEP_MESSAGE, response, n);
	explicit_bzero(response, n);
	return true;
}

bool
front_auth(struct front *front, const struct command *command)
{
	const char *name = command->text;
	const struct auth_mechanism *mechanism;
	size_t n;

	if (name == NULL)
		return list_mechanisms(front);
	n = strcspn(name, " ");
	mechanism = find_sasl(name, n);
	if (mechanism == NULL)
		return refuse(front, "Unknown mechanism");
	if (!connection_offers(front->connection, mechanism))
		return refuse(
			front, "This mechanism is not available on this connection");
	if (name[n] == ' ')
		return begin_with(front, mechanism, name + n + 1);
	front_attempt(front, mechanism->name, STEP_NOTHING, NULL, 0);
	return true;
}
