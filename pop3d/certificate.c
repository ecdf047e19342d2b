#include "pop3d/certificate.h"

#include <string.h>

#include "auth/credential.h"
#include "pop3d/certificate_map.h"

/* A text of a certificate is a user's name, or nobody's. */
static void
user_take(const char *text, char name[AUTH_USER_MAX + 1])
{
	size_t n = strlen(text);

	if (credential_is_user(text, n))
		memcpy(name, text, n + 1);
}

const char *
certificate_user(const struct tls_certificate *certificate, enum certificate_user how,
	const char *path, char name[AUTH_USER_MAX + 1])
{
	name[0] = '\0';
	if (!certificate->verified)
		return NULL;
	switch (how) {
	case CERTIFICATE_CN:
		user_take(certificate->common_name, name);
		return NULL;
	case CERTIFICATE_EMAIL:
		/* Of several, the certificate does not say which one is meant. */
		if (certificate->n_emails == 1 && !certificate->emails_left_out)
			user_take(certificate->emails[0], name);
		return NULL;
	case CERTIFICATE_MAP:
		return certificate_map_find(certificate, path, name);
	}
	return NULL;
}

/* A value of a subject; what does not fit is counted, but not kept. */
struct value {
	size_t n;
	char text[TLS_NAME_MAX + 1];
};

static void
value_add(struct value *value, char c)
{
	if (value->n < TLS_NAME_MAX)
		value->text[value->n] = c;
	value->n++;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 2253 section 2.4: '\' and two digits, or the octet itself.  NULL: neither. */
static const char *
escape_read(const char *p, struct value *value)
{
	int high = hex_digit(p[0]);

	if (p[0] == '\0')
		return NULL;
	if (high < 0) {
		value_add(value, p[0]);
		return p + 1;
	}
	if (hex_digit(p[1]) < 0)
		return NULL;
	value_add(value, (char)(high * 16 + hex_digit(p[1])));
	return p + 2;
}

/* Octets of the separator at p: of two names, or of the parts of one. */
static size_t
separator(const char *p)
{
	if (p[0] == ',' && p[1] == ' ')
		return 2;
	return p[0] == ' ' && p[1] == '+' && p[2] == ' ' ? 3 : 0;
}

/* Read a value up to its separator or the end; NULL if that is not where it ends. */
static const char *
value_read(const char *p, struct value *value)
{
	const char *ends = *p == '"' ? "\"" : ",+\"";
	bool quoted = *p == '"';

	value->n = 0;
	if (quoted)
		p++;
	while (*p != '\0' && strchr(ends, *p) == NULL && (quoted || separator(p) == 0)) {
		if (*p != '\\') {
			value_add(value, *p++);
			continue;
		}
		p = escape_read(p + 1, value);
		if (p == NULL)
			return NULL;
	}
	if (quoted && *p++ != '"')
		return NULL;
	return *p == '\0' || separator(p) > 0 ? p : NULL;
}

/*
 * Read TYPE=VALUE and the separator behind it.  A '#' without quotes begins the octets of
 * a value that is no text.  NULL: malformed.
 */
static const char *
attribute_read(const char *p, bool *is_name, struct value *value)
{
	size_t type = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				"0123456789.-");

	*is_name = type == 2 && strncmp(p, "CN", 2) == 0;
	if (type == 0 || p[type] != '=' || (*is_name && p[type + 1] == '#'))
		return NULL;
	p = value_read(p + type + 1, value);
	if (p == NULL || *p == '\0')
		return p;
	p += separator(p);
	return *p != '\0' ? p : NULL;
}

void
certificate_name_of_subject(const char *subject, char name[TLS_NAME_MAX + 1])
{
	struct value value;
	bool is_name, seen = false;
	const char *p = subject;

	name[0] = '\0';
	do {
		p = attribute_read(p, &is_name, &value);
		if (p == NULL || (is_name && (seen || value.n > TLS_NAME_MAX))) {
			name[0] = '\0';
			return;
		}
		if (!is_name)
			continue;
		seen = true;
		if (credential_is_printable(value.text, value.n)) {
			memcpy(name, value.text, value.n);
			name[value.n] = '\0';
		}
	} while (*p != '\0');
}
