#include "pop3d/ctl/convert.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/ids_give.h"
#include "mailstore/import.h"

/* The destination while it is read back. */
struct check {
	struct convert *c;
	struct mail_options options;
	struct mailstore *store;
	size_t count;
	struct mail_detail detail;
	size_t *numbers;               /* of the source's message, for each one here */
	char (*ids)[MAIL_UID_MAX + 1]; /* the source's, in the order here */
};

static bool
hash_add(void *cookie, const unsigned char *p, size_t n)
{
	SHA256Update(cookie, p, n);
	return true;
}

/* A time before 1970 cannot stand in a From_ line, and 0 says that it is not known. */
static bool
detail_is_right(const struct check *check, const struct convert_item *item)
{
	if (item->delivered > 0 && check->detail.delivered != item->delivered)
		return false;
	if (check->c->to_maildir)
		return check->detail.flags == item->flags;
	return convert_form(check->detail.name, check->detail.name_octets) ==
	       item->to_form;
}

/* Compare message j with the one of the source that it is; *right says how it went. */
static enum mail_status
message_compare(struct check *check, size_t j, bool *right)
{
	const struct convert *c = check->c;
	const struct convert_item *item = &c->items[check->numbers[j]];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	enum mail_status status;
	unsigned form = 0;
	bool stopped;
	SHA2_CTX sha;

	*right = false;
	status = mail_detail_get(check->store, j, &check->detail);
	if (status != MAIL_OK)
		return status;
	if (!c->to_maildir)
		form = convert_form(check->detail.name, check->detail.name_octets);
	SHA256Init(&sha);
	status = convert_read(check->store, j, form, NULL, hash_add, &sha, &stopped);
	SHA256Final(digest, &sha);
	*right = status == MAIL_OK && detail_is_right(check, item) &&
		 memcmp(digest, item->digest, sizeof(digest)) == 0;
	return status;
}

/*
 * A file of another run that is not what its name says: a power failure can do that to
 * what was not synced.
 */
static bool
file_remove(const struct check *check)
{
	static const char *const subs[] = {"Maildir/cur", "Maildir/new"};
	bool removed = false;

	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
		const int dir = openat(check->c->work, subs[i],
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0)
			continue;
		removed = unlinkat(dir, check->detail.name, 0) == 0 || removed;
		(void)close(dir);
	}
	return removed;
}

static int
messages_compare(struct check *check, bool *again)
{
	struct convert *c = check->c;
	enum mail_status status = MAIL_OK;
	size_t wrong = 0;

	progress_begin(&c->progress, "checking", check->count);
	for (size_t j = 0; j < check->count && status == MAIL_OK; j++) {
		bool right;

		mailbox_keep(c->source);
		status = message_compare(check, j, &right);
		if (status == MAIL_OK && !right) {
			wrong++;
			*again = c->to_maildir && file_remove(check);
		}
		progress_step(&c->progress, j + 1);
	}
	progress_end(&c->progress);
	if (status == MAIL_OK && wrong == 0)
		return 0;
	if (status == MAIL_OK && *again)
		return EX_IOERR;
	ctl_error("%s: what was written is not what is read back", c->to.path);
	return EX_IOERR;
}

/* Which message of the source each one here is, and the id that it has there. */
static enum mail_status
numbers_find(struct check *check)
{
	struct mailstore *source = check->c->source->store;
	enum mail_status status = MAIL_OK;

	for (size_t j = 0; j < check->count && status == MAIL_OK; j++) {
		check->numbers[j] = j;
		if (check->c->to_maildir)
			status = mail_detail_get(check->store, j, &check->detail);
		if (status == MAIL_OK && check->c->to_maildir &&
			!convert_maildir_number(
				check->c, check->detail.name, &check->numbers[j]))
			status = MAIL_CHANGED;
		if (status == MAIL_OK)
			status = source->ops->uid(
				source, check->numbers[j], check->ids[j]);
	}
	return status;
}

/*
 * The ids of the source's messages become those of the destination's, in this one place:
 * the driver keeps those that do not follow from what it sees.
 */
static enum mail_status
convert_ids(struct check *check)
{
	return mail_ids_give(
		check->store, (const char(*)[MAIL_UID_MAX + 1]) check->ids, check->count);
}

static enum mail_status
ids_compare(const struct check *check, bool *same)
{
	enum mail_status status = MAIL_OK;
	char uid[MAIL_UID_MAX + 1];

	*same = true;
	for (size_t j = 0; j < check->count && status == MAIL_OK; j++) {
		status = check->store->ops->uid(check->store, j, uid);
		*same = *same && status == MAIL_OK && strcmp(uid, check->ids[j]) == 0;
	}
	return status;
}

static enum mail_status
store_open(struct check *check)
{
	struct convert *c = check->c;
	enum mail_status status = c->to.ops->open(
		&check->store, c->work, CONVERT_BUILT(c), &check->options);

	return status == MAIL_OK ? c->to.ops->load(check->store, &check->count) : status;
}

static void
store_close(struct check *check)
{
	check->c->to.ops->close(check->store);
	check->store = NULL;
}

static int
store_fail(const struct check *check)
{
	ctl_error("%s: what was written cannot be read back", check->c->to.path);
	return EX_IOERR;
}

static int
ids_check(struct check *check)
{
	bool same;

	if (ids_compare(check, &same) != MAIL_OK)
		return store_fail(check);
	if (same)
		return 0;
	ctl_error("%s: the messages do not have the source's unique-ids",
		check->c->to.path);
	return EX_IOERR;
}

/* Once to give the ids, once more to see that all is as it should be. */
static int
store_check(struct check *check, bool *again)
{
	const size_t count = check->c->source->count;
	int status;

	if (store_open(check) != MAIL_OK)
		return store_fail(check);
	if (check->count != count) {
		ctl_error("%s: %zu messages were written and %zu are read back",
			check->c->to.path, count, check->count);
		return EX_IOERR;
	}
	if (numbers_find(check) != MAIL_OK || convert_ids(check) != MAIL_OK)
		return store_fail(check);
	store_close(check);
	if (store_open(check) != MAIL_OK || check->count != count)
		return store_fail(check);
	status = messages_compare(check, again);
	return status == 0 ? ids_check(check) : status;
}

int
convert_verify(struct convert *c, bool *again)
{
	static struct check check;
	const size_t count = c->source->count > 0 ? c->source->count : 1;
	int status = EX_TEMPFAIL;

	check = (struct check){.c = c, .options = c->source->options};
	*again = false;
	/* What belongs to it must be where it is, and no other server was here. */
	check.options.home = "";
	check.options.uidl_source = IMPORT_OWN;
	check.numbers = calloc(count, sizeof(*check.numbers));
	check.ids = calloc(count, sizeof(*check.ids));
	if (check.numbers == NULL || check.ids == NULL)
		ctl_error("out of memory");
	else
		status = store_check(&check, again);
	store_close(&check);
	free(check.numbers);
	free(check.ids);
	return status;
}
