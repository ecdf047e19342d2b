/*
 * An mbox in a temporary directory, for unit tests, and a model of what an mbox is.
 */
#ifndef MBOX_FIXTURE_H
#define MBOX_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailstore/mailstore.h"
#include "mailstore/mbox_parse.h"

struct mbox_fixture {
	char root[64];      /* the temporary directory; spool and home are in it */
	char directory[96]; /* root/spool */
	char home[96];      /* root/home */
	char path[128];     /* root/spool/box, which does not exist yet */
	struct mail_options options;
	unsigned logged;    /* lines above LOG_DEBUG */
	char last_log[512]; /* the last of them */
	struct mailstore *store;
	size_t count; /* messages */
};

struct bytes {
	unsigned char *p;
	size_t n;
};

/* For cmocka: *state becomes the fixture. */
int mbox_fixture_set_up(void **state);
int mbox_fixture_tear_down(void **state);

/* Full path of a file in root, in memory that the next call overwrites. */
const char *mbox_fixture_file(const struct mbox_fixture *f, const char *name);
bool mbox_fixture_has(const struct mbox_fixture *f, const char *name);
/*
 * Names in a directory of root that begin with a dot, but for "." and "..", and for the
 * index and the file of unique-ids, which any session may leave.
 */
size_t mbox_fixture_hidden(const struct mbox_fixture *f, const char *name);

/* Replace the bytes of a file, keeping its inode; append; read it whole. */
void mbox_fixture_write(const char *path, const void *p, size_t n);
void mbox_fixture_append(const char *path, const void *p, size_t n);
struct bytes mbox_fixture_read(const char *path);
void mbox_fixture_put(const struct mbox_fixture *f, const char *text);
void mbox_fixture_expect(const struct mbox_fixture *f, const char *text);

/* Open and load the store; both must succeed. */
void mbox_fixture_open(struct mbox_fixture *f);
void mbox_fixture_close(struct mbox_fixture *f);
/* Read message i whole, in pieces of `chunk`; *n stays 0 if a status is not MAIL_OK. */
enum mail_status mbox_fixture_message(
	struct mbox_fixture *f, size_t i, size_t chunk, struct bytes *message);

/* The same as mbox_parse, but written to be seen right: up to `max` entries. */
size_t mbox_fixture_model(
	const unsigned char *p, size_t n, struct mbox_entry *entries, size_t max);

/* Bytes that look like an mbox, for better or worse; the same for the same seed. */
struct bytes mbox_fixture_random(unsigned seed);

#endif
