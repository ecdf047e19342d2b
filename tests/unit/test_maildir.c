#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailstore/session_lock.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static enum mail_status
try_open(struct maildir_fixture *f, const char *path)
{
	struct mailstore *store = NULL;
	const enum mail_status status =
		mailstore_maildir.open(&store, AT_FDCWD, path, &f->options);

	if (status == MAIL_OK)
		mailstore_maildir.close(store);
	else
		assert_null(store);
	return status;
}

static void
test_missing(void **state)
{
	struct maildir_fixture *f = *state;
	const unsigned char none = 0;
	size_t removed = 9;
	char path[256];

	snprintf(path, sizeof(path), "%s/other", f->root);
	snprintf(f->path, sizeof(f->path), "%s/other", f->root);
	maildir_fixture_open(f);
	assert_int_equal(f->count, 0);
	assert_int_equal(mailstore_maildir.update(f->store, &none, &removed), MAIL_OK);
	assert_int_equal(removed, 0);
	maildir_fixture_close(f);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(f->logged, 0);
}

/* An unmounted file system: a client told of no mail would forget what it has seen. */
static void
test_parent_missing(void **state)
{
	struct maildir_fixture *f = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/no/Maildir", f->root);
	assert_int_equal(try_open(f, path), MAIL_TEMP);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, path));
}

static void
test_parts_missing(void **state)
{
	static const char *const parts[] = {"new", "cur"};
	struct maildir_fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rmdir(maildir_fixture_file(f, parts[i])), 0);
		assert_int_equal(try_open(f, f->path), MAIL_TEMP);
		assert_int_equal(f->logged, i + 1);
		assert_false(maildir_fixture_has(f, parts[i]));
		assert_false(maildir_fixture_has(f, ".pop3d-lock"));
		assert_int_equal(mkdir(maildir_fixture_file(f, parts[i]), 0700), 0);
	}
}

static void
test_not_a_maildir(void **state)
{
	struct maildir_fixture *f = *state;
	char path[256], slash[260];

	snprintf(path, sizeof(path), "%s/link", f->root);
	assert_int_equal(symlink(f->path, path), 0);
	assert_int_equal(try_open(f, path), MAIL_PERM);
	snprintf(slash, sizeof(slash), "%s//", path);
	assert_int_equal(try_open(f, slash), MAIL_PERM);
	assert_false(maildir_fixture_has(f, ".pop3d-lock"));

	maildir_fixture_put(f, "file", "");
	assert_int_equal(try_open(f, maildir_fixture_file(f, "file")), MAIL_PERM);
	assert_int_equal(try_open(f, maildir_fixture_file(f, "file/x")), MAIL_PERM);

	assert_int_equal(rmdir(maildir_fixture_file(f, "cur")), 0);
	assert_int_equal(symlink("new", maildir_fixture_file(f, "cur")), 0);
	assert_int_equal(try_open(f, f->path), MAIL_PERM);
}

static void
test_relative_path(void **state)
{
	struct maildir_fixture *f = *state;
	const int dir = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct mailstore *store;
	size_t count;

	maildir_fixture_put(f, "new/1.a", "x\n");
	assert_int_equal(
		mailstore_maildir.open(&store, dir, "Maildir/", &f->options), MAIL_OK);
	assert_int_equal(mailstore_maildir.load(store, &count), MAIL_OK);
	assert_int_equal(count, 1);
	mailstore_maildir.close(store);
	assert_int_equal(
		mailstore_maildir.open(&store, dir, "none", &f->options), MAIL_OK);
	mailstore_maildir.close(store);
	assert_int_equal(mailstore_maildir.open(&store, dir, "", &f->options), MAIL_PERM);
	close(dir);
}

static void
test_busy(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_open(f);
	assert_int_equal(try_open(f, f->path), MAIL_BUSY);
	maildir_fixture_close(f);
	assert_int_equal(try_open(f, f->path), MAIL_OK);
	mailstore_maildir.close(NULL);
}

static void
assert_uid(struct maildir_fixture *f, size_t i, const char *expected)
{
	char uid[MAIL_UID_MAX + 1];

	assert_int_equal(mailstore_maildir.uid(f->store, i, uid), MAIL_OK);
	assert_string_equal(uid, expected);
}

