#include "mailstore/import_format.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/import.h"

static const struct {
	const char *name;
	char letter;
} long_names[] = {{"uid", 'u'}, {"uidvalidity", 'v'}, {"filename", 'f'}, {"guid", 'g'},
	{"md5", 'm'}};

/* Read an unsigned number; IMPORT_WIDTH_MAX + 1 stands for any that is too large. */
static long
number_read(const char **p)
{
	long number = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (number <= IMPORT_WIDTH_MAX)
			number = number * 10 + (**p - '0');
	return number <= IMPORT_WIDTH_MAX ? number : IMPORT_WIDTH_MAX + 1;
}

/* "[-][0]NUMBER[.[0]NUMBER]" in front of a variable. */
static bool
width_read(const char **p, struct import_field *f)
{
	const bool negative = **p == '-';

	*p += negative;
	f->zero = **p == '0';
	f->width = number_read(p);
	if (**p == '.') {
		f->offset = negative ? -f->width : f->width;
		(*p)++;
		f->zero = **p == '0';
		f->width = number_read(p);
	}
	return f->width <= IMPORT_WIDTH_MAX && labs(f->offset) <= IMPORT_WIDTH_MAX;
}

static const char *
short_field_read(const char **p, struct import_field *f)
{
	if (!width_read(p, f))
		return "a width in it is too large";
	for (; **p != '\0' && strchr("LUXRTM", **p) != NULL; (*p)++) {
		if (f->steps == IMPORT_STEPS_MAX)
			return "a variable in it has too many modifiers";
		f->step[f->steps++].what = **p;
	}
	if (**p == '\0')
		return "it ends within a variable";
	if (strchr("uvfgm%", **p) == NULL)
		return "it has a variable or modifier that is not known here";
	f->variable = *(*p)++;
	return NULL;
}

static void
blanks_skip(const char **p)
{
	*p += strspn(*p, " \t");
}

/* Step over a word if it comes next. */
static bool
word_read(const char **p, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0 || isalnum((unsigned char)(*p)[n]) ||
		(*p)[n] == '_')
		return false;
	*p += n;
	blanks_skip(p);
	return true;
}

/* "(NUMBER)", which need not be there. */
static bool
parameter_read(const char **p, long *width)
{
	if (**p != '(')
		return true;
	(*p)++;
	blanks_skip(p);
	*width = number_read(p);
	blanks_skip(p);
	if (**p != ')')
		return false;
	(*p)++;
	blanks_skip(p);
	return *width <= IMPORT_WIDTH_MAX;
}

static bool
filter_read(const char **p, struct import_field *f)
{
	if (f->steps == IMPORT_STEPS_MAX)
		return false;
	if (word_read(p, "lower"))
		f->step[f->steps].what = 'L';
	else if (word_read(p, "upper"))
		f->step[f->steps].what = 'U';
	else if (word_read(p, "hex") && parameter_read(p, &f->step[f->steps].width))
		f->step[f->steps].what = 'h';
	else
		return false;
	f->steps++;
	return true;
}

/* What follows "%{". */
static const char *
long_field_read(const char **p, struct import_field *f)
{
	blanks_skip(p);
	for (size_t i = 0; i < sizeof(long_names) / sizeof(*long_names); i++)
		if (f->variable == '\0' && word_read(p, long_names[i].name))
			f->variable = long_names[i].letter;
	if (f->variable == '\0')
		return "it has a variable that is not known here";
	while (**p == '|') {
		(*p)++;
		blanks_skip(p);
		if (!filter_read(p, f))
			return "it has a filter that is not known here";
	}
	if (**p != '}')
		return "a variable in it has no end";
	(*p)++;
	return NULL;
}

const char *
import_field_read(const char **p, struct import_field *f)
{
	*f = (struct import_field){0};
	if (**p != '{')
		return short_field_read(p, f);
	(*p)++;
	return long_field_read(p, f);
}

const char *
import_dovecot_format_check(const char *format)
{
	bool variable = false;

	for (const char *p = format; *p != '\0';) {
		struct import_field f;
		const char *wrong;

		if (*p < 0x21 || *p > 0x7E)
			return "it has characters that a unique-id cannot have";
		if (*p++ != '%')
			continue;
		wrong = import_field_read(&p, &f);
		if (wrong != NULL)
			return wrong;
		variable = variable || f.variable != '%';
	}
	return variable ? NULL : "it has no variable";
}

bool
import_format_has(const char *format, const char *variables)
{
	for (const char *p = format; *p != '\0';) {
		struct import_field f;

		if (*p++ == '%' && import_field_read(&p, &f) == NULL &&
			strchr(variables, f.variable) != NULL)
			return true;
	}
	return false;
}
