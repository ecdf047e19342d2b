/*
 * The inside of reading material, shared by its files only.
 */
#ifndef TLS_MATERIAL_BUILD_H
#define TLS_MATERIAL_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3d/tls/material.h"

#define MATERIAL_PATH_MAX 1024u

struct building {
	struct material *material;
	const struct tls_report *report;
	const char *key; /* of the configuration, for problems */
	bool good;
};

/* Report what is wrong with a file. */
void material_fault(struct building *b, const char *path, const char *what);

/* Remember what a path leads to now; its index, MATERIAL_NONE if out of memory. */
size_t material_look_at(struct building *b, const char *path);

/* Read a file as well.  secret: it holds a key. */
size_t material_read(struct building *b, const char *path, bool secret);

/* One more pair; NULL if out of memory.  Borrowed until the next one. */
struct material_pair *material_pair(struct building *b, const char *name);

/* material_names.c: certificates for names, from a file or a directory. */
void material_read_names(struct building *b, const char *path);

#endif
