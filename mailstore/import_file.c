#include "mailstore/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two million messages need less. */
#define FILE_MAX ((off_t)64 << 20)
/* What is replaced on a file server while it is read is there again at once. */
#define STALE_TRIES 3

struct contents {
	char *text;
	size_t n;
};

/* Read until the end, or what fits: the file may grow. */
static bool
read_all(int fd, struct contents *to, size_t capacity)
{
	while (to->n < capacity) {
		const ssize_t n = read(fd, to->text + to->n, capacity - to->n);

		if (n == 0)
			break;
		if (n > 0)
			to->n += (size_t)n;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

static enum import_result
contents_read(int fd, struct contents *to)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return IMPORT_ERROR;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return IMPORT_BROKEN;
	to->n = 0;
	to->text = malloc((size_t)st.st_size + 1);
	if (to->text == NULL)
		return IMPORT_ERROR;
	return read_all(fd, to, (size_t)st.st_size) ? IMPORT_OK : IMPORT_ERROR;
}

static enum import_result
file_read(int dirfd, const char *name, struct contents *to)
{
	const int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum import_result result;
	int error;

	if (fd < 0) {
		if (errno == ENOENT)
			return IMPORT_NONE;
		/* A link, a socket, a device without a driver. */
		return errno == ELOOP || errno == ENXIO ? IMPORT_BROKEN : IMPORT_ERROR;
	}
	result = contents_read(fd, to);
	error = errno;
	/* Nothing was written: closing cannot lose anything. */
	(void)close(fd);
	if (result != IMPORT_OK) {
		free(to->text);
		to->text = NULL;
	}
	errno = error;
	return result;
}

enum import_result
import_maildir(int dirfd, enum import_source source, const char *dovecot_format,
	import_found *found, void *cookie)
{
	const char *name =
		source == IMPORT_DOVECOT ? "dovecot-uidlist" : "courierpop3dsizelist";
	struct contents contents = {0};
	enum import_result result = file_read(dirfd, name, &contents);

	for (int i = 1; i < STALE_TRIES && result == IMPORT_ERROR && errno == ESTALE; i++)
		result = file_read(dirfd, name, &contents);
	if (result != IMPORT_OK)
		return result;
	if (source == IMPORT_DOVECOT)
		result = import_dovecot_parse(
			contents.text, contents.n, dovecot_format, found, cookie);
	else
		result = import_courier_parse(contents.text, contents.n, found, cookie);
	free(contents.text);
	return result;
}
