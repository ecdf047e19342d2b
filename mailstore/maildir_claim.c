#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/decoder.h"
#include "mailstore/maildir.h"
#include "mailstore/maildir_count.h"

/*
 * The number of a field like ",S=123" of a base name: digits up to the next ',' or the
 * end of it.
 */
static bool
name_field(const struct maildir_entry *entry, const char *field, uint64_t *value)
{
	const char *end = entry->name + entry->base;
	const char *p = memmem(entry->name, entry->base, field, strlen(field));
	const char *first;

	if (p == NULL)
		return false;
	*value = 0;
	first = p += strlen(field);
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (*value > INT64_MAX / 10 - 1)
			return false;
		*value = *value * 10 + (uint64_t)(*p - '0');
	}
	return p > first && (p == end || *p == ',');
}

/*
 * Whether a file is what such a claim is about: plain, and with a line end at its end,
 * for others count none that RETR would have to add.
 */
static bool
is_plain_text(int fd, uint64_t size)
{
	unsigned char head[DECODER_HEAD], last;

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       decoder_format(head, sizeof(head)) == NULL &&
	       pread(fd, &last, 1, (off_t)size - 1) == 1 && last == '\n';
}

bool
maildir_claim(struct maildir *m, size_t i)
{
	struct maildir_entry *entry = &m->list.entries[i];
	uint64_t size, octets;
	struct stat st;
	bool good;
	int fd;

	if (!name_field(entry, ",S=", &size) || !name_field(entry, ",W=", &octets) ||
		size < MAILDIR_CLAIM_MIN || octets < size || octets / 2 > size)
		return false;
	fd = openat(m->dirs[entry->sub], entry->name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size && is_plain_text(fd, size);
	(void)close(fd);
	if (!good)
		return false;
	entry->size = size;
	entry->octets = octets;
	entry->mtime = maildir_mtime(&st);
	entry->flags |= MAILDIR_COUNTED | MAILDIR_TRUSTED;
	return true;
}
