/*
 * In the unit tests, libsodium's check of a password goes through a stand-in in
 * test_password_hash.c, which counts.
 */
#ifndef CRYPTO_COUNT_H
#define CRYPTO_COUNT_H

#include <sodium.h>
#include <stdbool.h>

extern unsigned crypto_count;                    /* checks done */
extern char crypto_last[crypto_pwhash_STRBYTES]; /* the hash of the last one */
extern bool crypto_no_memory;                    /* make it fail */

#endif
