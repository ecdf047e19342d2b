#include "pop3d/ctl/userlist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/userfile.h"

static void
span_print(struct auth_span span)
{
	if (span.n == 0)
		(void)printf("-\t");
	else
		(void)printf("%.*s\t", (int)span.n, (const char *)span.p);
}

static void
id_print(uint32_t id)
{
	if (id == UINT32_MAX)
		(void)printf("-\t");
	else
		(void)printf("%lu\t", (unsigned long)id);
}

static void
entry_print(const struct userfile_entry *entry, userlist_print *secret_print)
{
	const char *comma = "";

	span_print(entry->user);
	secret_print(entry->password);
	id_print(entry->uid);
	id_print(entry->gid);
	span_print(entry->home);
	span_print(entry->mail);
	if (entry->nologin) {
		(void)printf("nologin");
		comma = ",";
	}
	if (entry->nopassword) {
		(void)printf("%snopassword", comma);
		comma = ",";
	}
	if (entry->allow_nets.p != NULL || entry->allow_real_nets.p != NULL) {
		(void)printf("%sallow_nets", comma);
		comma = ",";
	}
	if (entry->scram.n > 0) {
		(void)printf("%sscram", comma);
		comma = ",";
	}
	(void)printf("%s\n", comma[0] == '\0' ? "-" : "");
}

static bool
line_show(const char *file, const struct userfile_reader *reader, struct auth_span line,
	bool too_long, userlist_print *secret_print)
{
	struct userfile_entry entry;
	const char *fault;

	fault = too_long ? "line too long" : userfile_parse(line, &entry);
	if (fault != NULL)
		ctl_error("%s:%lu: %s", file, reader->number, fault);
	else
		entry_print(&entry, secret_print);
	return fault == NULL;
}

/* With a user, only the entry that counts for a login: the first one. */
static int
list_show(const struct passwd_options *options, int fd, userlist_print *secret_print)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct auth_span line;
	bool one = options->user[0] != '\0', good = true, found = false;

	userfile_start(&reader, fd);
	for (;;) {
		status = one ? userfile_find(&reader, options->user, &line)
			     : userfile_next(&reader, &line);
		if ((status != USERFILE_LINE && status != USERFILE_LONG) ||
			(one && found))
			break;
		if (!userfile_is_entry(line))
			continue;
		found = true;
		if (!line_show(options->file, &reader, line, status == USERFILE_LONG,
			    secret_print))
			good = false;
	}
	if (status == USERFILE_ERROR) {
		ctl_error("%s: %s", options->file, strerror(errno));
		return EX_TEMPFAIL;
	}
	if (one && !found) {
		ctl_error("%s: no such user", options->user);
		return CTL_NO;
	}
	return good ? 0 : EX_CONFIG;
}

int
userlist_show(const struct passwd_options *options, userlist_print *secret_print)
{
	int fd, status;

	fd = open(options->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		ctl_error("%s: %s", options->file, strerror(errno));
		return EX_CONFIG;
	}
	status = list_show(options, fd, secret_print);
	(void)close(fd);
	return status;
}
