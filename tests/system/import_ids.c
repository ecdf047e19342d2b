/*
 * What the importers of unique-ids read, for tests to compare with what the server said
 * that wrote it.
 *
 * usage: import_ids SOURCE maildir DIRECTORY [FORMAT]	prints "BASE-NAME ID" lines
 *        import_ids SOURCE mbox FILE [FORMAT]		prints an id, or "-", per message
 *
 * SOURCE is dovecot, courier, x-uidl, popa3d or qpopper.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/import.h"
#include "mailstore/mbox_parse.h"

static const struct {
	const char *name;
	enum import_source source;
} sources[] = {
	{"dovecot", IMPORT_DOVECOT},
	{"courier", IMPORT_COURIER},
	{"x-uidl", IMPORT_X_UIDL},
	{"popa3d", IMPORT_POPA3D},
	{"qpopper", IMPORT_QPOPPER},
};

struct mbox {
	unsigned char *bytes;
	size_t n;
	enum import_source source;
	const char *format;
	struct import_headers state;
};

static enum import_source
find_source(const char *name)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
		if (strcmp(sources[i].name, name) == 0)
			return sources[i].source;
	errx(2, "unknown source: %s", name);
}

static bool
print_found(void *cookie, const char *key, const char *id)
{
	(void)cookie;
	return printf("%s %s\n", key, id) > 0;
}

static int
print_maildir(const char *path, enum import_source source, const char *format)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum import_result result;

	if (fd < 0)
		err(2, "%s", path);
	result = import_maildir(fd, source, format, print_found, NULL);
	if (result == IMPORT_ERROR)
		err(1, "%s", path);
	if (close(fd) != 0)
		err(1, "%s", path);
	return result == IMPORT_OK ? 0 : 1;
}

static bool
print_message(void *cookie, const struct mbox_entry *entry)
{
	struct mbox *mbox = cookie;
	const unsigned char *from = mbox->bytes + entry->from;
	char id[MAIL_UID_MAX + 1];
	const bool known = import_from_header(&mbox->state, mbox->source, mbox->format,
		from, (size_t)(entry->start - entry->from), mbox->bytes + entry->start,
		(size_t)entry->header, id);

	return puts(known ? id : "-") >= 0;
}

static void
read_file(struct mbox *mbox, const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat st;

	if (file == NULL || fstat(fileno(file), &st) != 0)
		err(2, "%s", path);
	mbox->n = (size_t)st.st_size;
	mbox->bytes = malloc(mbox->n + 1);
	if (mbox->bytes == NULL || fread(mbox->bytes, 1, mbox->n, file) != mbox->n)
		err(2, "%s", path);
	if (fclose(file) != 0)
		err(2, "%s", path);
}

static int
print_mbox(const char *path, enum import_source source, const char *format)
{
	struct mbox mbox = {.source = source, .format = format};
	struct mbox_parse *parse = mbox_parse_new(print_message, &mbox);
	bool done;

	if (parse == NULL)
		err(2, NULL);
	read_file(&mbox, path);
	done = mbox_parse_feed(parse, mbox.bytes, mbox.n) == MBOX_PARSE_OK &&
	       mbox_parse_finish(parse) == MBOX_PARSE_OK;
	mbox_parse_free(parse);
	free(mbox.bytes);
	return done ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *format = argc == 5 ? argv[4] : NULL;
	const char *wrong = format != NULL ? import_dovecot_format_check(format) : NULL;

	if (argc < 4 || argc > 5 ||
		(strcmp(argv[2], "maildir") != 0 && strcmp(argv[2], "mbox") != 0))
		errx(2, "usage: import_ids SOURCE maildir|mbox PATH [FORMAT]");
	if (wrong != NULL)
		errx(2, "the format cannot be used: %s", wrong);
	if (strcmp(argv[2], "maildir") == 0)
		return print_maildir(argv[3], find_source(argv[1]), format);
	return print_mbox(argv[3], find_source(argv[1]), format);
}
