#include "pop3d/config_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "auth/mechanism.h"
#include "mailstore/location.h"
#include "pop3d/certificate.h"
#include "pop3d/number.h"
#include "pop3d/proxy.h"
#include "pop3d/tls/setup.h"
#include "pop3d/trust.h"

#define DAY 86400u
#define WEEK 604800u
#define MANY 1000000000u

static const struct config_choice log_levels[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
	{NULL, 0},
};

static const struct config_choice plaintext_words[] = {
	{"never", PLAINTEXT_NEVER},
	{"tls", PLAINTEXT_TLS},
	{"local", PLAINTEXT_LOCAL},
	{"always", PLAINTEXT_ALWAYS},
	{NULL, 0},
};

static const struct config_choice no_or_yes[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};

static const struct config_choice proxy_words[] = {
	{"none", PROXY_NONE},
	{"v1", PROXY_V1},
	{"v2", PROXY_V2},
	{"any", PROXY_ANY},
	{NULL, 0},
};

static const struct config_choice environment_words[] = {
	{"none", ENVIRONMENT_NONE},
	{"stunnel", ENVIRONMENT_STUNNEL},
	{NULL, 0},
};

static const struct config_choice tls_modes[] = {
	{"off", TLS_OFF},
	{"starttls", TLS_STARTTLS},
	{"implicit", TLS_IMPLICIT},
	{NULL, 0},
};

static const struct config_choice client_words[] = {
	{"none", TLS_CLIENT_NONE},
	{"optional", TLS_CLIENT_OPTIONAL},
	{"required", TLS_CLIENT_REQUIRED},
	{NULL, 0},
};

static const struct config_choice client_users[] = {
	{"cn", CERTIFICATE_CN},
	{"email", CERTIFICATE_EMAIL},
	{"map", CERTIFICATE_MAP},
	{NULL, 0},
};

static const struct config_choice forwarded_words[] = {
	{"no", FORWARDED_NO},
	{"yes", FORWARDED_YES},
	{"certificate", FORWARDED_CERTIFICATE},
	{NULL, 0},
};

static const char *
check_absolute(const char *value)
{
	return value[0] == '/' ? NULL : "must be an absolute path";
}

static const char *
check_path(const char *value)
{
	return value[0] == '\0' ? NULL : check_absolute(value);
}

/* Absolute paths, separated by single spaces; or nothing. */
static const char *
check_paths(const char *value)
{
	for (const char *p = value; *p != '\0'; p += strcspn(p, " "), p += *p == ' ')
		if (*p != '/')
			return "must be absolute paths, separated by single spaces";
	return NULL;
}

static const char *
check_networks(const char *value)
{
	return trust_check(value) ? NULL
				  : "must be addresses or networks, separated by spaces";
}

static const char *
check_log(const char *value)
{
	if (strcmp(value, "syslog") == 0 || strcmp(value, "stderr") == 0)
		return NULL;
	return strncmp(value, "file:/", 6) == 0
		       ? NULL
		       : "must be syslog, stderr or file: and an absolute path";
}

/* The name stands in the greeting, where '<' or a leading '[' would have a meaning. */
static const char *
check_hostname(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n = strlen(value);

	if (n == 0 || n > 255 || strspn(value, letters) != n || value[0] == '-')
		return "must be a host name";
	return NULL;
}

static const char *
check_filled(const char *value)
{
	return value[0] != '\0' ? NULL : "must not be empty";
}

static const char *
check_locks(const char *value)
{
	if (strcmp(value, "fcntl") == 0 || strcmp(value, "dotlock") == 0 ||
		strcmp(value, "fcntl dotlock") == 0 ||
		strcmp(value, "dotlock fcntl") == 0)
		return NULL;
	return "must be fcntl, dotlock or both in the order they are taken";
}

/* Both go into JSON as they are, with what else a challenge holds. */
static bool
is_plain(const char *value)
{
	size_t n = 0;

	while (value[n] > 0x1f && value[n] < 0x7f && value[n] != '"' && value[n] != '\\')
		n++;
	return n <= 400 && value[n] == '\0';
}

