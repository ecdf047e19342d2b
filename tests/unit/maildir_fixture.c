#include "tests/unit/maildir_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

__attribute__((format(printf, 3, 4))) static void
keep_log(void *cookie, int priority, const char *format, ...)
{
	struct maildir_fixture *f = cookie;
	va_list args;

	(void)priority;
	f->logged++;
	va_start(args, format);
	vsnprintf(f->last_log, sizeof(f->last_log), format, args);
	va_end(args);
}

int
maildir_fixture_set_up(void **state)
{
	static const char *const directories[] = {"", "/new", "/cur", "/tmp"};
	struct maildir_fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	char path[256];

	if (f == NULL)
		return -1;
	*state = f;
	f->options = (struct mail_options){
		.max_messages = 1000000,
		.max_octets = UINT64_MAX,
		.home = "",
		.log = keep_log,
		.cookie = f,
	};
	snprintf(f->root, sizeof(f->root), "%s/pop3d-test.XXXXXX",
		tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(f->root) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/Maildir", f->root);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", f->path, directories[i]);
		if (mkdir(path, 0700) != 0)
			return -1;
	}
	return 0;
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
maildir_fixture_tear_down(void **state)
{
	struct maildir_fixture *f = *state;
	int failed;

	if (f->store != NULL)
		maildir_fixture_close(f);
	failed = nftw(f->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return failed;
}

const char *
maildir_fixture_file(const struct maildir_fixture *f, const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	return path;
}

void
maildir_fixture_put(const struct maildir_fixture *f, const char *name, const char *text)
{
	const size_t n = strlen(text);
	const int fd = open(maildir_fixture_file(f, name),
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

bool
maildir_fixture_has(const struct maildir_fixture *f, const char *name)
{
	struct stat st;

	return lstat(maildir_fixture_file(f, name), &st) == 0;
}

void
maildir_fixture_rename(const struct maildir_fixture *f, const char *from, const char *to)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", f->path, from);
	assert_int_equal(rename(path, maildir_fixture_file(f, to)), 0);
}

void
maildir_fixture_open(struct maildir_fixture *f)
{
	assert_int_equal(
		mailstore_maildir.open(&f->store, AT_FDCWD, f->path, &f->options),
		MAIL_OK);
	assert_ptr_equal(f->store->ops, &mailstore_maildir);
	assert_int_equal(mailstore_maildir.load(f->store, &f->count), MAIL_OK);
}

void
maildir_fixture_close(struct maildir_fixture *f)
{
	mailstore_maildir.close(f->store);
	f->store = NULL;
}
