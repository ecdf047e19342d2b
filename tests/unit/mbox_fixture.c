#include "tests/unit/mbox_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/mbox_from.h"

__attribute__((format(printf, 3, 4))) static void
keep_log(void *cookie, int priority, const char *format, ...)
{
	struct mbox_fixture *f = cookie;
	va_list args;

	if (priority == LOG_DEBUG)
		return;
	f->logged++;
	va_start(args, format);
	vsnprintf(f->last_log, sizeof f->last_log, format, args);
	va_end(args);
}

int
mbox_fixture_set_up(void **state)
{
	struct mbox_fixture *f = calloc(1, sizeof *f);
	const char *tmp = getenv("TMPDIR");

	if (f == NULL)
		return -1;
	*state = f;
	snprintf(f->root, sizeof f->root, "%s/pop3d-test.XXXXXX",
		tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	/* Tests that give up root must get at what is in here. */
	if (mkdtemp(f->root) == NULL || chmod(f->root, 0755) != 0)
		return -1;
	snprintf(f->directory, sizeof f->directory, "%s/spool", f->root);
	snprintf(f->home, sizeof f->home, "%s/home", f->root);
	snprintf(f->path, sizeof f->path, "%s/box", f->directory);
	f->options = (struct mail_options){
		.max_messages = 1000000,
		.max_octets = UINT64_MAX,
		.mbox_locks = {MAIL_LOCK_FCNTL, MAIL_LOCK_DOTLOCK},
		.home = f->home,
		.log = keep_log,
		.cookie = f,
	};
	return mkdir(f->directory, 0700) != 0 || mkdir(f->home, 0700) != 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
mbox_fixture_tear_down(void **state)
{
	struct mbox_fixture *f = *state;
	int failed;

	if (f->store != NULL)
		mbox_fixture_close(f);
	failed = nftw(f->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return failed;
}

const char *
mbox_fixture_file(const struct mbox_fixture *f, const char *name)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/%s", f->root, name);
	return path;
}

bool
mbox_fixture_has(const struct mbox_fixture *f, const char *name)
{
	struct stat st;

	return lstat(mbox_fixture_file(f, name), &st) == 0;
}

static bool
is_kept(const char *name)
{
	const char *end = strrchr(name, '-');

	return end != NULL && (strcmp(end, "-index") == 0 || strcmp(end, "-uidl") == 0);
}

size_t
mbox_fixture_hidden(const struct mbox_fixture *f, const char *name)
{
	DIR *directory = opendir(mbox_fixture_file(f, name));
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		n += entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
		     strcmp(entry->d_name, "..") != 0 && !is_kept(entry->d_name);
	closedir(directory);
	return n;
}

static void
write_file(const char *path, const void *p, size_t n, int flags)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

void
mbox_fixture_write(const char *path, const void *p, size_t n)
{
	write_file(path, p, n, O_TRUNC);
}

void
mbox_fixture_append(const char *path, const void *p, size_t n)
{
	write_file(path, p, n, O_APPEND);
}

struct bytes
mbox_fixture_read(const char *path)
{
	struct bytes bytes;
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes.n = (size_t)st.st_size;
	bytes.p = malloc(bytes.n + 1);
	assert_non_null(bytes.p);
	assert_int_equal(read(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	bytes.p[bytes.n] = '\0';
	close(fd);
	return bytes;
}

void
mbox_fixture_put(const struct mbox_fixture *f, const char *text)
{
	mbox_fixture_write(f->path, text, strlen(text));
}

void
mbox_fixture_expect(const struct mbox_fixture *f, const char *text)
{
	struct bytes bytes = mbox_fixture_read(f->path);

	assert_string_equal((char *)bytes.p, text);
	assert_int_equal(bytes.n, strlen(text));
	free(bytes.p);
}

void
mbox_fixture_open(struct mbox_fixture *f)
{
	assert_int_equal(
		mailstore_mbox.open(&f->store, AT_FDCWD, f->path, &f->options), MAIL_OK);
	assert_ptr_equal(f->store->ops, &mailstore_mbox);
	assert_int_equal(mailstore_mbox.load(f->store, &f->count), MAIL_OK);
}

void
mbox_fixture_close(struct mbox_fixture *f)
{
	mailstore_mbox.close(f->store);
	f->store = NULL;
}

enum mail_status
mbox_fixture_message(struct mbox_fixture *f, size_t i, size_t chunk, struct bytes *bytes)
{
	struct mail_message *message;
	enum mail_status status;
	size_t n;

	*bytes = (struct bytes){NULL, 0};
	status = mailstore_mbox.message_open(f->store, i, &message);
	if (status != MAIL_OK)
		return status;
	do {
		bytes->p = realloc(bytes->p, bytes->n + chunk + 1);
		assert_non_null(bytes->p);
		n = 0;
		status = mailstore_mbox.message_read(
			message, bytes->p + bytes->n, chunk, &n);
		bytes->n += n;
	} while (status == MAIL_OK && n > 0);
	bytes->p[bytes->n] = '\0';
	mailstore_mbox.message_close(message);
	return status;
}

static size_t
model_octets(const unsigned char *p, size_t n)
{
	size_t octets = n;

	for (size_t i = 0; i < n; i++)
		octets += p[i] == '\n' && (i == 0 || p[i - 1] != '\r');
	if (n > 0 && p[n - 1] != '\n')
		octets += 2;
	return octets;
}

/* Octets of the line at i, with its end. */
static size_t
model_line(const unsigned char *p, size_t n, size_t i)
{
	const unsigned char *end = memchr(p + i, '\n', n - i);

	return end == NULL ? n - i : (size_t)(end - p) + 1 - i;
}

static size_t
model_empty(const unsigned char *p, size_t line)
{
	if (line == 1 && p[0] == '\n')
		return 1;
	return line == 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static void
model_end(struct mbox_entry *entry, const unsigned char *p, size_t end)
{
	size_t i = (size_t)entry->start, line = 1;

	entry->length = end - entry->start;
	entry->octets = model_octets(p + entry->start, (size_t)entry->length);
	for (bool empty = false; i < end && !empty; i += line) {
		line = model_line(p, end, i);
		empty = model_empty(p + i, line) > 0;
	}
	entry->header = i - entry->start;
}

size_t
mbox_fixture_model(
	const unsigned char *p, size_t n, struct mbox_entry *entries, size_t max)
{
	size_t found = 0, empty = 0, line;

	for (size_t i = 0; i < n; i += line) {
		line = model_line(p, n, i);
		if ((found == 0 || empty > 0) && line <= MBOX_FROM_MAX &&
			mbox_from_valid(p + i, line)) {
			if (found > 0)
				model_end(&entries[found - 1], p, i - empty);
			assert_true(found < max);
			entries[found].from = i;
			entries[found].start = i + line;
			entries[found++].hash = mbox_parse_hash(p + i, line);
			empty = 0;
		} else {
			empty = model_empty(p + i, line);
			if (found == 0 && empty == 0)
				return 0;
		}
	}
	if (found > 0)
		model_end(&entries[found - 1], p, n - empty);
	return found;
}

static unsigned
random_next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

struct bytes
mbox_fixture_random(unsigned seed)
{
	static const char *const parts[] = {"\n", "\n", "\n", "\r\n", "\r", "text",
		"From ", "From x", "From my point of view\n", "Subject: hi\n",
		"Status: RO\n", " more\n", ">From a Tue Nov 23 15:28:00 2025\n",
		"X-UID: 7\r\n", "\n\n", "\nFrom b@c Tue Nov 23 15:28:00 2025\n",
		"\n\nFrom d Mon Jan  1 00:00 2024\n",
		"\r\n\r\nFrom e Mon Jan  1 00:00:00 CET 2024\r\n", "."};
	const size_t count = sizeof parts / sizeof *parts;
	const size_t cap = 4096;
	struct bytes bytes = {malloc(cap), 0};
	size_t n;

	assert_non_null(bytes.p);
	random_next(&seed);
	n = random_next(&seed) % 60;
	bytes.n = (size_t)snprintf(
		(char *)bytes.p, cap, "From a@b Tue Nov 23 15:28:%02u 2025\n", seed % 60);
	for (size_t i = 0; i < n; i++) {
		const char *part = parts[random_next(&seed) % count];
		const size_t length = strlen(part);

		memcpy(bytes.p + bytes.n, part, length);
		bytes.n += length;
		/* Make lines differ, so that one cannot stand in for another. */
		if (random_next(&seed) % 8 == 0)
			bytes.p[bytes.n++] = (unsigned char)(random_next(&seed) % 256);
	}
	return bytes;
}
