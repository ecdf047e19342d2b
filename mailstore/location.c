#include "mailstore/location.h"

#include <string.h>

static const struct mailstore_ops *const drivers[] = {
	&mailstore_maildir,
	&mailstore_mbox,
};

/* A path in the making.  The first fault sticks. */
struct path {
	char *p;
	size_t n, cap;
	const char *error;
};

static bool
has_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c == 0x7F)
			return true;
	}
	return false;
}

static void
path_add(struct path *path, const char *p, size_t n)
{
	if (path->error != NULL)
		return;
	if (has_control(p, n))
		path->error = "control byte in a mail location";
	else if (n >= path->cap - path->n)
		path->error = "mail location is too long";
	else {
		memcpy(path->p + path->n, p, n);
		path->n += n;
		path->p[path->n] = '\0';
	}
}

/*
 * Add a part of what the client called itself.  It must be one plain component, so that
 * no name reaches another user's mail or climbs to a parent.
 */
static void
path_add_name(struct path *path, const char *p, size_t n)
{
	if (path->error != NULL)
		return;
	if (n == 0)
		path->error = "user name lacks a part that the mail location asks for";
	else if (p[0] == '.' || memchr(p, '/', n) != NULL)
		path->error = "user name cannot stand in a path";
	else
		path_add(path, p, n);
}

static void
path_add_home(struct path *path, const char *home)
{
	if (path->error != NULL)
		return;
	if (home[0] != '/')
		path->error = "mail location asks for a home directory and there is none";
	else
		path_add(path, home, strlen(home));
}

/* Add what the letter behind a '%' stands for. */
static void
path_add_letter(struct path *path, char letter, const char *user, const char *home)
{
	const size_t n = strlen(user);
	const char *at = strrchr(user, '@');

	switch (letter) {
	case '%':
		path_add(path, "%", 1);
		break;
	case 'h':
		path_add_home(path, home);
		break;
	case 'u':
		path_add_name(path, user, n);
		break;
	case 'n':
		path_add_name(path, user, at != NULL ? (size_t)(at - user) : n);
		break;
	case 'd':
		path_add_name(
			path, at != NULL ? at + 1 : "", at != NULL ? strlen(at + 1) : 0);
		break;
	default:
		path->error = "mail location has an unknown letter behind '%'";
	}
}

static void
path_expand(struct path *path, const char *template, const char *user, const char *home)
{
	const char *p = template;

	if (p[0] == '~' && p[1] == '/') {
		path_add_home(path, home);
		p++;
	}
	while (*p != '\0' && path->error == NULL) {
		const size_t plain = strcspn(p, "%");

		path_add(path, p, plain);
		p += plain;
		if (*p == '%') {
			path_add_letter(path, p[1], user, home);
			p += p[1] != '\0' ? 2 : 1;
		}
	}
	if (path->error == NULL && path->p[0] != '/')
		path->error = "mail location is not an absolute path";
}

/* The driver whose name stands before the ':'; *rest is what follows it. */
static const struct mailstore_ops *
find_driver(const char *template, const char **rest)
{
	const size_t n = strcspn(template, ":");

	if (template[n] != ':')
		return NULL;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		const char *name = drivers[i]->name;

		if (strlen(name) == n && memcmp(name, template, n) == 0) {
			*rest = template + n + 1;
			return drivers[i];
		}
	}
	return NULL;
}

bool
mail_location_expand(struct mail_location *location, const char *template,
	const char *user, const char *home, const char **error)
{
	struct path path = {.p = location->path, .cap = sizeof(location->path)};
	const char *rest;

	location->path[0] = '\0';
	location->ops = find_driver(template, &rest);
	if (location->ops == NULL) {
		*error = "mail location does not begin with maildir: or mbox:";
		return false;
	}
	/*
	 * Other servers put options there.  Taken for a part of the path they would name
	 * a maildrop that does not exist, which is one without mail.
	 */
	if (strchr(rest, ':') != NULL)
		path.error = "mail location has options behind a second ':'";
	path_expand(&path, rest, user, home);
	/* With a slash at its end a path would be followed through a symbolic link. */
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.p[--path.n] = '\0';
	*error = path.error;
	return path.error == NULL;
}

const char *
mail_location_check(const char *template)
{
	struct mail_location location = {.ops = NULL};
	const char *error;

	(void)mail_location_expand(&location, template, "user@domain", "/home", &error);
	return error;
}
