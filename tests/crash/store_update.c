/*
 * What a session does with a maildrop, without a session: open, load, remove the
 * messages numbered (from 0) on the command line, close.  The crash tests run this under
 * strace, which kills it or lets its system calls fail.
 *
 * usage: [STORE_HOME=DIRECTORY] store_update DRIVER PATH [INDEX ...]
 *
 * Prints one line for each step that ended: "open STATUS", "load STATUS COUNT",
 * "update STATUS removed N", and "closed".  Exits with 0 only if update said MAIL_OK.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>

#include "mailstore/mailstore.h"

static const char *const status_names[] = {
	[MAIL_OK] = "OK",
	[MAIL_BUSY] = "BUSY",
	[MAIL_EARLY] = "EARLY",
	[MAIL_GONE] = "GONE",
	[MAIL_CHANGED] = "CHANGED",
	[MAIL_LIMIT] = "LIMIT",
	[MAIL_TEMP] = "TEMP",
	[MAIL_PERM] = "PERM",
};

__attribute__((format(printf, 3, 4))) static void
log_stderr(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	fprintf(stderr, "<%d>", priority);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static const struct mailstore_ops *
find_driver(const char *name)
{
	if (strcmp(name, mailstore_maildir.name) == 0)
		return &mailstore_maildir;
	if (strcmp(name, mailstore_mbox.name) == 0)
		return &mailstore_mbox;
	return NULL;
}

/* The bitmap of the messages to remove; NULL if an index is none. */
static unsigned char *
read_marks(size_t count, int argc, char **argv)
{
	unsigned char *deleted = calloc(1, count / 8 + 1);

	for (int i = 3; deleted != NULL && i < argc; i++) {
		char *end;
		const unsigned long index = strtoul(argv[i], &end, 10);

		if (*argv[i] == '\0' || *end != '\0' || index >= count) {
			free(deleted);
			return NULL;
		}
		deleted[index / 8] |= (unsigned char)(1u << index % 8);
	}
	return deleted;
}

static enum mail_status
update(struct mailstore *store, int argc, char **argv)
{
	unsigned char *deleted;
	enum mail_status status;
	size_t count = 0, removed = 0;

	status = store->ops->load(store, &count);
	printf("load %s %zu\n", status_names[status], count);
	if (status != MAIL_OK)
		return status;
	deleted = read_marks(count, argc, argv);
	if (deleted == NULL) {
		printf("bad index\n");
		return MAIL_PERM;
	}
	status = store->ops->update(store, deleted, &removed);
	printf("update %s removed %zu\n", status_names[status], removed);
	free(deleted);
	return status;
}

int
main(int argc, char **argv)
{
	const struct mail_options options = {
		.max_messages = 1000000,
		.max_octets = UINT64_MAX,
		.mbox_locks = {MAIL_LOCK_FCNTL, MAIL_LOCK_DOTLOCK},
		.home = getenv("STORE_HOME") != NULL ? getenv("STORE_HOME") : "",
		.log = log_stderr,
	};
	const struct mailstore_ops *ops = argc > 2 ? find_driver(argv[1]) : NULL;
	struct mailstore *store = NULL;
	enum mail_status status;

	if (ops == NULL) {
		fprintf(stderr, "usage: store_update DRIVER PATH [INDEX ...]\n");
		return 2;
	}
	/* A line that was printed must be seen even if the next system call kills us. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	status = ops->open(&store, AT_FDCWD, argv[2], &options);
	printf("open %s\n", status_names[status]);
	if (status != MAIL_OK)
		return 1;
	status = update(store, argc, argv);
	ops->close(store);
	printf("closed\n");
	return status == MAIL_OK ? 0 : 1;
}
