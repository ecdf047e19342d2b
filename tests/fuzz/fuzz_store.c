/*
 * A session over a maildrop of any content, with journals, ids and whatever else beside
 * it.  Before and after it the maildrop is listed: ids are valid and different, octets as
 * told, and what is listed afterwards was there before; all of it if nothing was deleted.
 * The input: options, then records of a type, a length (two octets) and data.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/import.h"
#include "mailstore/maildir_name.h"
#include "mailstore/mbox_journal.h"
#include "mailstore/octets.h"

/* The loop that serves a session is private to this file. */
#include "pop3d/session.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LISTED_MAX 64u

enum option {
	OPTION_MAILDIR = 1u << 0,
	OPTION_FEW = 1u << 1,    /* messages and octets */
	OPTION_SOURCE = 4,       /* times this: enum import_source */
	OPTION_EXPIRE = 1u << 7, /* what was retrieved is removed */
};

enum record {
	RECORD_MAIL,    /* mbox: octets of it */
	RECORD_JOURNAL, /* mbox: a journal that is sound in itself */
	RECORD_BESIDE,  /* a file beside it: which one, content */
	RECORD_MESSAGE, /* Maildir: which directory, name up to a NUL, content */
	RECORD_SAID,    /* what the client says */
	RECORDS,
};

struct listed {
	char uid[MAIL_UID_MAX + 1];
	uint64_t octets, hash;
	enum mail_status status; /* of reading it */
};

struct listing {
	bool good;
	size_t n;
	struct listed messages[LISTED_MAX];
};

static char root[] = "/dev/shm/pop3d-fuzz-store-XXXXXX";
static int root_fd = -1;
static struct session session;
static struct connection connection;
static struct service service;
static struct config *config;
static struct mail_options options;
static const struct mailstore_ops *ops;
static const char *path;
/* The names that messages of a Maildir got. */
static char names[LISTED_MAX][256];
static size_t n_names;

static void
check(bool good)
{
	if (!good)
		abort();
}

static void log_nothing(void *cookie, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
log_nothing(void *cookie, int priority, const char *format, ...)
{
	(void)cookie;
	(void)priority;
	(void)format;
}

/* Everything below a directory, which is closed. */
static void
empty_directory(int fd)
{
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;

	if (stream == NULL)
		abort();
	while ((entry = readdir(stream)) != NULL) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(fd, name, 0) == 0)
			continue;
		check(errno == EISDIR);
		empty_directory(openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		check(unlinkat(fd, name, AT_REMOVEDIR) == 0);
	}
	check(closedir(stream) == 0);
}

/* Append to a file below the root; what cannot be the name of one is passed over. */
static void
put(const char *name, const uint8_t *p, size_t n)
{
	int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	check(write(fd, p, n) == (ssize_t)n);
	check(close(fd) == 0);
}

static uint64_t
hash_of(const uint8_t *p, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 1099511628211u;
	return hash;
}

/*
 * The input says where the tail goes, its flags and how much mail was delivered since;
 * the rest of the data is the tail.  The checksums are right, but for those that it
 * wants wrong.
 */
static void
put_journal(const uint8_t *p, size_t n)
{
	unsigned char header[MBOX_JOURNAL_TAIL] = {0};
	struct mbox_journal journal = {0};
	struct mbox box = {.fd = openat(root_fd, "box", O_RDWR | O_CLOEXEC)};
	struct checksum *sum = checksum_new();
	struct stat st;

	check(sum != NULL);
	if (box.fd >= 0 && n >= 4 && fstat(box.fd, &st) == 0 && st.st_size >= p[3]) {
		journal.size = (uint64_t)(st.st_size - p[3]);
		journal.first = (uint64_t)p[0] | (uint64_t)p[1] << 8;
		journal.done = (p[2] & 1) != 0;
		journal.last_deleted = (p[2] & 2) != 0;
		journal.tail = n - 4;
		memset(journal.mark, 'm', sizeof(journal.mark));
		checksum_begin(sum, mbox_journal_seed(&journal));
		checksum_add(sum, p + 4, n - 4);
		checksum_end(sum, journal.tail_sum);
		if (journal.first + journal.tail + MBOX_JOURNAL_MARK <= journal.size)
			(void)mbox_io_checksum(mbox_journal_rest(&box, &journal),
				mbox_journal_seed(&journal), journal.rest_sum, NULL);
		journal.tail_sum[0] ^= p[2] & 4;
		journal.rest_sum[0] ^= p[2] & 8;
		if ((p[2] & 16) != 0)
			(void)pwrite(box.fd, journal.mark, sizeof(journal.mark),
				(off_t)(journal.first + journal.tail));
		mbox_journal_encode(&journal, header);
		put(".box.pop3d-journal", header, sizeof(header));
		put(".box.pop3d-journal", p + 4, n - 4);
	}
	if (box.fd >= 0)
		check(close(box.fd) == 0);
	checksum_free(sum);
}

