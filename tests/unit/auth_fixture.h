/*
 * A temporary directory for tests of auth/ and pop3ctl, and small files in it.  Every
 * function fails the test that calls it if it cannot do its work.
 */
#ifndef AUTH_FIXTURE_H
#define AUTH_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "auth/auth_module.h"

/* The directory, valid between set-up and tear-down: at most one at a time. */
extern char fixture_directory[256];

/* For cmocka's unit tests: a new directory with mode 0700, and its removal. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* DIRECTORY/NAME in a buffer that the fourth call after this one uses again. */
const char *fixture_path(const char *name);

/* Write a file with a mode, whatever was there. */
void fixture_write(const char *name, const void *text, size_t n, unsigned mode);

/* The content of a file, with a NUL behind it; to be freed. */
char *fixture_read(const char *name, size_t *n);

/* Copy a module of tests/modules into the directory, with mode 0644. */
void fixture_module(const char *name);

/* Likewise the second part FROM.part, as NAME.part. */
void fixture_part(const char *from, const char *name);

/* A span over a string. */
struct auth_span fixture_span(const char *text);

#endif
