#include "mailstore/import_format.h"

#include <ctype.h>
#include <md5.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mailstore/import_set.h"

/* More than a file name has; longer values give no id anyway, unless they are cut. */
#define VALUE_MAX 512u

_Static_assert(VALUE_MAX >= MD5_DIGEST_STRING_LENGTH && VALUE_MAX > IMPORT_WIDTH_MAX,
	"a value may be an MD5, or as wide as may be");

struct value {
	char text[VALUE_MAX];
	size_t length;
};

static bool
value_set(struct value *value, const char *text, size_t n)
{
	if (text == NULL || n > sizeof(value->text))
		return false;
	memcpy(value->text, text, n);
	value->length = n;
	return true;
}

static bool
value_set_number(struct value *value, uint32_t number)
{
	char text[16];
	const int n = snprintf(text, sizeof(text), "%lu", (unsigned long)number);

	return n > 0 && value_set(value, text, (size_t)n);
}

static bool
value_look_up(struct value *value, char variable, const struct import_values *values)
{
	switch (variable) {
	case 'u':
		return value_set_number(value, values->uid);
	case 'v':
		return value_set_number(value, values->validity);
	case 'f':
		return value_set(value, values->name, values->name_length);
	case 'g':
		return value_set(value, values->guid, values->guid_length);
	case 'm':
		return value_set(value, values->md5, MD5_DIGEST_STRING_LENGTH - 1);
	default:
		return value_set(value, "%", 1);
	}
}

static void
step_case(struct value *value, int (*convert)(int))
{
	for (size_t i = 0; i < value->length; i++)
		if (isascii((unsigned char)value->text[i]))
			value->text[i] = (char)convert((unsigned char)value->text[i]);
}

/* What is no number counts as 0.  With a width, the last digits are kept, or zeros put in
 * front. */
static void
step_hex(struct value *value, long width)
{
	unsigned long long number = 0;
	char text[IMPORT_WIDTH_MAX + 1];
	int n;

	for (size_t i = 0; i < value->length; i++) {
		const char c = value->text[i];

		if (c < '0' || c > '9' || number > (UINT64_MAX - 9) / 10) {
			number = 0;
			break;
		}
		number = number * 10 + (unsigned)(c - '0');
	}
	n = snprintf(text, sizeof(text), "%0*llx", (int)width, number);
	if (width > 0 && n > width)
		memmove(text, text + (n - width), (size_t)width + 1);
	(void)value_set(value, text, strlen(text));
}

static void
step_reverse(struct value *value)
{
	for (size_t i = 0; i < value->length / 2; i++) {
		char *other = &value->text[value->length - 1 - i];
		const char c = value->text[i];

		value->text[i] = *other;
		*other = c;
	}
}

static void
step_md5(struct value *value)
{
	char digest[MD5_DIGEST_STRING_LENGTH];

	(void)MD5Data((const uint8_t *)value->text, value->length, digest);
	(void)value_set(value, digest, strlen(digest));
}

static void
step_trim(struct value *value)
{
	while (value->length > 0 &&
		isspace((unsigned char)value->text[value->length - 1]))
		value->length--;
}

static void
steps_apply(struct value *value, const struct import_field *f)
{
	for (unsigned i = 0; i < f->steps; i++)
		switch (f->step[i].what) {
		case 'L':
			step_case(value, tolower);
			break;
		case 'U':
			step_case(value, toupper);
			break;
		case 'R':
			step_reverse(value);
			break;
		case 'M':
			step_md5(value);
			break;
		case 'T':
			step_trim(value);
			break;
		default:
			step_hex(value, f->step[i].width);
		}
}

/* An id that is being put together.  What is too long stays so. */
struct text {
	char text[MAIL_UID_MAX + 1];
	size_t length; /* may be more */
};

static void
text_add(struct text *to, char c)
{
	if (to->length < sizeof(to->text))
		to->text[to->length] = c;
	to->length++;
}

static void
text_add_value(struct text *to, const struct value *value, const struct import_field *f)
{
	size_t from, n = value->length;
	const size_t offset = (size_t)(f->offset < 0 ? -f->offset : f->offset);

	/* Less than nothing is from the end. */
	if (f->offset < 0)
		from = n > offset ? n - offset : 0;
	else
		from = n < offset ? n : offset;
	n -= from;
	if (f->zero)
		for (size_t i = n; i < (size_t)f->width; i++)
			text_add(to, '0');
	else if (f->width > 0 && n > (size_t)f->width)
		n = (size_t)f->width;
	for (size_t i = 0; i < n; i++)
		text_add(to, value->text[from + i]);
}

bool
import_format_expand(
	const char *format, const struct import_values *values, char id[MAIL_UID_MAX + 1])
{
	struct text to = {.length = 0};

	for (const char *p = format; *p != '\0';) {
		struct import_field f;
		struct value value;

		if (*p != '%') {
			text_add(&to, *p++);
			continue;
		}
		p++;
		if (import_field_read(&p, &f) != NULL ||
			!value_look_up(&value, f.variable, values))
			return false;
		steps_apply(&value, &f);
		text_add_value(&to, &value, &f);
	}
	if (to.length > MAIL_UID_MAX || !import_id_valid(to.text, to.length))
		return false;
	memcpy(id, to.text, to.length);
	id[to.length] = '\0';
	return true;
}
