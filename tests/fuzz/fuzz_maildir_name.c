/*
 * Names of files in a Maildir, as anybody who delivers mail may choose them.  The input
 * is some names, each ended by a NUL; whatever they are, the list built of them is in
 * order without duplicates, and every message gets a valid unique-id of its own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/maildir_list.h"
#include "mailstore/maildir_name.h"
#include "mailstore/unique_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_name(const char *name)
{
	char to[MAILDIR_NAME_MAX + 1];
	const size_t n = strlen(name), base = maildir_name_base(name);

	require(base > 0 && base <= n);
	require(base == n || name[base] == ':');
	require(maildir_name_compare(name, base, name, base) == 0);
	require(maildir_name_time(name, base) >= 0);
	if (!maildir_name_for_cur(name, to)) {
		require(n > MAILDIR_NAME_MAX - 3);
		return;
	}
	require(strlen(to) <= MAILDIR_NAME_MAX);
	require(memcmp(name, to, n) == 0);
	/* A message keeps its unique-id when it is moved. */
	require(maildir_name_base(to) == base);
}

static void
check_id(const char *id)
{
	const size_t n = strlen(id);

	require(n >= 1 && n <= MAIL_UID_MAX);
	for (size_t i = 0; i < n; i++)
		require(id[i] >= 0x21 && id[i] <= 0x7E);
}

static void
check_order(const struct maildir_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_entry *a = &list->entries[i];

		require(maildir_list_find(list, a->name) == a);
		for (size_t j = i + 1; j < list->count && j < i + 8; j++) {
			const struct maildir_entry *b = &list->entries[j];

			require(maildir_name_compare(a->name, a->base, b->name, b->base) <
				0);
			require(maildir_name_compare(b->name, b->base, a->name, a->base) >
				0);
			require(maildir_name_time(a->name, a->base) <=
				maildir_name_time(b->name, b->base));
		}
	}
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
check_ids(const struct maildir_list *list)
{
	char(*ids)[MAIL_UID_MAX + 1] = calloc(list->count + 1, sizeof(*ids));

	require(ids != NULL);
	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_entry *entry = &list->entries[i];

		/* Cut short, names clash more often than their hashes ever would. */
		unique_id_from_name(
			entry->name, entry->base > 4 ? 4 : entry->base, ids[i]);
		check_id(ids[i]);
	}
	require(unique_id_distinguish(ids, list->count, NULL));
	qsort(ids, list->count, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < list->count; i++) {
		check_id(ids[i]);
		require(i == 0 || strcmp(ids[i - 1], ids[i]) != 0);
	}
	free(ids);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildir_list list = {0};
	char *text = malloc(size + 1);

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < size; i += strlen(text + i) + 1) {
		const char *name = text + i;

		if (*name == '\0' || strlen(name) > MAILDIR_NAME_MAX + 1)
			continue;
		check_name(name);
		if (strlen(name) > MAILDIR_NAME_MAX)
			continue;
		require(maildir_list_add(&list, name, i % 2 ? MAILDIR_CUR : MAILDIR_NEW));
	}
	require(maildir_list_sort(&list));
	check_order(&list);
	check_ids(&list);
	maildir_list_free(&list);
	free(text);
	return 0;
}
