#include "pop3d/ctl/mailbox_convert.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/ctl/convert.h"

#define TRIES 2 /* times to build: the second mends what a run before this one left */

/* Where the destination is.  Only what root or the owner typed is in it. */
static int
destination_read(struct convert *c, const char *target)
{
	int status = mailbox_location_read(c->source, &c->to, target);

	if (status != 0)
		return status;
	if (c->to.ops == c->source->location.ops) {
		ctl_error("source and destination are both of the form %s: copy it",
			c->to.ops->name);
		return EX_USAGE;
	}
	c->to_maildir = c->to.ops == &mailstore_maildir;
	return 0;
}

static int
build(struct convert *c)
{
	bool again = true;
	int status = 0;

	for (int tries = 0; tries < TRIES && again; tries++) {
		status = c->to_maildir ? convert_build_maildir(c) : convert_build_mbox(c);
		again = false;
		if (status == 0)
			status = convert_verify(c, &again);
	}
	if (again)
		ctl_error("%s: files change while they are read back", c->to.path);
	return status;
}

static int
convert_run(struct convert *c)
{
	bool done = false;
	int status = convert_work_check(c);

	if (status != 0)
		convert_work_sweep(c);
	if (status == 0)
		status = convert_scan(c);
	if (status == 0)
		status = convert_work_open(c);
	if (status == 0) {
		status = build(c);
		if (status == 0)
			status = convert_work_commit(c);
		done = status == 0;
		if (!done && c->to_maildir)
			ctl_error("the next run goes on where this one ended");
	}
	convert_work_close(c, !done);
	return status;
}

static int
source_remove(struct mailbox *m)
{
	const size_t octets = m->count / 8 + 1;
	unsigned char *all = malloc(octets);
	enum mail_status status = MAIL_TEMP;
	size_t removed = 0;

	if (all != NULL) {
		memset(all, 0xFF, octets);
		status = m->location.ops->update(m->store, all, &removed);
	}
	free(all);
	if (status == MAIL_OK)
		return 0;
	ctl_error("%zu of %zu messages were removed from the source", removed, m->count);
	return mailbox_status(m, status);
}

/* Mail that was delivered to the source meanwhile is not in the destination. */
static int
late_check(struct mailbox *m, size_t expected)
{
	int status;

	m->location.ops->close(m->store);
	m->store = NULL;
	status = mailbox_open(m);
	if (status != 0 || m->count <= expected)
		return status;
	ctl_error("%zu messages were delivered to the source meanwhile, which are not in "
		  "the destination",
		m->count - expected);
	return CTL_NO;
}

static int
source_convert(struct mailbox *m, const char *target, bool remove)
{
	static struct convert c;
	size_t count;
	int status;

	c = (struct convert){.source = m, .parent = -1, .work = -1};
	status = destination_read(&c, target);
	if (status == 0)
		status = mailbox_open(m);
	count = m->count;
	if (status == 0)
		status = convert_run(&c);
	convert_items_free(&c);
	if (status != 0)
		return status;
	(void)printf("messages: %zu, now in %s:%s\n", count, c.to.ops->name, c.to.path);
	if (remove && count > 0)
		status = source_remove(m);
	return status == 0 ? late_check(m, remove ? 0 : count) : status;
}

int
mailbox_convert(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"remove-source", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct mailbox m = {.store = NULL};
	bool remove = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option != 'r')
			return CTL_USAGE;
		remove = true;
	}
	if (argc - optind != 2)
		return CTL_USAGE;
	status = mailbox_find(&m, context, argv[optind]);
	if (status == 0)
		status = source_convert(&m, argv[optind + 1], remove);
	mailbox_close(&m);
	return status;
}
