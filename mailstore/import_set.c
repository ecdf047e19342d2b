#include "mailstore/import_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/maildir_name.h"

bool
import_id_valid(const char *id, size_t n)
{
	if (n < 1 || n > MAIL_UID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (id[i] < 0x21 || id[i] > 0x7E)
			return false;
	return true;
}

size_t
import_base_length(const char *name, size_t n)
{
	const char *flags = memchr(name, ':', n);

	if (n > MAILDIR_NAME_MAX || memchr(name, '/', n) != NULL ||
		memchr(name, '\0', n) != NULL)
		return 0;
	/* As maildir_name_base() has it. */
	return flags == NULL || flags == name ? n : (size_t)(flags - name);
}

static bool
entries_grow(struct import_set *set)
{
	const size_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
	struct import_entry *entries;

	if (set->count < set->capacity)
		return true;
	if (set->count >= UINT32_MAX)
		return false;
	entries = reallocarray(set->entries, capacity, sizeof(*entries));
	if (entries == NULL)
		return false;
	set->entries = entries;
	set->capacity = capacity;
	return true;
}

static bool
ids_grow(struct import_set *set)
{
	const size_t capacity = set->ids_capacity == 0 ? 4096 : set->ids_capacity * 2;
	char *ids;

	if (set->ids_capacity - set->ids_length > MAIL_UID_MAX)
		return true;
	ids = realloc(set->ids, capacity);
	if (ids == NULL)
		return false;
	set->ids = ids;
	set->ids_capacity = capacity;
	return true;
}

bool
import_set_add(struct import_set *set, const char *name, size_t n, const char *id,
	size_t id_length)
{
	const size_t base = import_base_length(name, n);

	if (base == 0 || !import_id_valid(id, id_length))
		return true;
	if (!entries_grow(set) || !ids_grow(set))
		return false;
	set->entries[set->count] = (struct import_entry){.key = name,
		.key_length = (uint32_t)base,
		.id = set->ids_length,
		.serial = (uint32_t)set->count};
	set->count++;
	memcpy(set->ids + set->ids_length, id, id_length);
	set->ids[set->ids_length + id_length] = '\0';
	set->ids_length += id_length + 1;
	return true;
}

static int
compare_serials(const struct import_entry *a, const struct import_entry *b)
{
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}

static bool
same_key(const struct import_entry *a, const struct import_entry *b)
{
	return a->key_length == b->key_length &&
	       memcmp(a->key, b->key, a->key_length) == 0;
}

static int
by_key(const void *left, const void *right, void *ids)
{
	const struct import_entry *a = left, *b = right;
	int order;

	(void)ids;
	if (a->key_length != b->key_length)
		return a->key_length < b->key_length ? -1 : 1;
	order = memcmp(a->key, b->key, a->key_length);
	return order != 0 ? order : compare_serials(a, b);
}

static int
by_id(const void *left, const void *right, void *ids)
{
	const struct import_entry *a = left, *b = right;
	const char *all = ids;
	const int order = strcmp(all + a->id, all + b->id);

	return order != 0 ? order : compare_serials(a, b);
}

static int
by_serial(const void *left, const void *right, void *ids)
{
	(void)ids;
	return compare_serials(left, right);
}

static void
sort(struct import_set *set, int (*compare)(const void *, const void *, void *))
{
	qsort_r(set->entries, set->count, sizeof(*set->entries), compare, set->ids);
}

/* Of a name given twice the last one counts. */
static void
drop_old_keys(struct import_set *set)
{
	size_t kept = 0;

	sort(set, by_key);
	for (size_t i = 0; i < set->count; i++)
		if (i + 1 == set->count ||
			!same_key(&set->entries[i], &set->entries[i + 1]))
			set->entries[kept++] = set->entries[i];
	set->count = kept;
}

static void
drop_same_ids(struct import_set *set)
{
	size_t kept = 1;

	sort(set, by_id);
	for (size_t i = 1; i < set->count; i++)
		if (strcmp(set->ids + set->entries[kept - 1].id,
			    set->ids + set->entries[i].id) != 0)
			set->entries[kept++] = set->entries[i];
	set->count = kept;
}

static bool
report(const struct import_set *set, import_found *found, void *cookie)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct import_entry *entry = &set->entries[i];
		char key[MAILDIR_NAME_MAX + 1];

		memcpy(key, entry->key, entry->key_length);
		key[entry->key_length] = '\0';
		if (!found(cookie, key, set->ids + entry->id))
			return false;
	}
	return true;
}

enum import_result
import_set_report(struct import_set *set, import_found *found, void *cookie)
{
	bool done;

	if (set->count > 1) {
		drop_old_keys(set);
		drop_same_ids(set);
		sort(set, by_serial);
	}
	done = report(set, found, cookie);
	import_set_free(set);
	if (done)
		return IMPORT_OK;
	errno = ENOMEM;
	return IMPORT_ERROR;
}

void
import_set_free(struct import_set *set)
{
	free(set->entries);
	free(set->ids);
	*set = (struct import_set){0};
}