/* A session that had no room for the file, and one that could make it. */
static void
test_busy_directory(void **state)
{
	struct maildir_fixture *f = *state;
	const int dirfd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct session_lock lock;

	assert_int_equal(session_lock_take_directory(&lock, dirfd, &f->options), MAIL_OK);
	assert_int_equal(try_open(f, f->path), MAIL_BUSY);
	session_lock_release(&lock, false);
	maildir_fixture_open(f);
	assert_int_equal(
		session_lock_take_directory(&lock, dirfd, &f->options), MAIL_BUSY);
	maildir_fixture_close(f);
	assert_int_equal(session_lock_take_directory(&lock, dirfd, &f->options), MAIL_OK);
	session_lock_release(&lock, false);
	close(dirfd);
}

static void
test_order(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1000000000.a", "");
	maildir_fixture_put(f, "new/999999999.b", "");
	maildir_fixture_put(f, "cur/999999999.a:2,FS", "");
	maildir_fixture_put(f, "cur/1000000000.b:2,", "");
	maildir_fixture_put(f, "cur/99999999999999999999999999999999.x", "");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 5);
	assert_uid(f, 0, "999999999.a");
	assert_uid(f, 1, "999999999.b");
	assert_uid(f, 2, "1000000000.a");
	assert_uid(f, 3, "1000000000.b");
	assert_uid(f, 4, "99999999999999999999999999999999.x");
}

static void
test_what_is_no_message(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "");
	maildir_fixture_put(f, "new/.hidden", "");
	maildir_fixture_put(f, "cur/.nfs0000123", "");
	maildir_fixture_put(f, "tmp/2.a", "");
	assert_int_equal(mkdir(maildir_fixture_file(f, "cur/3.a:2,"), 0700), 0);
	assert_int_equal(
		symlink("/etc/passwd", maildir_fixture_file(f, "cur/4.a:2,")), 0);
	assert_int_equal(mkfifo(maildir_fixture_file(f, "new/5.a"), 0600), 0);
	maildir_fixture_open(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->logged, 1);
	assert_non_null(strstr(f->last_log, " 3 entries"));
}

/* Which of two messages has these octets. */
static size_t
with_octets(struct maildir_fixture *f, uint64_t expected)
{
	uint64_t octets;
	size_t i = 0;

	do
		assert_int_equal(mailstore_maildir.octets(f->store, i, &octets), MAIL_OK);
	while (octets != expected && ++i < f->count);
	assert_true(i < f->count);
	return i;
}

/* Two files of one base name are two messages, whose ids outlive flags. */
static void
test_same_base(void **state)
{
	struct maildir_fixture *f = *state;
	char uid[2][MAIL_UID_MAX + 1];

	maildir_fixture_put(f, "new/1.a", "in new\n");
	maildir_fixture_put(f, "cur/1.a:2,S", "cur\n");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 2);
	for (size_t i = 0; i < 2; i++) {
		const size_t k = with_octets(f, i == 0 ? 8 : 5);

		assert_int_equal(mailstore_maildir.uid(f->store, k, uid[i]), MAIL_OK);
		assert_memory_equal(uid[i], "1.a/", 4);
	}
	assert_string_not_equal(uid[0], uid[1]);
	maildir_fixture_close(f);
	maildir_fixture_rename(f, "new/1.a", "cur/1.a:2,R");
	maildir_fixture_rename(f, "cur/1.a:2,S", "new/1.a");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 2);
	assert_uid(f, with_octets(f, 8), uid[0]);
	assert_uid(f, with_octets(f, 5), uid[1]);
	maildir_fixture_close(f);
	/* Without the other one the name is enough again. */
	assert_int_equal(unlink(maildir_fixture_file(f, "new/1.a")), 0);
	maildir_fixture_open(f);
	assert_int_equal(f->count, 1);
	assert_uid(f, 0, "1.a");
}

/* A session may ask again after a failure: nothing is listed twice. */
static void
test_load_again(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.a", "in new\n");
	maildir_fixture_put(f, "cur/1.a:2,S", "cur\n");
	maildir_fixture_put(f, "new/2.a", "");
	f->options.max_messages = 2;
	assert_int_equal(
		mailstore_maildir.open(&f->store, AT_FDCWD, f->path, &f->options),
		MAIL_OK);
	assert_int_equal(mailstore_maildir.load(f->store, &f->count), MAIL_LIMIT);
	f->options.max_messages = 3;
	assert_int_equal(mailstore_maildir.load(f->store, &f->count), MAIL_OK);
	assert_int_equal(f->count, 3);
	assert_uid(f, 2, "2.a");
}

