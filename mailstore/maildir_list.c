#include "mailstore/maildir_list.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/maildir_name.h"

#define CHUNK_SIZE 16384u
#define NAME_LIMIT 4096u /* beyond any file system, far below a chunk */

struct maildir_chunk {
	struct maildir_chunk *next;
	char bytes[CHUNK_SIZE];
};

/* Keep a copy of a name.  Chunks never move, so that entries can point into them. */
static const char *
keep_name(struct maildir_list *list, const char *name)
{
	const size_t size = strlen(name) + 1;
	char *copy;

	if (size == 1 || size > NAME_LIMIT)
		return NULL;
	if (list->chunks == NULL || size > CHUNK_SIZE - list->chunk_used) {
		struct maildir_chunk *chunk = malloc(sizeof(*chunk));

		if (chunk == NULL)
			return NULL;
		chunk->next = list->chunks;
		list->chunks = chunk;
		list->chunk_used = 0;
	}
	copy = list->chunks->bytes + list->chunk_used;
	memcpy(copy, name, size);
	list->chunk_used += size;
	return copy;
}

bool
maildir_list_add(struct maildir_list *list, const char *name, enum maildir_sub sub)
{
	struct maildir_entry *entry;
	const char *copy;

	if (list->count == list->cap) {
		const size_t cap = list->cap + list->cap / 2 + 64;
		struct maildir_entry *grown =
			reallocarray(list->entries, cap, sizeof(*list->entries));

		if (grown == NULL)
			return false;
		list->entries = grown;
		list->cap = cap;
	}
	copy = keep_name(list, name);
	if (copy == NULL || list->count >= UINT32_MAX)
		return false;
	entry = &list->entries[list->count];
	*entry = (struct maildir_entry){
		.name = copy,
		.serial = (uint32_t)list->count,
		.base = (uint16_t)maildir_name_base(name),
		.sub = (uint8_t)sub,
		.flags = MAILDIR_SEEN,
	};
	list->count++;
	return true;
}

/* In the order of delivery; of one base name, the last added first. */
static int
compare_entries(const void *a, const void *b)
{
	const struct maildir_entry *x = a, *y = b;
	const int order = maildir_name_compare(x->name, x->base, y->name, y->base);

	if (order != 0)
		return order;
	return x->serial > y->serial ? -1 : x->serial < y->serial;
}

/* Remember a name that gave way to another one with the same base. */
static bool
keep_twin(struct maildir_list *list, const struct maildir_entry *entry)
{
	struct maildir_entry *grown =
		reallocarray(list->twins, list->twin_count + 1, sizeof(*list->twins));

	if (grown == NULL)
		return false;
	list->twins = grown;
	list->twins[list->twin_count++] = *entry;
	return true;
}

bool
maildir_list_sort(struct maildir_list *list)
{
	size_t kept = 0;

	if (list->count > 1)
		qsort(list->entries, list->count, sizeof(*list->entries),
			compare_entries);
	for (size_t i = 0; i < list->count; i++) {
		struct maildir_entry *entry = &list->entries[i];
		const struct maildir_entry *last =
			kept > 0 ? &list->entries[kept - 1] : NULL;

		if (last != NULL && last->base == entry->base &&
			memcmp(last->name, entry->name, entry->base) == 0) {
			if (!keep_twin(list, entry))
				return false;
			continue;
		}
		list->entries[kept++] = *entry;
	}
	for (size_t i = 0; i < kept; i++)
		list->entries[i].serial = (uint32_t)i;
	list->count = kept;
	list->sorted = kept;
	return true;
}

struct maildir_entry *
maildir_list_find(const struct maildir_list *list, const char *name)
{
	const size_t base = maildir_name_base(name);
	size_t low = 0, high = list->sorted;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		struct maildir_entry *entry = &list->entries[middle];
		const int order =
			maildir_name_compare(entry->name, entry->base, name, base);

		if (order == 0)
			return entry;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool
maildir_list_rename(struct maildir_list *list, struct maildir_entry *entry,
	const char *name, enum maildir_sub sub)
{
	if (strcmp(entry->name, name) != 0) {
		const char *copy = keep_name(list, name);

		if (copy == NULL)
			return false;
		entry->name = copy;
	}
	entry->sub = (uint8_t)sub;
	return true;
}

void
maildir_list_free(struct maildir_list *list)
{
	while (list->chunks != NULL) {
		struct maildir_chunk *next = list->chunks->next;

		free(list->chunks);
		list->chunks = next;
	}
	free(list->entries);
	free(list->twins);
	*list = (struct maildir_list){.entries = NULL};
}
