#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/compressed_fixture.h"
#include "tests/unit/maildir_fixture.h"
#include "tests/unit/tests.h"

static const char mail[] = "Subject: x\n\n.dot\r\nlast line";
#define MAIL_SIZE (sizeof(mail) - 1)
#define MAIL_OCTETS 31u

static struct compressed file;

static void
put(const struct maildir_fixture *f, const char *name)
{
	const int fd = open(maildir_fixture_file(f, name),
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.p, file.n), (ssize_t)file.n);
	assert_int_equal(close(fd), 0);
}

static void
put_gzip(const struct maildir_fixture *f, const char *name)
{
	file.n = 0;
	compressed_gzip(&file, mail, MAIL_SIZE);
	put(f, name);
}

static void
put_zstd(const struct maildir_fixture *f, const char *name)
{
	file.n = 0;
	compressed_zstd(&file, mail, MAIL_SIZE);
	put(f, name);
}

static void
assert_octets(struct maildir_fixture *f, size_t i, uint64_t expected)
{
	uint64_t octets;

	assert_int_equal(mailstore_maildir.octets(f->store, i, &octets), MAIL_OK);
	assert_int_equal(octets, expected);
}

static enum mail_status
read_all(struct maildir_fixture *f, size_t i, size_t cap, size_t *total)
{
	struct mail_message *message;
	enum mail_status status;
	size_t n;

	*total = 0;
	status = mailstore_maildir.message_open(f->store, i, &message);
	if (status != MAIL_OK)
		return status;
	do {
		assert_true(*total + cap <= sizeof(compressed_got));
		status = mailstore_maildir.message_read(
			message, compressed_got + *total, cap, &n);
		*total += n;
	} while (n > 0);
	mailstore_maildir.message_close(message);
	return status;
}

static void
assert_mail(struct maildir_fixture *f, size_t i)
{
	for (size_t cap = 1; cap < MAIL_SIZE + 3; cap++) {
		size_t n;

		assert_int_equal(read_all(f, i, cap, &n), MAIL_OK);
		assert_int_equal(n, MAIL_SIZE);
		assert_memory_equal(compressed_got, mail, MAIL_SIZE);
	}
}

/* As another server leaves them: plain ones between them, and names that say nothing. */
static void
test_mixed(void **state)
{
	struct maildir_fixture *f = *state;

	put_gzip(f, "cur/1.a,S=27,W=31:2,Z");
	put_zstd(f, "cur/2.a:2,S");
	maildir_fixture_put(f, "new/3.gz", mail);
	put_gzip(f, "new/4.eml");
	maildir_fixture_open(f);
	assert_mail(f, 1);
	for (size_t i = 0; i < 4; i++) {
		assert_octets(f, i, MAIL_OCTETS);
		assert_mail(f, i);
		assert_octets(f, i, MAIL_OCTETS);
	}
	assert_int_equal(f->logged, 0);
}

/* A compressed file of no text, and text with nothing in it that compresses. */
static void
test_sizes(void **state)
{
	struct maildir_fixture *f = *state;
	static char text[200000];
	size_t n;

	compressed_text(text, sizeof(text));
	memset(text, '\n', 50000);
	file.n = 0;
	compressed_gzip(&file, "", 0);
	put(f, "new/1.a");
	file.n = 0;
	compressed_zstd(&file, text, sizeof(text));
	put(f, "new/2.a");
	maildir_fixture_put(f, "new/3.a", "");
	maildir_fixture_open(f);
	assert_octets(f, 0, 0);
	assert_int_equal(read_all(f, 0, 10, &n), MAIL_OK);
	assert_int_equal(n, 0);
	assert_octets(f, 2, 0);
	assert_int_equal(read_all(f, 1, 60000, &n), MAIL_OK);
	assert_int_equal(n, sizeof(text));
	assert_memory_equal(compressed_got, text, n);
}

/* Compressed by another program while we serve it, or the other way round. */
static void
test_compressed_meanwhile(void **state)
{
	const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct maildir_fixture *f = *state;
	size_t n;

	maildir_fixture_put(f, "new/1.a", mail);
	put_zstd(f, "new/2.a");
	put_gzip(f, "new/3.a");
	maildir_fixture_open(f);
	for (size_t i = 0; i < 3; i++)
		assert_octets(f, i, MAIL_OCTETS);
	put_gzip(f, "new/1.a");
	maildir_fixture_put(f, "new/2.a", mail);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(read_all(f, i, 10, &n), MAIL_CHANGED);
	/* Only the time is new. */
	assert_int_equal(
		utimensat(AT_FDCWD, maildir_fixture_file(f, "new/3.a"), times, 0), 0);
	assert_mail(f, 2);
}

