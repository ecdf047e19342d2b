#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mailstore/maildir.h"
#include "mailstore/maildir_name.h"

#define INDEX_NAME ".pop3d-index"
#define INDEX_FRESH ".pop3d-index-new"

/* Where the stamps of index.h are: each file has four. */
enum stamp { STAMP_NEW = 0, STAMP_CUR = 4, STAMP_IDS = 8, STAMP_UIDL = 12 };

#define MANY 100u /* messages that do not vanish unnoticed */

/* What of an entry's flags is about its octets, and what is worth keeping. */
#define COUNTS (MAILDIR_COUNTED | MAILDIR_TRUSTED | MAILDIR_AS_IS)
#define KEPT (COUNTS | MAILDIR_SETTLED)

static void
make_stamps(const struct maildir *m, uint64_t stamps[INDEX_STAMPS])
{
	const struct maildir_view *view = &m->list.view;
	struct stat st;

	memset(stamps, 0, INDEX_STAMPS * sizeof(*stamps));
	index_stamp(stamps + STAMP_NEW, &view->dirs[MAILDIR_NEW]);
	index_stamp(stamps + STAMP_CUR, &view->dirs[MAILDIR_CUR]);
	if (fstatat(m->root, MAILDIR_IDS, &st, AT_SYMLINK_NOFOLLOW) == 0)
		index_stamp(stamps + STAMP_IDS, &st);
	stamps[STAMP_UIDL] = m->options->uidl_source;
}

void
maildir_index_sweep(const struct maildir *m)
{
	(void)unlinkat(m->root, INDEX_FRESH, 0);
	(void)unlinkat(m->root, MAILDIR_IDS_FRESH, 0);
}

bool
maildir_index_open(struct maildir *m)
{
	struct maildir_view *view = &m->list.view;
	uint64_t stamps[INDEX_STAMPS];

	index_close(&m->index);
	free(m->index_body);
	m->index_body = NULL;
	if (!index_open(&m->index, INDEX_MAILDIR, m->root, INDEX_NAME,
		    m->options->max_messages))
		return false;
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		if (fstat(m->dirs[sub], &view->dirs[sub]) != 0)
			return false;
	make_stamps(m, stamps);
	view->settled = true;
	return (m->index.flags & INDEX_SURE) != 0 &&
	       memcmp(stamps, m->index.stamps, sizeof(stamps)) == 0;
}

/* A text of n octets and the NUL behind it; NULL if it is none. */
static const char *
get_text(struct index_cursor *cursor, size_t n)
{
	const char *text = (const char *)index_get(cursor, n + 1);

	return text != NULL && strnlen(text, n + 1) == n ? text : NULL;
}

static bool
is_file_name(const char *name)
{
	return name != NULL && name[0] != '\0' && name[0] != '.' &&
	       strchr(name, '/') == NULL;
}

static bool
is_uid(const char *uid)
{
	size_t n = 0;

	for (; uid[n] != '\0'; n++)
		if (uid[n] < 0x21 || uid[n] > 0x7E)
			return false;
	return n > 0 && n <= MAIL_UID_MAX;
}

static bool
entry_decode(struct index_cursor *cursor, struct maildir_entry *entry)
{
	const uint64_t sub = index_get_number(cursor, 1);
	const uint64_t flags = index_get_number(cursor, 2);
	const size_t name = (size_t)index_get_number(cursor, 1);
	const size_t uid = (size_t)index_get_number(cursor, 1);

	*entry = (struct maildir_entry){
		.sub = (uint8_t)sub,
		.flags = (uint16_t)flags,
		.octets = index_get_number(cursor, 8),
		.size = index_get_number(cursor, 8),
		.mtime = (int64_t)index_get_number(cursor, 8),
	};
	entry->name = get_text(cursor, name);
	entry->uid = get_text(cursor, uid);
	if (cursor->failed || sub >= MAILDIR_SUBS || (flags & ~(uint64_t)KEPT) != 0 ||
		!is_file_name(entry->name) || entry->uid == NULL)
		return false;
	entry->base = (uint8_t)maildir_name_base(entry->name);
	if (uid == 0)
		entry->uid = NULL;
	return uid == 0 || is_uid(entry->uid);
}

/* Make a list of the body, which stays in memory for its texts. */
static bool
list_decode(struct maildir *m, struct maildir_list *list)
{
	struct index_cursor cursor;
	struct maildir_entry entry;

	if (m->index_body == NULL)
		m->index_body = index_body(&m->index);
	if (m->index_body == NULL)
		return false;
	cursor = (struct index_cursor){
		.p = m->index_body, .left = (size_t)m->index.body_size};
	while (cursor.left > 0 && list->count <= m->index.count)
		if (!entry_decode(&cursor, &entry) || !maildir_list_adopt(list, &entry))
			return false;
	return list->count == m->index.count;
}

/* What does not decode is of no use to anybody. */
static bool
list_read(struct maildir *m, struct maildir_list *list)
{
	if (list_decode(m, list))
		return true;
	maildir_list_free(list);
	free(m->index_body);
	m->index_body = NULL;
	index_close(&m->index);
	return false;
}

