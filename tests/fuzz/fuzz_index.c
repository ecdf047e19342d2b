/*
 * A maildrop whose index says anything: its checksums are right and it claims to be of
 * this maildrop, so that the driver believes what the input makes of the rest.  Whatever
 * that is, ids are valid, and a message that is sent whole is as long as was told.
 *
 * The input: which store, the number of messages, flags; then the body.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mailstore/index.h"
#include "mailstore/mailstore.h"
#include "mailstore/octets.h"

#define MESSAGES 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One of the two maildrops that all runs use. */
struct place {
	const struct mailstore_ops *ops;
	char path[64];  /* of the maildrop */
	char index[64]; /* of its index */
	struct index honest;
};

/* In memory: a run is a whole session. */
static char root[] = "/dev/shm/pop3d-fuzz-index-XXXXXX";
static struct place places[2];

static void log_nothing(void *cookie, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
log_nothing(void *cookie, int priority, const char *format, ...)
{
	(void)cookie;
	(void)priority;
	(void)format;
}

static const struct mail_options options = {
	.max_messages = 1000,
	.max_octets = UINT64_MAX,
	.lock_wait = 1,
	.mbox_locks = {MAIL_LOCK_FCNTL},
	.home = "",
	.log = log_nothing,
};

static void
check(bool right)
{
	if (!right)
		abort();
}

static void
put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	check(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void
make_maildir(struct place *place)
{
	char path[128];

	place->ops = &mailstore_maildir;
	(void)snprintf(place->path, sizeof(place->path), "%s/M", root);
	(void)snprintf(place->index, sizeof(place->index), "M/.pop3d-index");
	check(mkdir(place->path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/new", place->path);
	check(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/cur", place->path);
	check(mkdir(path, 0700) == 0);
	for (unsigned i = 0; i < MESSAGES; i++) {
		(void)snprintf(path, sizeof(path), "%s/cur/%u.a:2,", place->path, i);
		put_text(path, "Subject: x\n\nbody\n");
	}
}

static void
make_mbox(struct place *place)
{
	place->ops = &mailstore_mbox;
	(void)snprintf(place->path, sizeof(place->path), "%s/box", root);
	(void)snprintf(place->index, sizeof(place->index), ".box.pop3d-index");
	for (unsigned i = 0; i < MESSAGES; i++)
		put_text(place->path, "From a@b Tue Nov 23 15:28:00 2025\n"
				      "Subject: x\n\nbody\n\n");
}

static void
read_message(struct place *place, struct mailstore *store, size_t i, uint64_t octets)
{
	struct mail_message *message;
	struct octets sent = {0};
	unsigned char buf[256];
	size_t n = 1;

	if (place->ops->message_open(store, i, &message) != MAIL_OK)
		return;
	while (n > 0) {
		if (place->ops->message_read(message, buf, sizeof(buf), &n) != MAIL_OK)
			break;
		octets_add(&sent, buf, n);
	}
	/* In a Maildir the session sees to that. */
	check(n > 0 || place == &places[0] || octets_total(&sent) == octets);
	place->ops->message_close(message);
}

/* All that a client can ask for. */
static void
run_session(struct place *place)
{
	struct mailstore *store;
	char uid[MAIL_UID_MAX + 1];
	unsigned char deleted[1000 / 8 + 1] = {0};
	uint64_t octets;
	size_t count, removed;

	check(place->ops->open(&store, AT_FDCWD, place->path, &options) == MAIL_OK);
	if (place->ops->load(store, &count) == MAIL_OK) {
		check(count <= options.max_messages);
		(void)place->ops->total(store, &octets);
		for (size_t i = 0; i < count; i++) {
			if (place->ops->uid(store, i, uid) == MAIL_OK)
				check(uid[0] != '\0' && strlen(uid) <= MAIL_UID_MAX);
			if (place->ops->octets(store, i, &octets) == MAIL_OK)
				read_message(place, store, i, octets);
		}
		(void)place->ops->update(store, deleted, &removed);
	}
	place->ops->close(store);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
remove_root(void)
{
	(void)nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
set_up(void)
{
	const struct timespec settle = {.tv_nsec = 100000000};
	int dir;

	check(mkdtemp(root) != NULL && atexit(remove_root) == 0);
	make_maildir(&places[0]);
	make_mbox(&places[1]);
	/* Else the index would not be believed. */
	(void)nanosleep(&settle, NULL);
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < 2; i++) {
		struct place *place = &places[i];

		run_session(place);
		check(index_open(&place->honest, i == 0 ? INDEX_MAILDIR : INDEX_MBOX, dir,
			place->index, options.max_messages));
		index_close(&place->honest);
		check((place->honest.flags & INDEX_SURE) != 0);
	}
	(void)close(dir);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place *place;
	struct index index;
	int dir;

	if (places[0].ops == NULL)
		set_up();
	if (size < 4)
		return 0;
	place = &places[data[0] & 1];
	index = place->honest;
	/* Some more than there are: each costs calls of the system. */
	index.count = data[1] % (4 * MESSAGES);
	index.extra = data[2] & 3;
	index.flags = data[3];
	index.octets = data[2] & 4 ? INDEX_UNKNOWN : (uint64_t)index.count * 17;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(index_write(&index, data + 4, size - 4, dir, place->index, "fresh"));
	(void)close(dir);
	run_session(place);
	return 0;
}