static void
put_beside(const uint8_t *p, size_t n)
{
	static const char *const names[] = {".box.pop3d-journal",
		".box.pop3d-journal-new", ".box.pop3d-index", ".box.pop3d-uidl",
		".box.pop3d-uidl-new", "M/.pop3d-index", "M/.pop3d-uidl",
		"M/.pop3d-uidl-new", "M/maildirsize", "M/dovecot-uidlist",
		"M/courierpop3dsizelist", "M/maildirfolder", "box.lock",
		".box.pop3d-lock", "M/.pop3d-lock", "M/.pop3d-login"};

	if (n > 0)
		put(names[p[0] % (sizeof(names) / sizeof(names[0]))], p + 1, n - 1);
}

static void
put_message(const uint8_t *p, size_t n)
{
	static const char *const directories[] = {"new", "cur", "tmp"};
	const uint8_t *nul = n > 2 ? memchr(p + 1, '\0', n - 1) : NULL;
	char name[300];

	if (nul == NULL || nul - p > 255 || n_names == LISTED_MAX ||
		memchr(p + 1, '/', (size_t)(nul - p)) != NULL)
		return;
	memcpy(names[n_names++], p + 1, (size_t)(nul - p));
	(void)snprintf(name, sizeof(name), "M/%s/%s", directories[p[0] % 3],
		(const char *)p + 1);
	put(name, nul + 1, n - (size_t)(nul + 1 - p));
}

/* Make all of the maildrop; returns what the client says, of *said octets. */
static const uint8_t *
put_records(const uint8_t *p, size_t size, size_t *said)
{
	const uint8_t *words = NULL;

	*said = 0;
	while (size >= 3) {
		size_t n = (size_t)p[1] | (size_t)p[2] << 8;
		enum record type = (enum record)(p[0] % RECORDS);

		p += 3;
		size -= 3;
		n = n > size ? size : n;
		if (type == RECORD_MAIL)
			put("box", p, n);
		else if (type == RECORD_JOURNAL)
			put_journal(p, n);
		else if (type == RECORD_BESIDE)
			put_beside(p, n);
		else if (type == RECORD_MESSAGE)
			put_message(p, n);
		else if (type == RECORD_SAID) {
			words = p;
			*said = n;
		}
		p += n;
		size -= n;
	}
	return words;
}

static void
read_message(struct mailstore *store, size_t i, struct listed *listed)
{
	struct mail_message *message;
	struct octets sent = {0};
	unsigned char buf[512];
	size_t n = 1;

	listed->hash = 0;
	listed->status = ops->message_open(store, i, &message);
	if (listed->status != MAIL_OK)
		return;
	while (n > 0 && listed->status == MAIL_OK) {
		listed->status = ops->message_read(message, buf, sizeof(buf), &n);
		if (listed->status == MAIL_OK) {
			octets_add(&sent, buf, n);
			listed->hash = hash_of(buf, n, listed->hash);
		}
	}
	check(listed->status != MAIL_OK || octets_total(&sent) == listed->octets);
	ops->message_close(message);
}

static void
list_message(struct mailstore *store, struct listing *listing, size_t i)
{
	struct listed *listed = &listing->messages[i];

	if (ops->octets(store, i, &listed->octets) != MAIL_OK ||
		ops->uid(store, i, listed->uid) != MAIL_OK) {
		listing->good = false;
		return;
	}
	check(listed->uid[0] != '\0' && strlen(listed->uid) <= MAIL_UID_MAX);
	for (const char *p = listed->uid; *p != '\0'; p++)
		check(*p >= 0x21 && *p <= 0x7e);
	for (size_t j = 0; j < i; j++)
		check(strcmp(listing->messages[j].uid, listed->uid) != 0);
	read_message(store, i, listed);
}

/* As a session of its own. */
static void
list(struct listing *listing)
{
	unsigned char bits[LISTED_MAX / 8 + 1] = {0};
	struct mailstore *store;

	memset(listing, 0, sizeof(*listing));
	if (ops->open(&store, AT_FDCWD, path, &options) != MAIL_OK)
		return;
	if (ops->load(store, &listing->n) == MAIL_OK) {
		check(listing->n <= options.max_messages);
		listing->good = true;
		for (size_t i = 0; listing->good && i < listing->n; i++)
			list_message(store, listing, i);
		(void)ops->older(store, 1000000000, bits);
	}
	ops->close(store);
}

static const struct listed *
find(const struct listing *listing, const char *uid)
{
	for (size_t i = 0; i < listing->n; i++)
		if (strcmp(listing->messages[i].uid, uid) == 0)
			return &listing->messages[i];
	return NULL;
}

