/*
 * dovecot-uidlist.  Its first line is "1 VALIDITY NEXT" or "3 [KEYvalue ...]", where V is
 * the validity and N the next UID; then "UID NAME", or "UID [KEYvalue ...] :NAME".  Of
 * the keys, capital letters, P is the unique-id (empty: the base name) and G is the GUID.
 */
#include "mailstore/import.h"

#include <errno.h>
#include <string.h>

#include "mailstore/import_format.h"
#include "mailstore/import_line.h"
#include "mailstore/import_set.h"

struct list {
	struct import_set set;
	const char *format;
	unsigned version;
	uint32_t validity;
	uint64_t next; /* what version 1 says; Dovecot heeds it in that one only */
};

struct record {
	struct import_words rest; /* what was not read yet */
	struct import_values values;
	const char *id; /* P; NULL if it has none */
	size_t id_length;
};

static bool
number_read(struct import_words *words, uint64_t *number)
{
	return import_number(words, UINT32_MAX, number);
}

static bool
header_v1(struct list *list, struct import_words words)
{
	uint64_t validity;

	if (!number_read(&words, &validity) || !import_blanks(&words) ||
		!number_read(&words, &list->next))
		return false;
	list->validity = (uint32_t)validity;
	return true;
}

/* Take the letter that a field begins with. */
static char
key_take(struct import_words *field)
{
	const char *key = field->p;

	if (field->n == 0)
		return '\0';
	import_skip(field, 1);
	return *key;
}

static bool
header_v3(struct list *list, struct import_words words)
{
	while (words.n > 0) {
		struct import_words word = import_word(&words);
		const char key = key_take(&word);
		uint64_t number;

		if (key == 'V' || key == 'N') {
			if (!number_read(&word, &number) || word.n > 0)
				return false;
			if (key == 'V')
				list->validity = (uint32_t)number;
			else
				list->next = number;
		}
		(void)import_blanks(&words);
	}
	return true;
}

static bool
header_read(struct list *list, struct import_words words)
{
	if (words.n < 2 || words.p[1] != ' ' || (*words.p != '1' && *words.p != '3'))
		return false;
	list->version = (unsigned)(*words.p - '0');
	import_skip(&words, 2);
	if (!(list->version == 1 ? header_v1(list, words) : header_v3(list, words)))
		return false;
	return list->validity != 0 && list->next != 0;
}

/* The fields before the name of version 3.  Where one is given twice the first counts. */
static bool
fields_read(struct record *r)
{
	while (r->rest.n > 0 && *r->rest.p != ':') {
		struct import_words word = import_word(&r->rest);
		const char key = key_take(&word);

		if (key == 'P' && r->id == NULL) {
			r->id = word.p;
			r->id_length = word.n;
		} else if (key == 'G' && r->values.guid == NULL) {
			r->values.guid = word.p;
			r->values.guid_length = word.n;
		}
		(void)import_blanks(&r->rest);
	}
	if (r->rest.n < 2)
		return false;
	import_skip(&r->rest, 1);
	return true;
}

/* False for a line that says nothing. */
static bool
record_read(const struct list *list, struct record *r)
{
	uint64_t uid;

	if (!number_read(&r->rest, &uid) || uid == 0 || uid == UINT32_MAX ||
		!import_blanks(&r->rest))
		return false;
	if (list->version == 1 ? uid >= list->next : !fields_read(r))
		return false;
	r->values.uid = (uint32_t)uid;
	r->values.validity = list->validity;
	r->values.name = r->rest.p;
	r->values.name_length = import_base_length(r->rest.p, r->rest.n);
	if (r->values.guid == NULL || r->values.guid_length == 0) {
		r->values.guid = r->values.name;
		r->values.guid_length = r->values.name_length;
	}
	return r->values.name_length > 0;
}

static bool
record_add(struct list *list, struct import_words line)
{
	struct record r = {.rest = line};
	char id[MAIL_UID_MAX + 1];

	if (!record_read(list, &r))
		return true;
	if (r.id == NULL) {
		if (!import_format_expand(list->format, &r.values, id))
			return true;
		r.id = id;
		r.id_length = strlen(id);
	} else if (r.id_length == 0) {
		r.id = r.values.name;
		r.id_length = r.values.name_length;
	}
	return import_set_add(&list->set, r.rest.p, r.rest.n, r.id, r.id_length);
}

enum import_result
import_dovecot_parse(
	const char *text, size_t n, const char *format, import_found *found, void *cookie)
{
	struct list list = {.format = format != NULL ? format : IMPORT_FORMAT_DEFAULT};
	struct import_words rest = {text, n}, line;

	if (n == 0)
		return IMPORT_NONE;
	if (!import_line(&rest, &line) || !header_read(&list, line))
		return IMPORT_BROKEN;
	while (import_line(&rest, &line)) {
		if (record_add(&list, line))
			continue;
		import_set_free(&list.set);
		errno = ENOMEM;
		return IMPORT_ERROR;
	}
	return import_set_report(&list.set, found, cookie);
}
