#include "mailstore/id_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/unique_id.h"

#define CHUNK_SIZE 65536u

static const char first_line[] = "pop3d-uidl 1";

struct id_chunk {
	struct id_chunk *next;
	char bytes[CHUNK_SIZE];
};

static const char *
keep_text(struct id_file *file, const char *text, size_t n)
{
	char *copy;

	if (file->chunks == NULL || n + 1 > CHUNK_SIZE - file->chunk_used) {
		struct id_chunk *chunk = malloc(sizeof(*chunk));

		if (chunk == NULL)
			return NULL;
		chunk->next = file->chunks;
		file->chunks = chunk;
		file->chunk_used = 0;
	}
	copy = file->chunks->bytes + file->chunk_used;
	memcpy(copy, text, n);
	copy[n] = '\0';
	file->chunk_used += n + 1;
	return copy;
}

bool
id_file_add(struct id_file *file, const char *key, const char *id)
{
	const size_t key_n = strlen(key), id_n = strlen(id);
	struct id_record *record;

	if (key_n > ID_FILE_KEY_MAX || id_n > MAIL_UID_MAX)
		return true;
	if (file->count == file->cap) {
		const size_t cap = file->cap + file->cap / 2 + 64;
		struct id_record *grown =
			reallocarray(file->records, cap, sizeof(*file->records));

		if (grown == NULL)
			return false;
		file->records = grown;
		file->cap = cap;
	}
	record = &file->records[file->count];
	record->key = keep_text(file, key, key_n);
	record->id = keep_text(file, id, id_n);
	record->serial = file->count;
	if (record->key == NULL || record->id == NULL)
		return false;
	file->count++;
	return true;
}

bool
id_file_replace(struct id_file *file, const char *key, const char *id)
{
	const struct id_record *found = id_file_find(file, key);
	const char *copy = keep_text(file, id, strlen(id));

	if (found == NULL || copy == NULL)
		return false;
	file->records[found - file->records].id = copy;
	return true;
}

static int
compare_records(const void *a, const void *b)
{
	const struct id_record *x = a, *y = b;
	const int order = strcmp(x->key, y->key);

	if (order != 0)
		return order;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

void
id_file_sort(struct id_file *file)
{
	if (file->count > 1)
		qsort(file->records, file->count, sizeof(*file->records),
			compare_records);
}

bool
id_file_merge(struct id_file *file, struct id_file *more)
{
	const size_t before = file->count;
	bool good = true;

	id_file_sort(file);
	id_file_sort(more);
	for (size_t i = 0; i < more->count && good; i++) {
		const struct id_record *record = &more->records[i];
		const struct id_file sorted = {.records = file->records, .count = before};

		if (id_file_find(&sorted, record->key) == NULL)
			good = id_file_add(file, record->key, record->id);
	}
	id_file_sort(file);
	return good;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* False for what no key of ours looks like. */
static bool
key_decode(const char *text, size_t n, char key[ID_FILE_KEY_MAX + 1])
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		int value = (unsigned char)text[i];

		if (value == '%') {
			const int high = i + 2 < n ? hex_value(text[i + 1]) : -1;
			const int low = i + 2 < n ? hex_value(text[i + 2]) : -1;

			value = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		} else if (value < 0x21 || value > 0x7E)
			return false;
		if (value == 0 || k == ID_FILE_KEY_MAX)
			return false;
		key[k++] = (char)value;
	}
	key[k] = '\0';
	return k > 0;
}

/* A line without its end.  False: out of memory. */
static bool
parse_line(struct id_file *file, const char *line, size_t n)
{
	char key[ID_FILE_KEY_MAX + 1], id[MAIL_UID_MAX + 1];
	const char *space = memchr(line, ' ', n);
	const size_t key_n = space == NULL ? n : (size_t)(space - line);

	if (file->count == file->most || space == NULL ||
		!unique_id_is_valid(space + 1, n - key_n - 1) ||
		!key_decode(line, key_n, key)) {
		file->damaged = true;
		return true;
	}
	memcpy(id, space + 1, n - key_n - 1);
	id[n - key_n - 1] = '\0';
	return id_file_add(file, key, id);
}

/* A key never begins with a blank, so no record can be taken for the last line. */
static bool
is_last_line(const struct id_file *file, const char *line, size_t n)
{
	char expected[64];
	const int k = snprintf(expected, sizeof(expected), " end %zu", file->count);

	return k > 0 && n == (size_t)k && memcmp(line, expected, n) == 0;
}

bool
id_file_parse(struct id_file *file, const char *text, size_t n)
{
	const size_t first = sizeof(first_line) - 1;
	bool ended = false;

	file->present = true;
	if (n <= first || memcmp(text, first_line, first) != 0 || text[first] != '\n') {
		file->damaged = true;
		return true;
	}
	text += first + 1;
	n -= first + 1;
	while (n > 0 && !ended) {
		const char *end = memchr(text, '\n', n);
		const size_t line = end == NULL ? n : (size_t)(end - text);

		/* A line without its end may be half of one. */
		if (end == NULL)
			break;
		ended = is_last_line(file, text, line);
		if (!ended && !parse_line(file, text, line))
			return false;
		text += line + 1;
		n -= line + 1;
	}
	if (!ended || n > 0)
		file->damaged = true;
	id_file_sort(file);
	return true;
}

const struct id_record *
id_file_find(const struct id_file *file, const char *key)
{
	size_t low = 0, high = file->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(file->records[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == file->count || strcmp(file->records[low].key, key) != 0)
		return NULL;
	return &file->records[low];
}

const struct id_record *
id_file_next(const struct id_file *file, const struct id_record *record)
{
	const struct id_record *next = record + 1;

	return next < file->records + file->count && strcmp(next->key, record->key) == 0
		       ? next
		       : NULL;
}

void
id_file_free(struct id_file *file)
{
	while (file->chunks != NULL) {
		struct id_chunk *next = file->chunks->next;

		free(file->chunks);
		file->chunks = next;
	}
	free(file->records);
	*file = (struct id_file){.records = NULL};
}
