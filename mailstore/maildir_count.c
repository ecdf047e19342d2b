#include "mailstore/maildir_count.h"

#include <fcntl.h>

#include "mailstore/octets.h"

enum decoder_status
maildir_count(int fd, uint64_t size, uint64_t max, unsigned char *buffer,
	struct session_lock *lock, uint64_t *octets)
{
	struct octets o = {0};
	enum decoder_status status;
	struct decoder decoder;
	size_t n;

	if (size > MAILDIR_COUNT_BUFFER)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	decoder_open(&decoder, fd, size, max);
	do {
		status = decoder_read(&decoder, buffer, MAILDIR_COUNT_BUFFER, &n);
		octets_add(&o, buffer, n);
		/* Who has lost it hears so with the next command. */
		if (lock != NULL)
			(void)session_lock_keep(lock);
	} while (n > 0);
	decoder_close(&decoder);
	*octets = octets_total(&o);
	return status;
}

int64_t
maildir_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}