static const char *
check_scope(const char *value)
{
	return is_plain(value) ? NULL : "must be a scope of OAuth 2.0";
}

static const char *
check_discovery(const char *value)
{
	if (value[0] == '\0')
		return NULL;
	return strncmp(value, "https://", 8) == 0 && is_plain(value) &&
			       strchr(value, ' ') == NULL
		       ? NULL
		       : "must be a URL that begins with https://";
}

static const char *
check_mechanisms(const char *value)
{
	char name[32];

	while (*value != '\0') {
		size_t n = strcspn(value, " ");

		(void)snprintf(name, sizeof(name), "%.*s", n < 31 ? (int)n : 31, value);
		if (n > 0 && auth_mechanism_find(name) == NULL)
			return "names a mechanism that there is not";
		value += n + strspn(value + n, " ");
	}
	return NULL;
}

#define TEXT(section, member, initial, check)                                            \
	{                                                                                \
#section, #member, CONFIG_TEXT, offsetof(struct config, section.member), \
			initial, 0, 0, NULL, check                                       \
	}
#define NUMBER(section, member, initial, min, max)                                       \
	{                                                                                \
#section, #member, CONFIG_NUMBER,                                        \
			offsetof(struct config, section.member), initial, min, max,      \
			NULL, NULL                                                       \
	}
#define CHOICE(section, member, initial, choices)                                        \
	{                                                                                \
#section, #member, CONFIG_CHOICE,                                        \
			offsetof(struct config, section.member), initial, 0, 0, choices, \
			NULL                                                             \
	}

const struct config_key config_keys[] = {
	TEXT(server, hostname, NULL, check_hostname),
	TEXT(server, run_directory, POP3D_RUN, check_absolute),
	TEXT(server, user, "pop3d", check_filled),
	TEXT(server, chroot, POP3D_EMPTY, check_absolute),
	TEXT(server, log, "syslog", check_log),
	CHOICE(server, log_level, "info", log_levels),
	CHOICE(server, proxy, "none", proxy_words),
	TEXT(server, trusted_networks, "127.0.0.0/8 ::1", check_networks),
	CHOICE(server, xclient, "no", no_or_yes),
	CHOICE(server, environment, "none", environment_words),
	TEXT(auth, modules, "passwd", check_filled),
	TEXT(auth, mechanisms, "USER PLAIN LOGIN", check_mechanisms),
	TEXT(auth, oauth_scope, "", check_scope),
	TEXT(auth, oauth_discovery, "", check_discovery),
	TEXT(auth, module_directory, POP3D_MODULES, check_absolute),
	CHOICE(auth, plaintext_login, "local", plaintext_words),
	NUMBER(auth, min_uid, "1000", 1, UINT32_MAX - 1),
	NUMBER(auth, min_gid, "100", 1, UINT32_MAX - 1),
	NUMBER(auth, max_attempts, "3", 1, 100),
	NUMBER(auth, failure_delay, "2", 0, 60),
	NUMBER(auth, timeout, "30", 1, 600),
	NUMBER(auth, cache_ttl, "3600", 0, WEEK),
	CHOICE(tls, mode, "starttls", tls_modes),
	TEXT(tls, program, POP3D_TLS, check_absolute),
	TEXT(tls, certificate, POP3D_CERTIFICATE, check_paths),
	TEXT(tls, key, POP3D_KEY, check_paths),
	TEXT(tls, ocsp, "", check_paths),
	TEXT(tls, sni, "", check_path),
	TEXT(tls, protocols, "TLSv1.2 TLSv1.3", check_filled),
	TEXT(tls, ciphers, "ECDHE+AESGCM:ECDHE+CHACHA20", NULL),
	TEXT(tls, ciphersuites, "", NULL),
	TEXT(tls, groups, "X25519:P-256:P-384", NULL),
	TEXT(tls, ticket_keys, "", check_path),
	NUMBER(tls, ticket_lifetime, "43200", 0, WEEK),
	TEXT(tls, client_ca, "", check_path),
	TEXT(tls, client_crl, "", check_path),
	CHOICE(tls, client_certificate, "none", client_words),
	CHOICE(tls, client_user, "cn", client_users),
	TEXT(tls, client_map, "", check_path),
	CHOICE(tls, forwarded, "no", forwarded_words),
	NUMBER(limits, connections, "500", 1, 100000),
	NUMBER(limits, connections_per_address, "50", 1, 100000),
	NUMBER(limits, login_seconds, "60", 1, DAY),
	NUMBER(limits, proxy_seconds, "3", 3, 60),
	NUMBER(limits, handshake_seconds, "30", 1, 600),
	NUMBER(limits, idle_seconds, "600", 1, DAY),
	NUMBER(limits, output_seconds, "120", 1, DAY),
	NUMBER(limits, lock_seconds, "3", 0, 600),
	NUMBER(limits, wait_idle_seconds, "60", 1, DAY),
	NUMBER(limits, bad_commands, "20", 1, MANY),
	NUMBER(limits, messages, "1000000", 1, MANY),
	NUMBER(limits, octets, "0", 0, INT64_MAX),
	TEXT(mail, location, "maildir:~/Maildir", mail_location_check),
	TEXT(mail, uid, "", NULL),
	TEXT(mail, gid, "", NULL),
	TEXT(mail, extra_group, "", NULL),
	TEXT(mail, mbox_locks, "fcntl dotlock", check_locks),
	{NULL, NULL, CONFIG_TEXT, 0, NULL, 0, 0, NULL, NULL},
};

