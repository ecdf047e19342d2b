#include "pop3d/certificate_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credential.h"

#define BLANKS " \t\r"

enum line { LINE_ERROR = 0, LINE_END, LINE_TAKEN, LINE_WRONG };

/* The next line without its LF.  A NUL would hide what stands behind it. */
static enum line
line_read(FILE *file, char line[CERTIFICATE_MAP_LINE + 1])
{
	size_t n = 0;
	int c;

	while ((c = getc(file)) != EOF && c != '\n') {
		if (n == CERTIFICATE_MAP_LINE || c == '\0')
			return LINE_WRONG;
		line[n++] = (char)c;
	}
	line[n] = '\0';
	if (c != EOF || (n > 0 && !ferror(file)))
		return LINE_TAKEN;
	return ferror(file) ? LINE_ERROR : LINE_END;
}

/* Cut blanks off the end. */
static void
trim(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && strchr(BLANKS, text[n - 1]) != NULL)
		text[--n] = '\0';
}

/* Cut the last word of a trimmed line off its end; NULL if nothing stands before it. */
static char *
last_word_cut(char *line)
{
	char *end = line + strlen(line);

	while (end > line && strchr(BLANKS, end[-1]) == NULL)
		end--;
	if (end == line)
		return NULL;
	end[-1] = '\0';
	trim(line);
	return end;
}

/* Write a fingerprint as tls_certificate has it; false if it is none. */
static bool
fingerprint_parse(const char *text, char fingerprint[65])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ':')
			continue;
		if (n == 64 || strchr("0123456789abcdefABCDEF", *text) == NULL)
			return false;
		fingerprint[n++] =
			(char)(*text >= 'A' && *text <= 'F' ? *text + 32 : *text);
	}
	fingerprint[n] = '\0';
	return n == 64;
}

/* RFC 5321 section 2.4: only its host knows what a local part means. */
static bool
email_equals(const char *a, const char *b)
{
	const char *at = strrchr(a, '@');
	size_t local = at != NULL ? (size_t)(at - a) : strlen(a);

	return strncmp(a, b, local) == 0 && strcasecmp(a + local, b + local) == 0;
}

static bool
email_is_of(const struct tls_certificate *certificate, const char *email)
{
	for (size_t i = 0; i < certificate->n_emails && i < TLS_EMAILS_MAX; i++)
		if (email_equals(certificate->emails[i], email))
			return true;
	return false;
}

/*
 * Whether what stands before the user is of this certificate.  An empty value would be
 * that of every certificate without such a field.
 */
static const char *
key_check(const struct tls_certificate *certificate, char *key, bool *fits)
{
	char fingerprint[65];
	char *value = strchr(key, ':');

	if (value == NULL || value[1] == '\0')
		return "a line is not KIND:VALUE USER";
	*value++ = '\0';
	if (strcmp(key, "sha256") == 0) {
		if (!fingerprint_parse(value, fingerprint))
			return "a line has a malformed SHA-256";
		*fits = strcmp(certificate->fingerprint, fingerprint) == 0;
	} else if (strcmp(key, "email") == 0) {
		*fits = email_is_of(certificate, value);
	} else if (strcmp(key, "cn") == 0) {
		*fits = strcmp(certificate->common_name, value) == 0;
	} else if (strcmp(key, "subject") == 0) {
		*fits = strcmp(certificate->subject, value) == 0;
	} else {
		return "a line has an unknown KIND";
	}
	return NULL;
}

/* Take the user of a line into name if it fits, and no line before it did. */
static const char *
line_take(const struct tls_certificate *certificate, char *line, char *name)
{
	const char *fault;
	char *user;
	bool fits = false;

	trim(line);
	if (line[0] == '\0' || line[0] == '#')
		return NULL;
	user = last_word_cut(line);
	if (user == NULL)
		return "a line is not KIND:VALUE USER";
	if (!credential_is_user(user, strlen(user)))
		return "a line has no user's name at its end";
	fault = key_check(certificate, line, &fits);
	if (fault == NULL && fits && name[0] == '\0')
		memcpy(name, user, strlen(user) + 1);
	return fault;
}

static const char *
file_take(const struct tls_certificate *certificate, FILE *file, char *name)
{
	char line[CERTIFICATE_MAP_LINE + 1];
	const char *fault = NULL;

	while (fault == NULL) {
		switch (line_read(file, line)) {
		case LINE_TAKEN:
			fault = line_take(certificate, line, name);
			break;
		case LINE_END:
			return NULL;
		case LINE_WRONG:
			return "a line is too long or has a NUL byte";
		case LINE_ERROR:
			return "cannot be read";
		}
	}
	return fault;
}

/* Who can write to the file can be anybody. */
static const char *
file_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return "cannot be looked at";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "must be owned by root";
	return (st.st_mode & 022) != 0 ? "must be writable by its owner alone" : NULL;
}

const char *
certificate_map_find(const struct tls_certificate *certificate, const char *path,
	char name[AUTH_USER_MAX + 1])
{
	/* Not to wait for whoever is at the other end of a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *fault;
	FILE *file = NULL;

	name[0] = '\0';
	if (fd < 0)
		return "cannot be opened";
	fault = file_check(fd);
	if (fault == NULL) {
		file = fdopen(fd, "r");
		fault = file != NULL ? file_take(certificate, file, name)
				     : "cannot be read";
	}
	if (fault != NULL)
		name[0] = '\0';
	if (file != NULL)
		(void)fclose(file);
	else
		(void)close(fd);
	return fault;
}