/* Of two messages with one base name, the one that is left gets another id. */
static bool
has_rivals(void)
{
	for (size_t i = 0; i < n_names; i++)
		for (size_t j = 0; j < i; j++) {
			size_t n = maildir_name_base(names[i]);

			if (n == maildir_name_base(names[j]) &&
				memcmp(names[i], names[j], n) == 0)
				return true;
		}
	return false;
}

static void
compare(const struct listing *before, const struct listing *after, bool all)
{
	if (!before->good || !after->good || (!all && has_rivals()))
		return;
	check(after->n == before->n || (!all && after->n < before->n));
	for (size_t i = 0; i < after->n; i++) {
		const struct listed *now = &after->messages[i];
		const struct listed *then = find(before, now->uid);

		check(then != NULL && then->octets == now->octets &&
			then->hash == now->hash && then->status == now->status);
	}
}

/* A stream that n octets are read from, and that takes what is written. */
static void
start_session(struct mailstore *store, int in, int out)
{
	memset(&session, 0, sizeof(session));
	memset(&connection, 0, sizeof(connection));
	connection.service = &service;
	stream_init(&connection.stream, in, out);
	session.connection = &connection;
	mail_policy_of_all(&session.policy, config);
	session.user = "jo";
	session.mechanism = "USER";
	session.ops = ops;
	session.store = store;
	output_init(&session.output, &connection.stream, 1, session.output_buf,
		sizeof(session.output_buf));
	line_reader_init(&session.reader, &connection.stream, true);
}

static void
serve(const uint8_t *said, size_t n)
{
	struct mailstore *store;
	int in, out;

	if (ops->open(&store, AT_FDCWD, path, &options) != MAIL_OK)
		return;
	in = memfd_create("said", MFD_CLOEXEC);
	out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	check(in >= 0 && out >= 0);
	check(write(in, said, n) == (ssize_t)n && lseek(in, 0, SEEK_SET) == 0);
	start_session(store, in, out);
	while (serve_line(&session))
		;
	if (session.store != NULL)
		ops->close(session.store);
	check(close(in) == 0 && close(out) == 0);
	free(session.deleted);
	free(session.expired);
	free(session.gone);
	free(session.sized);
}

/* Whether anything may be removed. */
static bool
removes(const uint8_t *said, size_t n)
{
	if (config->mail.expire != CONFIG_NEVER)
		return true;
	for (size_t i = 0; i + 4 <= n; i++)
		if (strncasecmp((const char *)said + i, "DELE", 4) == 0)
			return true;
	return false;
}

static void
remove_root(void)
{
	empty_directory(root_fd);
	(void)rmdir(root);
}

static void
set_up(uint8_t option)
{
	static char box[64], maildir[64];
	int fd;

	if (root_fd < 0) {
		check(mkdtemp(root) != NULL && atexit(remove_root) == 0);
		root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		config = config_new();
		check(root_fd >= 0 && config != NULL);
		(void)snprintf(box, sizeof(box), "%s/box", root);
		(void)snprintf(maildir, sizeof(maildir), "%s/M", root);
		service.config = config;
	}
	n_names = 0;
	config->mail.expire = (option & OPTION_EXPIRE) != 0 ? 0 : CONFIG_NEVER;
	fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	empty_directory(fd);
	ops = (option & OPTION_MAILDIR) != 0 ? &mailstore_maildir : &mailstore_mbox;
	path = ops == &mailstore_mbox ? box : maildir;
	options = (struct mail_options){
		.max_messages = (option & OPTION_FEW) != 0 ? 2 : LISTED_MAX,
		.max_octets = (option & OPTION_FEW) != 0 ? 300 : UINT64_MAX,
		.max_decompressed = (option & OPTION_FEW) != 0 ? 100 : 1000000,
		.mbox_locks = {MAIL_LOCK_FCNTL, MAIL_LOCK_DOTLOCK},
		.uidl_source = option / OPTION_SOURCE % (IMPORT_QPOPPER + 1u),
		.home = root,
		.log = log_nothing};
	if (ops == &mailstore_maildir)
		check(mkdirat(root_fd, "M", 0700) == 0 &&
			mkdirat(root_fd, "M/new", 0700) == 0 &&
			mkdirat(root_fd, "M/cur", 0700) == 0 &&
			mkdirat(root_fd, "M/tmp", 0700) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct listing before, after;
	const uint8_t *said;
	size_t n;

	if (size < 1)
		return 0;
	set_up(data[0]);
	said = put_records(data + 1, size - 1, &n);
	list(&before);
	serve(said != NULL ? said : data, n);
	list(&after);
	compare(&before, &after, !removes(said != NULL ? said : data, n));
	return 0;
}