const struct config_key *
config_key_find(const char *section, const char *name)
{
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static char **
text_member(struct config *config, const struct config_key *key)
{
	return (char **)(void *)((char *)config + key->offset);
}

static uint64_t *
number_member(struct config *config, const struct config_key *key)
{
	return (uint64_t *)(void *)((char *)config + key->offset);
}

static const char *
set_text(struct config *config, const struct config_key *key, const char *value)
{
	const char *wrong = key->check != NULL ? key->check(value) : NULL;
	char **member = text_member(config, key);
	char *copy;

	if (wrong != NULL)
		return wrong;
	copy = strdup(value);
	if (copy == NULL)
		return "out of memory";
	free(*member);
	*member = copy;
	return NULL;
}

static const char *
set_number(struct config *config, const struct config_key *key, const char *value)
{
	uint64_t number;

	if (!number_parse(value, strlen(value), &number))
		return "must be a number, digits only";
	if (number < key->min)
		return "is too small";
	if (number > key->max)
		return "is too large";
	*number_member(config, key) = number;
	return NULL;
}

static const char *
set_choice(struct config *config, const struct config_key *key, const char *value)
{
	for (const struct config_choice *c = key->choices; c->word != NULL; c++) {
		if (strcmp(c->word, value) != 0)
			continue;
		*number_member(config, key) = c->value;
		return NULL;
	}
	return "is not one of the words this key takes";
}

const char *
config_key_set(struct config *config, const struct config_key *key, const char *value)
{
	switch (key->type) {
	case CONFIG_TEXT:
		return set_text(config, key, value);
	case CONFIG_NUMBER:
		return set_number(config, key, value);
	case CONFIG_CHOICE:
		return set_choice(config, key, value);
	}
	return "has no known type";
}

const char *
config_key_text(
	const struct config *config, const struct config_key *key, char *buf, size_t size)
{
	const char *member = (const char *)config + key->offset;

	if (key->type == CONFIG_TEXT)
		return *(char *const *)(const void *)member;
	uint64_t number = *(const uint64_t *)(const void *)member;
	if (key->type == CONFIG_CHOICE)
		for (const struct config_choice *c = key->choices; c->word != NULL; c++)
			if (c->value == number)
				return c->word;
	(void)snprintf(buf, size, "%" PRIu64, number);
	return buf;
}