static void
test_other_owner(void **state)
{
	static const char *const parts[] = {"", "new", "cur"};
	struct maildir_fixture *f = *state;

	if (geteuid() != 0)
		fail_msg("this test needs root");
	for (size_t i = 0; i < 3; i++) {
		const char *path = maildir_fixture_file(f, parts[i]);

		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(try_open(f, f->path), MAIL_PERM);
		assert_int_equal(f->logged, i + 1);
		assert_int_equal(chown(path, 0, 0), 0);
		assert_false(maildir_fixture_has(f, ".pop3d-lock"));
	}
	assert_int_equal(try_open(f, f->path), MAIL_OK);
}

/* A unique-id outlives flags and the move from new to cur. */
static void
test_uid_is_the_same(void **state)
{
	struct maildir_fixture *f = *state;

	maildir_fixture_put(f, "new/1.M2P3.host,S=12", "");
	maildir_fixture_open(f);
	assert_uid(f, 0, "1.M2P3.host,S=12");
	maildir_fixture_close(f);
	maildir_fixture_rename(f, "new/1.M2P3.host,S=12", "cur/1.M2P3.host,S=12:2,FRS");
	maildir_fixture_open(f);
	assert_uid(f, 0, "1.M2P3.host,S=12");
}

/* Names that are no unique-ids are served like others. */
static void
test_odd_names(void **state)
{
	static const char *const odd[] = {"new/1 a", "new/2\n\x01", "new/3\xC3\xA9\xFF",
		"cur/4%s%n:2,", "cur/:2,S", "cur/:2,F"};
	struct maildir_fixture *f = *state;
	char name[260] = "cur/5", uid[MAIL_UID_MAX + 1], before[MAIL_UID_MAX + 1] = "";

	memset(name + 5, 'x', 254);
	maildir_fixture_put(f, name, "long\n");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		maildir_fixture_put(f, odd[i], "odd\n");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 7);
	for (size_t i = 0; i < f->count; i++) {
		uint64_t octets;

		assert_int_equal(mailstore_maildir.uid(f->store, i, uid), MAIL_OK);
		assert_true(strlen(uid) >= 1 && strlen(uid) <= MAIL_UID_MAX);
		for (const char *p = uid; *p != '\0'; p++)
			assert_true(*p >= 0x21 && *p <= 0x7E);
		assert_string_not_equal(uid, before);
		memcpy(before, uid, sizeof(uid));
		assert_int_equal(mailstore_maildir.octets(f->store, i, &octets), MAIL_OK);
		assert_true(octets == 5 || octets == 6);
	}
}

/* Someone made a file whose name is the hash of another's. */
static void
test_uid_clash(void **state)
{
	struct maildir_fixture *f = *state;
	char a[MAIL_UID_MAX + 1], b[MAIL_UID_MAX + 1];

	maildir_fixture_put(f, "new/a b", "");
	maildir_fixture_put(f, "new/c8687a08aa5d6ed2044328fa6a697ab8", "");
	maildir_fixture_open(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(mailstore_maildir.uid(f->store, 0, a), MAIL_OK);
	assert_int_equal(mailstore_maildir.uid(f->store, 1, b), MAIL_OK);
	assert_string_equal(a, "c8687a08aa5d6ed2044328fa6a697ab8");
	assert_string_equal(b, "c8687a08aa5d6ed2044328fa6a697ab8.2");
}

static void
test_limit(void **state)
{
	struct maildir_fixture *f = *state;
	char name[32];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "new/%d.a", i);
		maildir_fixture_put(f, name, "");
	}
	f->options.max_messages = 20;
	maildir_fixture_open(f);
	assert_int_equal(f->count, 20);
	maildir_fixture_close(f);
	for (size_t max = 0; max < 20; max += 19) {
		f->options.max_messages = max;
		f->logged = 0;
		assert_int_equal(
			mailstore_maildir.open(&f->store, AT_FDCWD, f->path, &f->options),
			MAIL_OK);
		assert_int_equal(mailstore_maildir.load(f->store, &f->count), MAIL_LIMIT);
		assert_int_equal(f->logged, 1);
		maildir_fixture_close(f);
	}
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_missing),
		TEST(test_parent_missing),
		TEST(test_parts_missing),
		TEST(test_not_a_maildir),
		TEST(test_relative_path),
		TEST(test_busy),
		TEST(test_busy_directory),
		TEST(test_order),
		TEST(test_what_is_no_message),
		TEST(test_same_base),
		TEST(test_load_again),
		TEST(test_other_owner),
		TEST(test_uid_is_the_same),
		TEST(test_odd_names),
		TEST(test_uid_clash),
		TEST(test_limit),
	};

	return cmocka_run_group_tests_name("maildir", tests, NULL, NULL);
}
