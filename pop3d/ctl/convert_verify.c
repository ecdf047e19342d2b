#include "pop3d/ctl/convert.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/octets.h"

/* The destination while it is read back. */
struct check {
	struct convert *c;
	struct mail_options options;
	struct mailstore *store;
	size_t count;
	struct mail_detail detail;
	size_t *numbers; /* of the source's message, for each one here */
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
	unsigned char digest[SHA256_DIGEST_LENGTH];
	const struct convert_item *item;
	enum mail_status status;
	bool stopped;
	SHA2_CTX sha;

	*right = false;
	check->numbers[j] = j;
	status = mail_detail_get(check->store, j, &check->detail);
	if (status != MAIL_OK)
		return status;
	if (c->to_maildir &&
		!convert_maildir_number(c, check->detail.name, &check->numbers[j]))
		return MAIL_OK;
	item = &c->items[check->numbers[j]];
	SHA256Init(&sha);
	status = convert_read(check->store, j,
		c->to_maildir
			? 0
			: convert_form(check->detail.name, check->detail.name_octets),
		NULL, hash_add, &sha, &stopped);
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

/*
 * The ids of the source's messages become those of the destination's.  An id that the
 * destination would give by itself needs nothing.
 */
static int
convert_ids(struct check *check)
{
	const struct mailstore *source = check->c->source->store;
	char old[MAIL_UID_MAX + 1], new[MAIL_UID_MAX + 1];
	enum mail_status status = MAIL_OK;
	size_t differ = 0;

	for (size_t j = 0; j < check->count && status == MAIL_OK; j++) {
		status =
			source->ops->uid(check->c->source->store, check->numbers[j], old);
		if (status == MAIL_OK)
			status = check->store->ops->uid(check->store, j, new);
		differ += status == MAIL_OK && strcmp(old, new) != 0;
	}
	if (status != MAIL_OK)
		return mailbox_status(check->c->source, status);
	return 0;
}

static int
store_check(struct check *check, bool *again)
{
	int status;

	if (check->count != check->c->source->count) {
		ctl_error("%s: %zu messages were written and %zu are read back",
			check->c->to.path, check->c->source->count, check->count);
		return EX_IOERR;
	}
	check->numbers =
		calloc(check->count > 0 ? check->count : 1, sizeof(*check->numbers));
	if (check->numbers == NULL) {
		ctl_error("out of memory");
		return EX_TEMPFAIL;
	}
	status = messages_compare(check, again);
	return status == 0 ? convert_ids(check) : status;
}

int
convert_verify(struct convert *c, bool *again)
{
	static struct check check;
	enum mail_status opened;
	int status;

	check = (struct check){.c = c, .options = c->source->options};
	*again = false;
	/* What belongs to it must be where it is. */
	check.options.home = "";
	opened = c->to.ops->open(&check.store, c->work, CONVERT_BUILT(c), &check.options);
	if (opened == MAIL_OK)
		opened = c->to.ops->load(check.store, &check.count);
	if (opened == MAIL_OK)
		status = store_check(&check, again);
	else {
		ctl_error("%s: what was written cannot be read back", c->to.path);
		status = EX_IOERR;
	}
	free(check.numbers);
	c->to.ops->close(check.store);
	return status;
}