/* It bars nobody from the others, it is not removed, and the log names it. */
static void
test_damaged(void **state)
{
	struct maildir_fixture *f = *state;
	const unsigned char deleted = 0;
	size_t n, removed;
	uint64_t octets;

	put_gzip(f, "new/1.broken");
	assert_int_equal(truncate(maildir_fixture_file(f, "new/1.broken"), 30), 0);
	put_zstd(f, "new/2.a");
	file.n = 0;
	compressed_raw(&file, "\xfd\x37\x7a\x58\x5a\0...", 9);
	put(f, "new/3.other");
	maildir_fixture_open(f);
	assert_int_equal(mailstore_maildir.octets(f->store, 0, &octets), MAIL_PERM);
	assert_non_null(strstr(f->last_log, "1.broken is not served: "));
	assert_non_null(strstr(f->last_log, "damaged"));
	assert_octets(f, 1, MAIL_OCTETS);
	assert_int_equal(mailstore_maildir.octets(f->store, 2, &octets), MAIL_PERM);
	assert_non_null(strstr(f->last_log, "3.other is not served: "));
	assert_non_null(strstr(f->last_log, "not supported"));
	assert_int_equal(f->logged, 2);
	assert_int_equal(read_all(f, 0, 100, &n), MAIL_PERM);
	assert_mail(f, 1);
	assert_int_equal(mailstore_maildir.update(f->store, &deleted, &removed), MAIL_OK);
	assert_true(maildir_fixture_has(f, "new/1.broken") ||
		    maildir_fixture_has(f, "cur/1.broken:2,"));
}

/* Damage that shows only when it is sent, as no octets had to be counted any more. */
static void
test_damaged_after_it_was_counted(void **state)
{
	struct maildir_fixture *f = *state;
	struct stat st;
	uint64_t octets;
	size_t n;

	put_gzip(f, "new/1.a");
	assert_int_equal(stat(maildir_fixture_file(f, "new/1.a"), &st), 0);
	maildir_fixture_open(f);
	assert_octets(f, 0, MAIL_OCTETS);
	file.p[file.n - 1] ^= 1;
	put(f, "new/1.a");
	{
		const struct timespec times[2] = {st.st_atim, st.st_mtim};

		assert_int_equal(
			utimensat(AT_FDCWD, maildir_fixture_file(f, "new/1.a"), times, 0),
			0);
	}
	assert_int_equal(read_all(f, 0, 10, &n), MAIL_PERM);
	assert_int_equal(f->logged, 1);
	/* The count is not kept for later. */
	assert_int_equal(mailstore_maildir.octets(f->store, 0, &octets), MAIL_PERM);
}

static void
test_log_is_bounded(void **state)
{
	struct maildir_fixture *f = *state;
	uint64_t octets;
	char name[32];

	file.n = 0;
	compressed_raw(&file, "\x1f\x8b\x08...", 6);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "new/%d.a", 10 + i);
		put(f, name);
	}
	maildir_fixture_open(f);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(
			mailstore_maildir.octets(f->store, i, &octets), MAIL_PERM);
	assert_int_equal(f->logged, 8);
	assert_non_null(strstr(f->last_log, "not logged"));
}

static void
test_limit(void **state)
{
	struct maildir_fixture *f = *state;
	uint64_t octets;

	put_gzip(f, "new/1.a");
	maildir_fixture_put(f, "new/2.a", mail);
	f->options.max_decompressed = MAIL_SIZE - 1;
	maildir_fixture_open(f);
	assert_int_equal(mailstore_maildir.octets(f->store, 0, &octets), MAIL_PERM);
	assert_octets(f, 1, MAIL_OCTETS);
	assert_non_null(strstr(f->last_log, "too large"));
	maildir_fixture_close(f);
	f->options.max_decompressed = MAIL_SIZE;
	maildir_fixture_open(f);
	assert_octets(f, 0, MAIL_OCTETS);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(                                                 \
		name, maildir_fixture_set_up, maildir_fixture_tear_down)

int
test_maildir_compressed(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mixed),
		TEST(test_sizes),
		TEST(test_compressed_meanwhile),
		TEST(test_damaged),
		TEST(test_damaged_after_it_was_counted),
		TEST(test_log_is_bounded),
		TEST(test_limit),
	};

	return cmocka_run_group_tests_name("maildir_compressed", tests, NULL, NULL);
}
