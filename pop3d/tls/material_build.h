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

/* Report what is wrong with a file; it may have lines, which count from 1. */
void material_fault(struct building *b, const char *path, const char *what);
void material_fault_at(
	struct building *b, const char *path, unsigned line, const char *what);

/* Remember what a path leads to now; its index, MATERIAL_NONE if out of memory. */
size_t material_look_at(struct building *b, const char *path);

/* What must not happen to a file. */
enum material_care {
	MATERIAL_OURS,   /* that others write to it: root parses it */
	MATERIAL_SECRET, /* that everybody reads it, either: it holds a key */
};

/* Read a file as well; a secret one is looked at more closely, and not read. */
size_t material_read(struct building *b, const char *path, enum material_care care);

/* True if two paths lead to one file, that of a certificate and its key. */
bool material_is_one(const char *a, const char *b);

/* NULL, or what is wrong about who may do what. */
const char *material_careless(const struct stat *st, enum material_care care);

/* One more pair; NULL if out of memory.  Borrowed until the next one. */
struct material_pair *material_pair(struct building *b, const char *name);

/* material_names.c: certificates for names, from a file or a directory. */
void material_read_names(struct building *b, const char *path);

#endif
