#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/id_file.h"

#define FILE_MAX ((off_t)128 << 20)

/* Messages that are gone may have left as many as there are. */
#define RECORDS_MAX(messages) (2 * (messages) + 2000)

static enum mail_status
read_fail(const struct mail_options *options, const char *name, const char *what)
{
	options->log(options->cookie, LOG_ERR, "unique-ids in %s: %s", name, what);
	return MAIL_TEMP;
}

static char *
read_text(int fd, size_t size, size_t *n)
{
	char *text = malloc(size + 1);

	*n = 0;
	while (text != NULL && *n < size) {
		const ssize_t got = pread(fd, text + *n, size - *n, (off_t)*n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			const int error = errno;

			free(text);
			errno = error;
			return NULL;
		}
		if (got == 0)
			break;
		*n += (size_t)got;
	}
	return text;
}

static enum mail_status
read_file(struct id_file *file, int fd, const char *name,
	const struct mail_options *options)
{
	struct stat st;
	char *text;
	size_t n;
	bool parsed;

	if (fstat(fd, &st) != 0)
		return read_fail(options, name, strerror(errno));
	/* Ids that another user chose could make a client skip mail. */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		options->log(options->cookie, LOG_WARNING,
			"unique-ids in %s: not a file of ours: ignored", name);
		return MAIL_OK;
	}
	if (st.st_size > FILE_MAX)
		return read_fail(options, name, "too large");
	file->most = RECORDS_MAX(options->max_messages);
	text = read_text(fd, (size_t)st.st_size, &n);
	if (text == NULL)
		return read_fail(options, name, strerror(errno));
	parsed = id_file_parse(file, text, n);
	free(text);
	if (!parsed)
		return read_fail(options, name, strerror(ENOMEM));
	if (file->damaged)
		options->log(options->cookie, LOG_ERR,
			"unique-ids in %s: damaged: %zu of them could be read", name,
			file->count);
	return MAIL_OK;
}

enum mail_status
id_file_read(struct id_file *file, int dirfd, const char *name,
	const struct mail_options *options)
{
	enum mail_status status;
	const int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd == -1 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return MAIL_OK;
	if (fd == -1)
		return read_fail(options, name, strerror(errno));
	status = read_file(file, fd, name, options);
	(void)close(fd);
	return status;
}

/* Longest form of a key: each octet as %XX. */
static void
key_encode(const char *key, char text[3 * ID_FILE_KEY_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *key != '\0' && n + 3 <= (size_t)3 * ID_FILE_KEY_MAX; key++) {
		const unsigned char c = (unsigned char)*key;

		if (c >= 0x21 && c <= 0x7E && c != '%')
			text[n++] = *key;
		else {
			text[n++] = '%';
			text[n++] = hex[c >> 4];
			text[n++] = hex[c & 15];
		}
	}
	text[n] = '\0';
}

static bool
write_records(const struct id_file *file, FILE *stream)
{
	char text[3 * ID_FILE_KEY_MAX + 1];

	if (fputs("pop3d-uidl 1\n", stream) == EOF)
		return false;
	for (size_t i = 0; i < file->count; i++) {
		key_encode(file->records[i].key, text);
		if (fprintf(stream, "%s %s\n", text, file->records[i].id) < 0)
			return false;
	}
	return fprintf(stream, " end %zu\n", file->count) > 0 && fflush(stream) == 0 &&
	       fsync(fileno(stream)) == 0;
}

static bool
write_fresh(const struct id_file *file, int dirfd, const char *fresh)
{
	FILE *stream;
	bool done;
	int fd, error;

	/* One that is there was left by a session that died. */
	if (unlinkat(dirfd, fresh, 0) != 0 && errno != ENOENT)
		return false;
	fd = openat(
		dirfd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	stream = fdopen(fd, "w");
	if (stream == NULL) {
		(void)close(fd);
		return false;
	}
	done = write_records(file, stream);
	error = errno;
	if (fclose(stream) != 0 && done) {
		error = errno;
		done = false;
	}
	errno = error;
	return done;
}

bool
id_file_write(const struct id_file *file, int dirfd, const char *name, const char *fresh)
{
	int error;

	if (write_fresh(file, dirfd, fresh) && renameat(dirfd, fresh, dirfd, name) == 0)
		return fsync(dirfd) == 0 || errno == EINVAL;
	error = errno;
	(void)unlinkat(dirfd, fresh, 0);
	errno = error;
	return false;
}
