#include "auth/policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_MAX ((size_t)4 << 20) /* octets of a list, files included */
#define SPACES " \t\r\n"

const char *const auth_policy_keys[] = {"mechanisms", "domains", "allow", "deny", NULL};

static const char *
add_word(struct auth_words *words, const char *word, size_t n)
{
	char *grown;

	if (n + 1 > WORDS_MAX - words->n)
		return "has too many names";
	if (n + 1 > words->cap - words->n) {
		/* Doubling: a file may hold hundreds of thousands. */
		words->cap = 2 * (words->n + n + 1);
		grown = realloc(words->text, words->cap);
		if (grown == NULL)
			return "needs more memory than there is";
		words->text = grown;
	}
	memcpy(words->text + words->n, word, n);
	words->text[words->n + n] = '\0';
	words->n += n + 1;
	return NULL;
}

/* Who can write the file decides who logs in; and a FIFO must not hold logins up. */
static FILE *
open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	FILE *file = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & 022) == 0)
		file = fdopen(fd, "r");
	if (fd >= 0 && file == NULL)
		(void)close(fd);
	return file;
}

static const char *
add_file(struct auth_words *words, const char *path, size_t n)
{
	char *name = strndup(path, n), *line = NULL;
	FILE *file = name != NULL ? open_file(name) : NULL;
	const char *wrong = file == NULL ? "names a file that cannot be opened, or that "
					   "others could change"
					 : NULL;
	size_t size = 0;

	while (wrong == NULL && getline(&line, &size, file) > 0) {
		const char *word = line + strspn(line, SPACES);
		size_t length = strcspn(word, SPACES "#");

		if (length > 0)
			wrong = add_word(words, word, length);
	}
	if (wrong == NULL && ferror(file))
		wrong = "names a file that cannot be read";
	if (file != NULL)
		(void)fclose(file);
	free(line);
	free(name);
	return wrong;
}

static const char *
load_words(struct auth_words *words, const char *text)
{
	const char *wrong = NULL;

	if (text == NULL)
		return NULL;
	/* A list that is set but empty is still a list: it holds nobody. */
	words->cap = 1;
	words->text = calloc(words->cap, 1);
	if (words->text == NULL)
		return "needs more memory than there is";
	for (text += strspn(text, SPACES); *text != '\0' && wrong == NULL;
		text += strspn(text, SPACES)) {
		size_t n = strcspn(text, SPACES);

		wrong = text[0] == '/' ? add_file(words, text, n)
				       : add_word(words, text, n);
		text += n;
	}
	return wrong;
}

bool
auth_policy_load(struct auth_policy *policy,
	const char *(*value)(void *cookie, const char *key), void *cookie,
	const char **at, const char **wrong)
{
	struct auth_words *const lists[] = {
		&policy->mechanisms, &policy->domains, &policy->allow, &policy->deny};

	memset(policy, 0, sizeof(*policy));
	*wrong = NULL;
	for (size_t i = 0; auth_policy_keys[i] != NULL && *wrong == NULL; i++) {
		*at = auth_policy_keys[i];
		*wrong = load_words(lists[i], value(cookie, *at));
	}
	return *wrong == NULL;
}

static bool
has_word(const struct auth_words *words, const char *word, bool any_case)
{
	for (size_t at = 0; at < words->n; at += strlen(words->text + at) + 1)
		if (any_case ? strcasecmp(words->text + at, word) == 0
			     : strcmp(words->text + at, word) == 0)
			return true;
	return false;
}

/* A user is in a list by name or as one of a domain, "@example.org". */
static bool
has_user(const struct auth_words *words, const char *user)
{
	const char *domain = strrchr(user, '@');

	return has_word(words, user, false) ||
	       (domain != NULL && has_word(words, domain, true));
}

static bool
has_domain(const struct auth_words *words, const char *user)
{
	const char *at = strrchr(user, '@');

	return has_word(words, at != NULL ? at + 1 : "-", true);
}

enum auth_result
auth_policy_judge(
	const struct auth_policy *policy, const char *mechanism, const char *user)
{
	if (mechanism[0] != '\0' && policy->mechanisms.text != NULL &&
		!has_word(&policy->mechanisms, mechanism, true))
		return AUTH_UNKNOWN;
	if (user[0] == '\0')
		return AUTH_OK;
	if (policy->domains.text != NULL && !has_domain(&policy->domains, user))
		return AUTH_UNKNOWN;
	if (has_user(&policy->deny, user))
		return AUTH_DENY;
	if (policy->allow.text != NULL && !has_user(&policy->allow, user))
		return AUTH_UNKNOWN;
	return AUTH_OK;
}

void
auth_policy_free(struct auth_policy *policy)
{
	free(policy->mechanisms.text);
	free(policy->domains.text);
	free(policy->allow.text);
	free(policy->deny.text);
	memset(policy, 0, sizeof(*policy));
}
