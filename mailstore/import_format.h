/*
 * Dovecot's pop3_uidl_format.
 */
#ifndef IMPORT_FORMAT_H
#define IMPORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/mailstore.h"

#define IMPORT_FORMAT_DEFAULT "%08Xu%08Xv"

#define IMPORT_STEPS_MAX 10 /* modifiers that Dovecot reads */
#define IMPORT_WIDTH_MAX 255

/* A variable of a format and what it goes through, in this order. */
struct import_field {
	char variable; /* u v f g m, or % */
	unsigned steps;
	struct {
		char what;  /* L U X R T M, or h: hexadecimal, of a width */
		long width; /* of h; 0: as it comes */
	} step[IMPORT_STEPS_MAX];
	long offset, width;
	bool zero; /* pad to the width, do not cut */
};

/* What the variables stand for.  What a message does not have is NULL. */
struct import_values {
	uint32_t validity, uid;
	const char *name; /* %f, the base name of its file; not terminated */
	size_t name_length;
	const char *guid; /* %g, likewise */
	size_t guid_length;
	const char *md5; /* %m, 32 hexadecimal digits */
};

/* Read what follows a '%' and step over it: NULL, or what is wrong (constant text). */
const char *import_field_read(const char **p, struct import_field *f);

/* Whether a format, which import_dovecot_format_check() passed, has one of the variables
 * (letters). */
bool import_format_has(const char *format, const char *variables);

/* The id.  False if it is not valid, or a value is missing. */
bool import_format_expand(const char *format, const struct import_values *values,
	char id[MAIL_UID_MAX + 1]);

#endif
