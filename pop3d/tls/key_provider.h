/*
 * A provider of OpenSSL (provider(7)) for keys whose private half is in the key process.
 */
#ifndef TLS_KEY_PROVIDER_H
#define TLS_KEY_PROVIDER_H

#include <openssl/evp.h>
#include <stdint.h>

/*
 * A key that OpenSSL takes for a private one: it signs by key_client_sign().
 * file: which one it is to the key process.  half: a SubjectPublicKeyInfo of n octets.
 * NULL if that is none, of no kind that can sign, or if memory is short.
 */
EVP_PKEY *key_provider_key(uint32_t file, const unsigned char *half, size_t n);

#endif
