#include "pop3d/account.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pop3d/number.h"

static bool
parse_id(const char *name, uint64_t *id)
{
	return number_parse(name, strlen(name), id) && *id < UINT32_MAX;
}

static bool
matches(const struct passwd *entry, const char *name, bool numeric, uint64_t id)
{
	return numeric ? entry->pw_uid == id : strcmp(entry->pw_name, name) == 0;
}

bool
account_user(const char *name, uid_t *uid, gid_t *gid)
{
	uint64_t id = 0;
	bool numeric = parse_id(name, &id), found = false;
	const struct passwd *entry = NULL;
	FILE *file = fopen("/etc/passwd", "re");

	while (file != NULL && !found && (entry = fgetpwent(file)) != NULL)
		found = matches(entry, name, numeric, id);
	if (!found) {
		entry = numeric ? getpwuid((uid_t)id) : getpwnam(name);
		found = entry != NULL;
	}
	if (found) {
		*uid = entry->pw_uid;
		*gid = entry->pw_gid;
	} else if (numeric) {
		*uid = (uid_t)id;
		*gid = (gid_t)id;
	}
	if (file != NULL)
		(void)fclose(file);
	return found || numeric;
}

bool
account_group(const char *name, gid_t *gid)
{
	uint64_t id = 0;
	const struct group *entry = NULL;
	FILE *file;
	bool found = false;

	if (parse_id(name, &id)) {
		*gid = (gid_t)id;
		return true;
	}
	file = fopen("/etc/group", "re");
	while (file != NULL && !found && (entry = fgetgrent(file)) != NULL)
		found = strcmp(entry->gr_name, name) == 0;
	if (!found) {
		entry = getgrnam(name);
		found = entry != NULL;
	}
	if (found)
		*gid = entry->gr_gid;
	if (file != NULL)
		(void)fclose(file);
	return found;
}
