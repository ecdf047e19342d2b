#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/mbox_journal.h"
#include "pop3d/ctl/check.h"
#include "pop3d/ctl/mailbox_repair.h"
#include "pop3d/ctl/writer.h"

struct recover {
	struct mailbox m;
	const char
		*saved; /* the name of a journal to be written as an mbox; NULL: none */
	const char *to;
	bool found; /* it was */
	int status;
	size_t journals; /* saved ones */
};

/* All octets from `at` on, to a file that is not there yet. */
static bool
bytes_copy(int from, uint64_t at, uint64_t octets, struct writer *writer)
{
	unsigned char buffer[16384];
	uint64_t done = 0;

	while (done < octets) {
		const size_t n = octets - done < sizeof(buffer) ? (size_t)(octets - done)
								: sizeof(buffer);

		if (!mbox_io_read(from, buffer, n, at + done) ||
			!writer_put(writer, buffer, n))
			return false;
		done += n;
	}
	return writer_flush(writer) && fsync(writer->fd) == 0;
}

static int
saved_write(const struct recover *r, int from, uint64_t at, uint64_t octets)
{
	struct writer *writer = malloc(sizeof(*writer));
	bool wrote = false;
	int error = ENOMEM;

	if (writer != NULL) {
		writer->n = 0;
		writer->fd = open(r->to,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		wrote = writer->fd >= 0 && bytes_copy(from, at, octets, writer);
		error = errno;
	}
	if (writer != NULL && writer->fd >= 0) {
		if (close(writer->fd) != 0)
			wrote = false;
		if (!wrote)
			(void)unlink(r->to);
	}
	free(writer);
	if (wrote)
		return 0;
	ctl_error("%s: %s", r->to, strerror(error));
	return EX_CANTCREAT;
}

/* A header that is damaged is said, and the bytes are written all the same. */
static int
saved_take(const struct recover *r, int dirfd, const char *name)
{
	const int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	unsigned char header[MBOX_JOURNAL_HEADER];
	struct mbox_journal journal;
	int status = EX_NOPERM;
	uint64_t at = MBOX_JOURNAL_TAIL;
	bool sound = false;
	struct stat st;

	if (fd >= 0 && mbox_io_read(fd, header, sizeof(header), 0)) {
		sound = mbox_journal_decode(&journal, header);
		at = mbox_journal_tail_at(header);
	}
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		st.st_uid != geteuid() || st.st_size < (off_t)at)
		ctl_error("%s is not a journal of pop3d", name);
	else {
		const uint64_t octets = (uint64_t)st.st_size - at;

		status = saved_write(r, fd, at, octets);
		if (status == 0)
			check_say("written", "", name, "%" PRIu64 " octets", octets);
		if (status == 0 && (!sound || journal.tail != octets)) {
			ctl_error("%s is damaged: see whether mail is missing", name);
			status = CTL_NO;
		}
	}
	if (fd >= 0)
		(void)close(fd);
	return status;
}

static bool
saved_find(void *cookie, enum mail_trace trace, int dirfd, const char *name)
{
	struct recover *r = cookie;
	struct stat st;

	if (trace != MAIL_TRACE_SAVED ||
		fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	r->journals++;
	if (r->saved == NULL)
		check_say("journal-saved", "", name, "%lld octets of mail",
			st.st_size > (off_t)MBOX_JOURNAL_TAIL
				? (long long)st.st_size - MBOX_JOURNAL_TAIL
				: 0LL);
	else if (strcmp(r->saved, name) == 0) {
		r->found = true;
		r->status = saved_take(r, dirfd, name);
	}
	return true;
}

static int
maildrop_recover(struct recover *r)
{
	int status = mailbox_open(&r->m);

	if (status != 0)
		return status;
	if (!mail_traces(r->m.store, saved_find, r)) {
		ctl_error("%s: %s", r->m.location.path, strerror(errno));
		return EX_TEMPFAIL;
	}
	if (r->saved == NULL)
		return r->journals > 0 ? CTL_NO : 0;
	if (r->found)
		return r->status;
	ctl_error("%s: there is no such journal with the maildrop", r->saved);
	return EX_NOINPUT;
}

/* The path to write to: a location of an mbox will do, too. */
static bool
to_check(struct recover *r)
{
	static const char driver[] = "mbox:";

	if (strncmp(r->to, driver, sizeof(driver) - 1) == 0)
		r->to += sizeof(driver) - 1;
	if (r->to[0] == '/')
		return true;
	ctl_error("the mbox to write to must be an absolute path");
	return false;
}

int
mailbox_recover(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option words[] = {
		{"saved", required_argument, NULL, 's'},
		{"to", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	static struct recover r;
	int option, status;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (option == 's')
			r.saved = strrchr(optarg, '/') != NULL ? strrchr(optarg, '/') + 1
							       : optarg;
		else if (option == 't')
			r.to = optarg;
		else
			return CTL_USAGE;
	}
	if (argc - optind != 1 || (r.saved == NULL) != (r.to == NULL))
		return CTL_USAGE;
	if (r.to != NULL && !to_check(&r))
		return EX_USAGE;
	status = mailbox_find(&r.m, context, argv[optind]);
	if (status == 0)
		status = maildrop_recover(&r);
	mailbox_close(&r.m);
	return status;
}
