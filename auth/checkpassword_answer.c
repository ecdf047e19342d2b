#include "auth/checkpassword_answer.h"

#include <string.h>

#include "auth/mail_words.h"

enum value { USER, HOME, MAIL, MAILDIR, LOGIN_DELAY, EXPIRE };

/* A string in the making; size counts its NUL. */
struct field {
	char *p;
	size_t n, size;
};

static bool
field_add(struct field *field, const char *text, size_t n)
{
	if (n >= field->size - field->n)
		return false;
	memcpy(field->p + field->n, text, n);
	field->n += n;
	field->p[field->n] = '\0';
	return true;
}

static bool
values_split(const char *answer, size_t n, const char *values[CHECKPASSWORD_ANSWER_COUNT])
{
	const char *end = answer + n;

	for (size_t i = 0; i < CHECKPASSWORD_ANSWER_COUNT; i++) {
		const char *nul = memchr(answer, '\0', (size_t)(end - answer));

		if (nul == NULL)
			return false;
		values[i] = answer;
		answer = nul + 1;
	}
	return answer == end;
}

static bool
is_location(const char *text)
{
	return strncmp(text, "maildir:", 8) == 0 || strncmp(text, "mbox:", 5) == 0;
}

/* A path says itself in a location, where a '%' would begin a substitution. */
static bool
maildir_add(struct field *mail, const char *path)
{
	const char *start = "maildir:";
	size_t n;

	while (path[0] == '.' && path[1] == '/')
		path += 2 + strspn(path + 2, "/");
	if (path[0] != '/')
		start = "maildir:~/";
	if (!field_add(mail, start, strlen(start)))
		return false;
	for (n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		;
	for (size_t i = 0; i < n; i++)
		if (!field_add(mail, path[i] == '%' ? "%%" : path + i,
			    path[i] == '%' ? 2 : 1))
			return false;
	return true;
}

static bool
mail_fill(struct auth_identity *identity, const char *mail, const char *maildir)
{
	struct field field = {identity->mail, 0, sizeof(identity->mail)};

	if (is_location(mail))
		return field_add(&field, mail, strlen(mail));
	return maildir[0] == '\0' || maildir_add(&field, maildir);
}

static bool
is_empty(const char *text)
{
	return text[0] == '\0';
}

static struct auth_span
span_of(const char *text)
{
	return (struct auth_span){(const unsigned char *)text, strlen(text)};
}

const char *
checkpassword_answer_parse(const char *answer, size_t n, struct auth_identity *identity)
{
	const char *values[CHECKPASSWORD_ANSWER_COUNT];
	struct field user = {identity->user, 0, sizeof(identity->user)};
	struct field home = {identity->home, 0, sizeof(identity->home)};

	if (!values_split(answer, n, values))
		return "the subprogram's answer is malformed";
	if (!field_add(&user, values[USER], strlen(values[USER])))
		return "USER is too long";
	if (values[HOME][0] != '\0' && values[HOME][0] != '/')
		return "HOME is not an absolute path";
	if (!field_add(&home, values[HOME], strlen(values[HOME])))
		return "HOME is too long";
	if (!mail_fill(identity, values[MAIL], values[MAILDIR]))
		return "MAIL or MAILDIR is too long";
	if (!is_empty(values[LOGIN_DELAY]) &&
		!mail_words_number(span_of(values[LOGIN_DELAY]), &identity->login_delay))
		return "userdb_login_delay is not a number of seconds";
	if (!is_empty(values[EXPIRE]) &&
		!mail_words_expire(span_of(values[EXPIRE]), &identity->expire))
		return "userdb_expire is neither a number of days nor \"never\"";
	return NULL;
}
