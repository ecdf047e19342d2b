/*
 * The files that a TLS context is made of, as octets in memory: read with the rights of
 * root, parsed later by whoever has none left.
 */
#ifndef TLS_MATERIAL_H
#define TLS_MATERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "pop3d/tls/report.h"
#include "pop3d/tls/setup.h"

struct material_file {
	char *path;
	struct stat seen;    /* all zero: it was missing */
	unsigned char *data; /* NULL: only looked at (a directory, a missing file) */
	size_t n;
};

/* A certificate chain with its key, for connections that ask for one of its names. */
struct material_pair {
	char *name; /* "mail.example.org", "*.example.org"; NULL: for all others */
	size_t certificate, key; /* indexes of files; the same if one file holds both */
	size_t ocsp;             /* MATERIAL_NONE: none */
};

#define MATERIAL_NONE SIZE_MAX

struct material {
	struct material_file *files;
	size_t n_files;
	struct material_pair *pairs;
	size_t n_pairs;
	size_t client_ca, client_crl; /* MATERIAL_NONE: none */
};

/*
 * Read all that the setup names.  A key that others may read or write is refused.  NULL
 * if anything that must be there is not: every problem has been reported.
 */
struct material *material_load(
	const struct tls_setup *setup, const struct tls_report *report);

/* True if a file that was read, or looked for, is not what it was.  Reads nothing. */
bool material_has_changed(const struct material *material);

/* Wipes what was read. */
void material_free(struct material *material);

#endif