bool
maildir_index_list(struct maildir *m)
{
	const struct maildir_view view = m->list.view;

	maildir_list_free(&m->list);
	m->list.view = view;
	m->ids_settled = (m->index.flags & INDEX_IDS) != 0;
	if (m->index.fd != -1 && list_read(m, &m->list))
		return true;
	m->list.view = view;
	m->ids_settled = false;
	return false;
}

static int
compare_entries(const struct maildir_entry *a, const struct maildir_entry *b)
{
	return maildir_name_compare(a->name, a->base, b->name, b->base);
}

static void
carry_entry(struct maildir_entry *entry, const struct maildir_entry *old, bool same_ids)
{
	if ((entry->flags & MAILDIR_RIVAL) != 0)
		return;
	entry->octets = old->octets;
	entry->size = old->size;
	entry->mtime = old->mtime;
	entry->flags |= old->flags & COUNTS;
	if (!same_ids)
		return;
	entry->uid = old->uid;
	entry->flags |= old->flags & MAILDIR_SETTLED;
}

void
maildir_index_carry(struct maildir *m)
{
	struct maildir_list old = {.entries = NULL};
	uint64_t stamps[INDEX_STAMPS];
	bool same_ids;
	size_t k = 0;

	/* Whatever has changed, the next session should find it in the index. */
	m->learned = true;
	if (m->index.fd == -1 || !list_read(m, &old))
		return;
	/* A directory that was mounted over, or lost: who looks after it should know. */
	if (m->list.count == 0 && old.count >= MANY)
		m->options->log(m->options->cookie, LOG_WARNING,
			"Maildir %s: all of %zu messages are gone", m->path, old.count);
	make_stamps(m, stamps);
	same_ids = memcmp(stamps + STAMP_IDS, m->index.stamps + STAMP_IDS,
			   (INDEX_STAMPS - STAMP_IDS) * sizeof(*stamps)) == 0;
	for (size_t i = 0; i < m->list.count; i++) {
		struct maildir_entry *entry = &m->list.entries[i];

		while (k < old.count && compare_entries(&old.entries[k], entry) < 0)
			k++;
		if (k < old.count && compare_entries(&old.entries[k], entry) == 0)
			carry_entry(entry, &old.entries[k], same_ids);
	}
	maildir_list_free(&old);
}

static bool
is_counted(const struct maildir_entry *entry)
{
	return (entry->flags & MAILDIR_COUNTED) != 0 && entry->size != MAILDIR_OTHER;
}

static void
entry_encode(struct index_buffer *buffer, const struct maildir_entry *entry)
{
	const char *uid = entry->uid != NULL ? entry->uid : "";
	const unsigned void_flags = is_counted(entry) ? 0 : COUNTS;

	index_put_number(buffer, entry->sub, 1);
	index_put_number(buffer, entry->flags & KEPT & ~void_flags, 2);
	index_put_number(buffer, strlen(entry->name), 1);
	index_put_number(buffer, strlen(uid), 1);
	index_put_number(buffer, entry->octets, 8);
	index_put_number(buffer, entry->size, 8);
	index_put_number(buffer, (uint64_t)entry->mtime, 8);
	index_put(buffer, entry->name, strlen(entry->name) + 1);
	index_put(buffer, uid, strlen(uid) + 1);
}

/* Put what stays into a body, and what that comes to into the index. */
static void
list_encode(const struct maildir *m, struct index *index, struct index_buffer *buffer)
{
	const unsigned gone = MAILDIR_GONE | MAILDIR_REMOVED;
	bool all_counted = true;
	uint64_t octets = 0;

	for (size_t i = 0; i < m->list.count; i++) {
		const struct maildir_entry *entry = &m->list.entries[i];

		/* What directories look like without it is not known yet. */
		if ((entry->flags & (gone | MAILDIR_RIVAL)) != 0) {
			index->flags &= ~(uint32_t)INDEX_SURE;
			continue;
		}
		index->count++;
		index->extra += entry->sub == MAILDIR_NEW;
		octets += entry->octets;
		all_counted = all_counted && is_counted(entry);
		entry_encode(buffer, entry);
	}
	index->octets = all_counted ? octets : INDEX_UNKNOWN;
	/* Which of several files with one base name are messages is found out anew. */
	if (m->list.twin_count > 0)
		index->flags &= ~(uint32_t)INDEX_SURE;
}

void
maildir_index_save(struct maildir *m)
{
	struct index index = {.kind = INDEX_MAILDIR};
	struct index_buffer buffer = {.bytes = NULL};

	if (m->spoiled)
		(void)unlinkat(m->root, INDEX_NAME, 0);
	if (m->spoiled || !m->listed || !m->learned)
		return;
	if (m->list.view.settled)
		index.flags |= INDEX_SURE;
	if (m->ids_settled)
		index.flags |= INDEX_IDS;
	make_stamps(m, index.stamps);
	list_encode(m, &index, &buffer);
	if (index.count == 0)
		(void)unlinkat(m->root, INDEX_NAME, 0);
	else if (!buffer.failed && !index_write(&index, buffer.bytes, buffer.n, m->root,
					   INDEX_NAME, INDEX_FRESH))
		maildir_log(m, LOG_INFO, "index not written", errno);
	free(buffer.bytes);
}
