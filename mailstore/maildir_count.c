#include "mailstore/maildir_count.h"

#include <fcntl.h>

#include "mailstore/octets.h"
#include "mailstore/scan.h"

/* Add octets, and say whether one of their lines begins with a dot. */
static bool
add_and_look(struct octets *o, const unsigned char *p, size_t n)
{
	struct scan_seen seen = {0};
	const bool dots =
		(o->last == '\n' && p[0] == '.') || scan_text(p, n, '.', &seen) < n;

	if (dots)
		octets_add(o, p, n);
	else
		octets_add_seen(o, p, n, seen.bare);
	return dots;
}

enum decoder_status
maildir_count(int fd, uint64_t size, uint64_t max, unsigned char *buffer,
	struct session_lock *lock, struct maildir_counted *counted)
{
	struct octets o = {.last = '\n'};
	bool dots = false;
	enum decoder_status status;
	struct decoder decoder;
	size_t n;

	if (size > MAILDIR_COUNT_BUFFER)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	decoder_open(&decoder, fd, size, max);
	do {
		status = decoder_read(&decoder, buffer, MAILDIR_COUNT_BUFFER, &n);
		/* Only of a file without bare line feeds this is worth knowing. */
		if (n > 0 && !dots && o.count == decoder.at - n)
			dots = add_and_look(&o, buffer, n);
		else
			octets_add(&o, buffer, n);
		/* Who has lost it hears so with the next command. */
		if (lock != NULL)
			(void)session_lock_keep(lock);
	} while (n > 0);
	counted->octets = octets_total(&o);
	counted->as_is = decoder.stream == NULL && !dots && counted->octets == size;
	decoder_close(&decoder);
	return status;
}

void
maildir_entry_count(struct maildir_entry *entry, const struct stat *st,
	const struct maildir_counted *counted)
{
	entry->size = (uint64_t)st->st_size;
	entry->mtime = maildir_mtime(st);
	entry->octets = counted->octets;
	entry->flags &= (uint16_t)~MAILDIR_AS_IS;
	entry->flags |= MAILDIR_COUNTED;
	if (counted->as_is)
		entry->flags |= MAILDIR_AS_IS;
}

int64_t
maildir_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}
