/*
 * The file of unique-ids: whatever stands in it, what is taken from it can be served and
 * found again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/id_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool right)
{
	if (!right)
		abort();
}

static void
check_record(const struct id_file *file, size_t i)
{
	const struct id_record *record = &file->records[i], *found;
	const size_t n = strlen(record->id);

	check(n >= 1 && n <= MAIL_UID_MAX && record->key[0] != '\0' &&
		strlen(record->key) <= ID_FILE_KEY_MAX);
	for (size_t k = 0; k < n; k++)
		check(record->id[k] >= 0x21 && record->id[k] <= 0x7E);
	check(i == 0 || strcmp(file->records[i - 1].key, record->key) <= 0);
	found = id_file_find(file, record->key);
	while (found != NULL && found != record)
		found = id_file_next(file, found);
	check(found == record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct id_file file = {.most = 10000};
	char *text = malloc(size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	check(id_file_parse(&file, text, size));
	check(file.present);
	for (size_t i = 0; i < file.count && i < 100; i++)
		check_record(&file, i);
	id_file_free(&file);
	free(text);
	return 0;
}
