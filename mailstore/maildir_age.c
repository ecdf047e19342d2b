#include <fcntl.h>
#include <sys/stat.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_name.h"

/*
 * A message is as old as the later of the time that begins its name and that of its file
 * says: programs that put old mail into a Maildir care for one or the other.
 */
static bool
is_older(const struct maildir *m, const struct maildir_entry *entry, int64_t time)
{
	struct stat st;

	return maildir_name_time(entry->name, entry->base) < time &&
	       fstatat(m->dirs[entry->sub], entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtim.tv_sec < time;
}

enum mail_status
maildir_older(struct mailstore *store, int64_t time, unsigned char *bits)
{
	struct maildir *m = (struct maildir *)store;
	enum mail_status status;

	if (m->root < 0)
		return MAIL_OK;
	status = maildir_need(m);
	for (size_t i = 0; status == MAIL_OK && i < m->list.count; i++) {
		if (session_lock_keep(&m->lock) == MAIL_BUSY)
			status = MAIL_BUSY;
		else if (is_older(m, &m->list.entries[i], time))
			bits[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return status;
}
