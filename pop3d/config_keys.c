#include "pop3d/config_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "mailstore/import.h"
#include "mailstore/location.h"
#include "pop3d/certificate.h"
#include "pop3d/config_checks.h"
#include "pop3d/number.h"
#include "pop3d/proxy.h"
#include "pop3d/roster.h"
#include "pop3d/tls/setup.h"
#include "pop3d/turns.h"

#define DAY 86400u
#define WEEK 604800u
#define DAYS_MAX 36500u
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

static const struct config_choice sandbox_words[] = {
	{"yes", SANDBOX_YES},
	{"required", SANDBOX_REQUIRED},
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

static const struct config_choice never[] = {{"never", CONFIG_NEVER}, {NULL, 0}};

static const struct config_choice uidl_words[] = {
	{"auto", IMPORT_AUTO},
	{"own", IMPORT_OWN},
	{"dovecot", IMPORT_DOVECOT},
	{"courier", IMPORT_COURIER},
	{"x-uidl", IMPORT_X_UIDL},
	{"popa3d", IMPORT_POPA3D},
	{"qpopper", IMPORT_QPOPPER},
	{NULL, 0},
};

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
#define DAYS(section, member, initial)                                                   \
	{                                                                                \
#section, #member, CONFIG_NUMBER,                                        \
			offsetof(struct config, section.member), initial, 0, DAYS_MAX,   \
			never, NULL                                                      \
	}
#define CHOICE(section, member, initial, choices)                                        \
	{                                                                                \
#section, #member, CONFIG_CHOICE,                                        \
			offsetof(struct config, section.member), initial, 0, 0, choices, \
			NULL                                                             \
	}

const struct config_key config_keys[] = {
	TEXT(server, hostname, NULL, config_check_hostname),
	TEXT(server, run_directory, POP3D_RUN, config_check_absolute),
	TEXT(server, user, "pop3d", config_check_filled),
	TEXT(server, chroot, POP3D_EMPTY, config_check_absolute),
	TEXT(server, log, "syslog", config_check_log),
	CHOICE(server, log_level, "info", log_levels),
	CHOICE(server, proxy, "none", proxy_words),
	TEXT(server, trusted_networks, "127.0.0.0/8 ::1", config_check_networks),
	CHOICE(server, xclient, "no", no_or_yes),
	CHOICE(server, environment, "none", environment_words),
	CHOICE(server, sandbox, "yes", sandbox_words),
	TEXT(auth, modules, "passwd", config_check_filled),
	TEXT(auth, mechanisms, "USER PLAIN LOGIN", config_check_mechanisms),
	TEXT(auth, oauth_scope, "", config_check_scope),
	TEXT(auth, oauth_discovery, "", config_check_discovery),
	TEXT(auth, module_directory, POP3D_MODULES, config_check_absolute),
	CHOICE(auth, plaintext_login, "local", plaintext_words),
	NUMBER(auth, min_uid, "1000", 1, UINT32_MAX - 1),
	NUMBER(auth, min_gid, "100", 1, UINT32_MAX - 1),
	NUMBER(auth, max_attempts, "3", 1, 100),
	NUMBER(auth, failure_delay, "2", 0, 60),
	NUMBER(auth, penalty_max, "30", 0, 600),
	NUMBER(auth, penalty_user_max, "5", 0, 600),
	NUMBER(auth, penalty_fade, "300", 1, DAY),
	NUMBER(auth, timeout, "30", 1, 600),
	NUMBER(auth, cache_ttl, "3600", 0, WEEK),
	CHOICE(tls, mode, "starttls", tls_modes),
	TEXT(tls, program, POP3D_TLS, config_check_absolute),
	TEXT(tls, certificate, POP3D_CERTIFICATE, config_check_paths),
	TEXT(tls, key, POP3D_KEY, config_check_paths),
	TEXT(tls, ocsp, "", config_check_paths),
	TEXT(tls, sni, "", config_check_path),
	TEXT(tls, protocols, "TLSv1.2 TLSv1.3", config_check_filled),
	TEXT(tls, ciphers, "ECDHE+AESGCM:ECDHE+CHACHA20", NULL),
	TEXT(tls, ciphersuites, "", NULL),
	TEXT(tls, groups, "X25519:P-256:P-384", NULL),
	TEXT(tls, ticket_keys, "", config_check_path),
	NUMBER(tls, ticket_lifetime, "43200", 0, WEEK),
	TEXT(tls, client_ca, "", config_check_path),
	TEXT(tls, client_crl, "", config_check_path),
	CHOICE(tls, client_certificate, "none", client_words),
	CHOICE(tls, client_user, "cn", client_users),
	TEXT(tls, client_map, "", config_check_path),
	CHOICE(tls, forwarded, "no", forwarded_words),
	NUMBER(limits, connections, "500", 1, 100000),
	NUMBER(limits, connections_per_address, "50", 1, 100000),
	NUMBER(limits, connections_per_user, "10", 0, ROSTER_MAX),
	TEXT(limits, half_open, "100:30:250", config_check_half_open),
	NUMBER(limits, login_seconds, "60", 1, DAY),
	NUMBER(limits, login_commands, "100", 1, MANY),
	NUMBER(limits, login_octets, "1048576", 1024, MANY),
	NUMBER(limits, proxy_seconds, "3", 3, 60),
	NUMBER(limits, handshake_seconds, "30", 1, 600),
	NUMBER(limits, idle_seconds, "600", 1, DAY),
	NUMBER(limits, output_seconds, "120", 1, DAY),
	NUMBER(limits, lock_seconds, "3", 0, 600),
	NUMBER(limits, lock_lease_seconds, "300", 30, DAY),
	NUMBER(limits, wait_idle_seconds, "60", 1, DAY),
	NUMBER(limits, session_megabytes, "4096", 0, MANY),
	NUMBER(limits, bad_commands, "20", 1, MANY),
	NUMBER(limits, verifications, "4", 0, TURNS_MAX),
	NUMBER(limits, session_commands, "10000000", 0, MANY),
	NUMBER(limits, session_octets, "0", 0, INT64_MAX),
	NUMBER(limits, messages, "1000000", 1, MANY),
	NUMBER(limits, octets, "0", 0, INT64_MAX),
	NUMBER(limits, decompressed_octets, "4294967296", 0, INT64_MAX),
	TEXT(mail, location, "maildir:~/Maildir", mail_location_check),
	TEXT(mail, uid, "", NULL),
	TEXT(mail, gid, "", NULL),
	TEXT(mail, extra_group, "", NULL),
	TEXT(mail, mbox_locks, "fcntl dotlock", config_check_locks),
	CHOICE(mail, uidl, "auto", uidl_words),
	TEXT(mail, uidl_dovecot_format, "%08Xu%08Xv", import_dovecot_format_check),
	NUMBER(mail, login_delay, "0", 0, DAY),
	NUMBER(mail, login_delay_max, "0", 0, DAY),
	DAYS(mail, expire, "never"),
	DAYS(mail, expire_min, "never"),
	{NULL, NULL, CONFIG_TEXT, 0, NULL, 0, 0, NULL, NULL},
};

_Static_assert(
	sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX, "too many keys");

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

/* False: it is none of the words, if there are any. */
static bool
choice_set(struct config *config, const struct config_key *key, const char *value)
{
	const struct config_choice *c = key->choices;

	while (c != NULL && c->word != NULL && strcmp(c->word, value) != 0)
		c++;
	if (c == NULL || c->word == NULL)
		return false;
	*number_member(config, key) = c->value;
	return true;
}

static const char *
set_number(struct config *config, const struct config_key *key, const char *value)
{
	uint64_t number;

	if (choice_set(config, key, value))
		return NULL;
	if (!number_parse(value, strlen(value), &number))
		return key->choices == NULL
			       ? "must be a number, digits only"
			       : "must be a number or the word this key takes";
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
	return choice_set(config, key, value) ? NULL
					      : "is not one of the words this key takes";
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
	if (key->choices != NULL)
		for (const struct config_choice *c = key->choices; c->word != NULL; c++)
			if (c->value == number)
				return c->word;
	(void)snprintf(buf, size, "%" PRIu64, number);
	return buf;
}
