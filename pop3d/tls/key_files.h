/*
 * The private keys themselves: in the key process alone.
 */
#ifndef TLS_KEY_FILES_H
#define TLS_KEY_FILES_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#include "pop3d/tls/key_request.h"
#include "pop3d/tls/material.h"

struct key_file {
	unsigned char *data; /* as it was read; NULL: not, or parsed since */
	size_t n;
	EVP_PKEY *key;      /* NULL: it is none */
	char *certificates; /* PEM; NULL: it has none */
	size_t n_certificates;
	unsigned char *half; /* SubjectPublicKeyInfo */
	size_t n_half;
	const char *wrong; /* NULL: nothing; constant */
};

struct key_files {
	struct key_file
		*files; /* one a file of the material; those without keys are empty */
	size_t n;
};

/* Read the files of the material that hold keys, with the rights of root, and parse
 * nothing.  False if out of memory. */
bool key_files_read(struct key_files *files, const struct material *material);

/* The file, parsed now if it was not yet; NULL if there is none of that number. */
const struct key_file *key_files_open(struct key_files *files, size_t file);

/* Sign what a request asks for; the octets of the signature, 0: it cannot be. */
size_t key_files_sign(struct key_files *files, const struct key_request *request,
	unsigned char signature[KEY_SIGNATURE_MAX]);

void key_files_free(struct key_files *files);

#endif
