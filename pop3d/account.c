#include "pop3d/account.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/number.h"

static bool
parse_id(const char *name, uint64_t *id)
{
	return number_parse(name, strlen(name), id) && *id < UINT32_MAX;
}

/* Cut the first field off a line, and return what is behind it; "" if nothing is. */
static char *
cut_field(char *line)
{
	char *end = line + strcspn(line, ":\n");
	char *rest = *end == ':' ? end + 1 : end + strlen(end);

	*end = '\0';
	return rest;
}

/* The first `wanted` numbers behind the password; false if the entry is malformed. */
static bool
read_numbers(char *password, int wanted, uint64_t numbers[ACCOUNT_NUMBERS])
{
	char *field = cut_field(password);

	for (int i = 0; i < wanted; i++) {
		char *rest = cut_field(field);

		if (!parse_id(field, &numbers[i]))
			return false;
		field = rest;
	}
	return true;
}

bool
account_find(const char *path, const char *name, const uint64_t *number, int wanted,
	uint64_t numbers[ACCOUNT_NUMBERS])
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	bool found = false;
	size_t size = 0;

	while (file != NULL && !found && getline(&line, &size, file) > 0) {
		bool comment = line[strspn(line, " \t")] == '#';
		char *rest = cut_field(line);

		if (comment || (number == NULL && strcmp(line, name) != 0))
			continue;
		found = read_numbers(rest, wanted, numbers) &&
			(number == NULL || numbers[0] == *number);
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return found;
}

bool
account_user(const char *name, uid_t *uid, gid_t *gid)
{
	uint64_t id = 0, numbers[ACCOUNT_NUMBERS] = {0};
	bool numeric = parse_id(name, &id);
	const struct passwd *entry;

	if (!account_find("/etc/passwd", name, numeric ? &id : NULL, 2, numbers)) {
		entry = numeric ? getpwuid((uid_t)id) : getpwnam(name);
		if (entry == NULL && !numeric)
			return false;
		numbers[0] = entry != NULL ? entry->pw_uid : id;
		numbers[1] = entry != NULL ? entry->pw_gid : id;
	}
	*uid = (uid_t)numbers[0];
	*gid = (gid_t)numbers[1];
	return true;
}

bool
account_group(const char *name, gid_t *gid)
{
	uint64_t numbers[ACCOUNT_NUMBERS] = {0};
	const struct group *entry;

	if (!parse_id(name, &numbers[0]) &&
		!account_find("/etc/group", name, NULL, 1, numbers)) {
		entry = getgrnam(name);
		if (entry == NULL)
			return false;
		numbers[0] = entry->gr_gid;
	}
	*gid = (gid_t)numbers[0];
	return true;
}
