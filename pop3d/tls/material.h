/*
 * The files that a TLS context is made of, as octets in memory: read with the rights of
 * root, parsed later by whoever has none left.  Those that hold a key are looked at, and
 * read by the key process alone.
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
	struct stat seen; /* all zero: it was missing */
	unsigned char
		*data; /* NULL: only looked at (a directory, a missing file, a key) */
	size_t n;
	/* It holds a key: what else it holds, and the rest here, the key process tells.
	 */
	bool secret;
	unsigned char
		*half; /* SubjectPublicKeyInfo of the key, in DER; NULL: not told yet */
	size_t n_half;
	char *wrong; /* why it cannot be used; NULL: nothing */
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
 * Read all that the setup names, but for keys.  A key that others may read or write is
 * refused.  NULL if anything that must be there is not: every problem has been reported.
 */
struct material *material_load(
	const struct tls_setup *setup, const struct tls_report *report);

/*
 * Read a file with a key.  NULL, or what is wrong as a constant text.  The octets are the
 * caller's, who wipes them.
 */
const char *material_read_secret(
	const struct material_file *file, unsigned char **data, size_t *n);

/* True if a file that was read, or looked for, is not what it was.  Reads nothing. */
bool material_has_changed(const struct material *material);

void material_free(struct material *material);

#endif
