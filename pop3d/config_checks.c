/*
 * What texts in the configuration may be.
 */
#include "pop3d/config_checks.h"

#include <stdio.h>
#include <string.h>

#include "auth/mechanism.h"
#include "pop3d/half_open.h"
#include "pop3d/trust.h"

const char *
config_check_absolute(const char *value)
{
	return value[0] == '/' ? NULL : "must be an absolute path";
}

const char *
config_check_path(const char *value)
{
	return value[0] == '\0' ? NULL : config_check_absolute(value);
}

/* Absolute paths, separated by single spaces; or nothing. */
const char *
config_check_paths(const char *value)
{
	for (const char *p = value; *p != '\0'; p += strcspn(p, " "), p += *p == ' ')
		if (*p != '/')
			return "must be absolute paths, separated by single spaces";
	return NULL;
}

const char *
config_check_networks(const char *value)
{
	return trust_check(value) ? NULL
				  : "must be addresses or networks, separated by spaces";
}

const char *
config_check_log(const char *value)
{
	if (strcmp(value, "syslog") == 0 || strcmp(value, "stderr") == 0)
		return NULL;
	return strncmp(value, "file:/", 6) == 0
		       ? NULL
		       : "must be syslog, stderr or file: and an absolute path";
}

/* The name stands in the greeting, where '<' or a leading '[' would have a meaning. */
const char *
config_check_hostname(const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n = strlen(value);

	if (n == 0 || n > 255 || strspn(value, letters) != n || value[0] == '-')
		return "must be a host name";
	return NULL;
}

const char *
config_check_filled(const char *value)
{
	return value[0] != '\0' ? NULL : "must not be empty";
}

const char *
config_check_locks(const char *value)
{
	if (strcmp(value, "fcntl") == 0 || strcmp(value, "dotlock") == 0 ||
		strcmp(value, "fcntl dotlock") == 0 ||
		strcmp(value, "dotlock fcntl") == 0)
		return NULL;
	return "must be fcntl, dotlock or both in the order they are taken";
}

const char *
config_check_half_open(const char *value)
{
	struct half_open ignored;

	return half_open_parse(value, &ignored)
		       ? NULL
		       : "must be none, or START:RATE:FULL with a rate of 1 to 100";
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

const char *
config_check_scope(const char *value)
{
	return is_plain(value) ? NULL : "must be a scope of OAuth 2.0";
}

const char *
config_check_discovery(const char *value)
{
	if (value[0] == '\0')
		return NULL;
	return strncmp(value, "https://", 8) == 0 && is_plain(value) &&
			       strchr(value, ' ') == NULL
		       ? NULL
		       : "must be a URL that begins with https://";
}

const char *
config_check_mechanisms(const char *value)
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
