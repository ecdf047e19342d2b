#include "pop3d/ctl/authclient.h"

#include <string.h>

#include "auth/apop_digest.h"

void
authclient_put(struct authclient_message *message, const void *p, size_t n)
{
	/* What does not fit is no message that this server would take. */
	if (n > sizeof(message->p) - message->n)
		n = sizeof(message->p) - message->n;
	if (n > 0)
		memcpy(message->p + message->n, p, n);
	message->n += n;
}

void
authclient_text(struct authclient_message *message, const char *text)
{
	authclient_put(message, text, strlen(text));
}

void
authclient_name(struct authclient_message *message, const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == ',')
			authclient_text(message, "=2C");
		else if (*p == '=')
			authclient_text(message, "=3D");
		else
			authclient_put(message, p, 1);
	}
}

static void
put_secret(const struct authclient *client, struct authclient_message *message)
{
	authclient_put(message, client->secret.p, client->secret.n);
}

static void
put_hex(struct authclient_message *message, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		authclient_put(message, &digits[p[i] >> 4], 1);
		authclient_put(message, &digits[p[i] & 15], 1);
	}
}

/* As the front hands it on: USER and PASS in one. */
static const char *
step_user(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	(void)challenge;
	authclient_put(message, client->user, strlen(client->user) + 1);
	put_secret(client, message);
	return NULL;
}

static const char *
step_plain(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	authclient_put(message, "", 1);
	return step_user(client, challenge, message);
}

static const char *
step_login(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	(void)challenge;
	if (client->step == 0)
		authclient_text(message, client->user);
	else
		put_secret(client, message);
	return NULL;
}

/* RFC 1939 section 7; what the front hands on is the name, a NUL and the digest. */
static const char *
step_apop(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	const struct auth_span banner = {
		(const unsigned char *)client->banner, strlen(client->banner)};
	unsigned char digest[APOP_DIGEST_OCTETS];

	(void)challenge;
	apop_digest_md5(digest, banner, client->secret);
	authclient_put(message, client->user, strlen(client->user) + 1);
	put_hex(message, digest, sizeof(digest));
	return NULL;
}

static const char *
step_cram_md5(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	unsigned char digest[APOP_DIGEST_OCTETS];

	if (client->step == 0) {
		message->nothing = true;
		return NULL;
	}
	apop_digest_hmac(digest, challenge, client->secret);
	authclient_text(message, client->user);
	authclient_text(message, " ");
	put_hex(message, digest, sizeof(digest));
	return NULL;
}

/* RFC 7628 section 3.1; a refusal is answered with a lone ^A (section 3.2.3). */
static const char *
step_oauthbearer(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	(void)challenge;
	if (client->step > 0) {
		authclient_text(message, "\001");
		return NULL;
	}
	authclient_text(message, "n,a=");
	authclient_name(message, client->user);
	authclient_text(message, ",\001auth=Bearer ");
	put_secret(client, message);
	authclient_text(message, "\001\001");
	return NULL;
}

/* A refusal is answered with nothing. */
static const char *
step_xoauth2(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	(void)challenge;
	if (client->step > 0)
		return NULL;
	authclient_text(message, "user=");
	authclient_text(message, client->user);
	authclient_text(message, "\001auth=Bearer ");
	put_secret(client, message);
	authclient_text(message, "\001\001");
	return NULL;
}

static const struct client {
	const char *mechanism;
	unsigned steps; /* messages of the client, at most */
	const char *(*step)(struct authclient *client, struct auth_span challenge,
		struct authclient_message *message);
} clients[] = {
	{"USER", 1, step_user},
	{"PLAIN", 1, step_plain},
	{"LOGIN", 2, step_login},
	{"APOP", 1, step_apop},
	{"CRAM-MD5", 2, step_cram_md5},
	{"SCRAM-SHA-256", 3, authclient_scram},
	{"OAUTHBEARER", 2, step_oauthbearer},
	{"XOAUTH2", 2, step_xoauth2},
	{NULL, 0, NULL},
};

static const struct client *
client_find(const char *mechanism)
{
	const struct client *found = clients;

	while (found->mechanism != NULL && strcmp(found->mechanism, mechanism) != 0)
		found++;
	return found;
}

bool
authclient_knows(const char *mechanism)
{
	return client_find(mechanism)->mechanism != NULL;
}

const char *
authclient_step(struct authclient *client, struct auth_span challenge,
	struct authclient_message *message)
{
	const struct client *found = client_find(client->mechanism);
	const char *fault = "the server asks for more than the mechanism has";

	message->nothing = false;
	message->n = 0;
	if (client->step < found->steps)
		fault = found->step(client, challenge, message);
	client->step++;
	return fault;
}
