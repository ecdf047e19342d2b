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

/* Chunks never move, so that entries can point into them. */
const char *
maildir_list_keep(struct maildir_list *list, const char *text)
{
	const size_t size = strlen(text) + 1;
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
	memcpy(copy, text, size);
	list->chunk_used += size;
	return copy;
}

/* Make room for one more. */
static bool
grow(struct maildir_list *list)
{
	const size_t cap = list->cap + list->cap / 2 + 64;
	struct maildir_entry *grown;

	if (list->count < list->cap)
		return true;
	if (list->count >= UINT32_MAX)
		return false;
	grown = reallocarray(list->entries, cap, sizeof(*list->entries));
	if (grown == NULL)
		return false;
	list->entries = grown;
	list->cap = cap;
	return true;
}

bool
maildir_list_add(struct maildir_list *list, const char *name, enum maildir_sub sub)
{
	const char *copy = maildir_list_keep(list, name);
	struct maildir_entry *entry;

	if (copy == NULL || !grow(list))
		return false;
	entry = &list->entries[list->count];
	*entry = (struct maildir_entry){
		.name = copy,
		.serial = (uint32_t)list->count,
		.base = (uint8_t)maildir_name_base(name),
		.sub = (uint8_t)sub,
		.flags = MAILDIR_SEEN,
	};
	list->count++;
	return true;
}

bool
maildir_list_adopt(struct maildir_list *list, const struct maildir_entry *entry)
{
	const struct maildir_entry *last;

	if (list->count > 0) {
		last = &list->entries[list->count - 1];
		if (maildir_name_compare(
			    last->name, last->base, entry->name, entry->base) >= 0)
			return false;
	}
	if (!grow(list))
		return false;
	list->entries[list->count] = *entry;
	list->entries[list->count].serial = (uint32_t)list->count;
	list->count++;
	list->sorted = list->count;
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

bool
maildir_list_add_twin(struct maildir_list *list, const struct maildir_entry *entry)
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
maildir_list_mark_rival(struct maildir_list *list, size_t i, dev_t dev, ino_t ino)
{
	struct maildir_entry *entry = &list->entries[i];
	struct maildir_rival *grown;

	if ((entry->flags & MAILDIR_RIVAL) != 0)
		return true;
	grown = reallocarray(list->rivals, list->rival_count + 1, sizeof(*grown));
	if (grown == NULL)
		return false;
	list->rivals = grown;
	entry->flags |= MAILDIR_RIVAL;
	entry->serial = (uint32_t)list->rival_count;
	grown[list->rival_count++] = (struct maildir_rival){.dev = dev, .ino = ino};
	return true;
}

static bool
same_base(const struct maildir_entry *a, const struct maildir_entry *b)
{
	return a->base == b->base && memcmp(a->name, b->name, a->base) == 0;
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

		if (last != NULL && (entry->flags & MAILDIR_RIVAL) == 0 &&
			same_base(last, entry)) {
			if (!maildir_list_add_twin(list, entry))
				return false;
			continue;
		}
		list->entries[kept++] = *entry;
	}
	for (size_t i = 0; i < kept; i++)
		if ((list->entries[i].flags & MAILDIR_RIVAL) == 0)
			list->entries[i].serial = (uint32_t)i;
	list->count = kept;
	list->sorted = kept;
	return true;
}

static int
compare_base(const struct maildir_entry *entry, const char *name, size_t base)
{
	return maildir_name_compare(entry->name, entry->base, name, base);
}

struct maildir_entry *
maildir_list_find(const struct maildir_list *list, const char *name)
{
	const size_t base = maildir_name_base(name);
	size_t low = 0, high = list->sorted;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (compare_base(&list->entries[middle], name, base) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == list->sorted || compare_base(&list->entries[low], name, base) != 0)
		return NULL;
	return &list->entries[low];
}

struct maildir_entry *
maildir_list_next(const struct maildir_list *list, const struct maildir_entry *entry)
{
	const size_t i = (size_t)(entry - list->entries) + 1;

	return i < list->sorted && same_base(entry, &list->entries[i]) ? &list->entries[i]
								       : NULL;
}

bool
maildir_list_rename(struct maildir_list *list, struct maildir_entry *entry,
	const char *name, enum maildir_sub sub)
{
	if (strcmp(entry->name, name) != 0) {
		const char *copy = maildir_list_keep(list, name);

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
	free(list->rivals);
	*list = (struct maildir_list){.entries = NULL};
}
