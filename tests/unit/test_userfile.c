#include "tests/unit/auth_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/userfile.h"
#include "tests/unit/tests.h"

static struct userfile_reader reader;
static struct userfile_entry entry;
static int fd;

static void
assert_span(struct auth_span span, const char *text)
{
	assert_int_equal(span.n, strlen(text));
	if (span.n > 0)
		assert_memory_equal(span.p, text, span.n);
}

/* Parse a copy that ends where it ends, for the sanitizers to watch. */
static const char *
parse(const char *text)
{
	static unsigned char *copy;
	size_t n = strlen(text);

	free(copy);
	copy = malloc(n > 0 ? n : 1);
	assert_non_null(copy);
	memcpy(copy, text, n);
	return userfile_parse((struct auth_span){copy, n}, &entry);
}

static void
full_entry(void **state)
{
	(void)state;
	assert_null(
		parse("jo:{ARGON2ID}$x:1000:100:Jo, Room 1:/home/jo:/bin/sh:"
		      "userdb_mail=maildir:/srv/mail/jo userdb_quota_rule=*:storage=1G"));
	assert_span(entry.user, "jo");
	assert_span(entry.password, "{ARGON2ID}$x");
	assert_int_equal(entry.uid, 1000);
	assert_int_equal(entry.gid, 100);
	assert_span(entry.home, "/home/jo");
	assert_span(entry.mail, "maildir:/srv/mail/jo");
	assert_false(entry.nologin || entry.nopassword || entry.allow_nets.p != NULL);
}

static void
fields_may_be_missing(void **state)
{
	static const char *const lines[] = {"jo:x", "jo:x:", "jo:x::", "jo:x:::",
		"jo:x::::", "jo:x:::::", "jo:x::::::", "jo:x:::gecos:::  "};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_null(parse(lines[i]));
		assert_span(entry.user, "jo");
		assert_span(entry.password, "x");
		assert_true(entry.uid == (uid_t)-1 && entry.gid == (gid_t)-1);
		assert_span(entry.home, "");
		assert_span(entry.mail, "");
	}
	assert_null(parse("jo"));
	assert_span(entry.password, "");
}

static void
delay_and_expiry(void **state)
{
	static const char *const wrong[] = {"login_delay=", "login_delay=-1",
		"login_delay=1s", "login_delay=4294967294", "login_delay=never",
		"expire=", "expire=Never", "expire=30d", "expire=4294967295", "expire"};
	char line[64];

	(void)state;
	assert_null(parse("jo:x"));
	assert_true(entry.login_delay == AUTH_UNSET && entry.expire == AUTH_UNSET);
	assert_null(parse("jo:x::::::userdb_login_delay=0 userdb_expire=0"));
	assert_true(entry.login_delay == 0 && entry.expire == 0);
	assert_null(parse("jo:x::::::userdb_expire=never userdb_login_delay=600"));
	assert_true(entry.login_delay == 600 && entry.expire == AUTH_EXPIRE_NEVER);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(line, sizeof(line), "jo:x::::::userdb_%s", wrong[i]);
		assert_non_null(parse(line));
	}
}

static void
extra_words(void **state)
{
	(void)state;
	assert_null(
		parse("jo:x:1:2::/a::userdb_home=/b userdb_uid=3 userdb_gid=4  nologin"));
	assert_span(entry.home, "/b");
	assert_int_equal(entry.uid, 3);
	assert_int_equal(entry.gid, 4);
	assert_true(entry.nologin);
	assert_null(parse("jo:x::::::nologin=y nopassword=y allow_nets=127.0.0.0/8"));
	assert_true(entry.nologin && entry.nopassword && entry.allow_nets.n == 11);
	assert_null(parse("jo:x::::::nologins userdb_mailx=1 =nologin proxy host=a:b"));
	assert_false(entry.nologin || entry.nopassword || entry.allow_nets.p != NULL);
	assert_span(entry.mail, "");
	/* Dovecot's form of long ago. */
	assert_null(parse("jo:x:1:2::/a:/bin/sh::mbox:/var/mail/jo"));
	assert_span(entry.mail, "mbox:/var/mail/jo");
}

static void
broken_entries(void **state)
{
	static const char *const lines[] = {
		"jo:x:-1",
		"jo:x:+1",
		"jo:x:1a",
		"jo:x: 1",
		"jo:x:0x1",
		"jo:x:4294967295",
		"jo:x:4294967296",
		"jo:x:18446744073709551617",
		"jo:x:99999999999",
		"jo:x:jo",
		"jo:x:1:-1",
		"jo:x:1:users",
		"jo:x:1:4294967295",
		"jo:x:1:1::home/jo",
		"jo:x::::::userdb_uid=",
		"jo:x::::::userdb_uid=jo",
		"jo:x::::::userdb_gid=-1",
		"jo:x::::::userdb_home=rel",
		"jo:\x01",
		"jo:x::::::\ttab",
		"jo:x\r:1",
		"\x7f:x",
		":x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i]) == NULL)
			fail_msg("\"%s\" is taken", lines[i]);
	assert_null(parse("jo:x:0:4294967294"));
	assert_int_equal(entry.uid, 0);
	assert_true(entry.gid == 4294967294u);
}

static void
limits_of_length(void **state)
{
	char line[USERFILE_LINE_MAX + 2];
	char *end;

	(void)state;
	memset(line, 'a', sizeof(line));
	line[USERFILE_LINE_MAX + 1] = '\0';
	line[2] = ':';
	assert_string_equal(parse(line), "line too long");
	line[USERFILE_LINE_MAX] = '\0';
	assert_null(parse(line));
	line[256] = '\0';
	line[2] = 'a';
	assert_non_null(parse(line));
	line[255] = '\0';
	assert_null(parse(line));
	for (size_t n = 1023; n <= 1024; n++) {
		(void)snprintf(line, sizeof(line), "jo:x::::/");
		memset(line + 9, 'h', 2000);
		line[8 + n] = '\0';
		assert_true((parse(line) == NULL) == (n == 1023));
		end = line + snprintf(line, sizeof(line), "jo:x::::::userdb_mail=");
		memset(end, 'm', 2000);
		end[n] = '\0';
		assert_true((parse(line) == NULL) == (n == 1023));
	}
}

static void
start(const char *text, size_t n, size_t chunk)
{
	fixture_write("users", text, n, 0600);
	if (fd >= 0)
		(void)close(fd);
	fd = open(fixture_path("users"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	userfile_start(&reader, fd);
	reader.chunk = chunk;
}

static enum userfile_status
find(const char *user, struct auth_span *line)
{
	size_t chunk = reader.chunk;

	userfile_start(&reader, fd);
	reader.chunk = chunk;
	return userfile_find(&reader, user, line);
}

/* Hashes of other users are read as well, and stay behind if one is found early. */
static void
nothing_left_when_wiped(void **state)
{
	char text[3000];
	struct auth_span line;

	(void)state;
	memset(text, 's', sizeof(text));
	for (size_t i = 99; i < sizeof(text); i += 100)
		text[i] = '\n';
	memcpy(text, "jo:", 3);
	memcpy(text + 2000, "eve:", 4);
	for (size_t chunk = 100; chunk < 2 * sizeof(text); chunk += 450) {
		start(text, sizeof(text), chunk);
		assert_int_equal(find("eve", &line), USERFILE_LINE);
		assert_non_null(memmem(reader.buffer, USERFILE_BUFFER, "sss", 3));
		userfile_wipe(&reader);
		assert_null(memmem(reader.buffer, USERFILE_BUFFER, "sss", 3));
		assert_int_equal(find("jo", &line), USERFILE_LINE);
		userfile_wipe(&reader);
		assert_null(memmem(reader.buffer, USERFILE_BUFFER, "sss", 3));
	}
	start(text, sizeof(text), USERFILE_BUFFER);
	userfile_wipe(&reader);
}

/* Whatever the pieces it is read in, a file has the same lines at the same places. */
static void
lines_in_pieces(void **state)
{
	static const char text[] = "# comment\r\n\njo:1:\r\njoe:2\n\r\nj:3\n:x\nlast:4";
	static const char *const lines[] = {
		"# comment", "", "jo:1:", "joe:2", "", "j:3", ":x", "last:4"};
	struct auth_span line;

	(void)state;
	for (size_t chunk = 1; chunk < sizeof(text) + 1; chunk++) {
		off_t place = 0;

		start(text, sizeof(text) - 1, chunk);
		for (size_t i = 0; i < 8; i++) {
			assert_int_equal(userfile_next(&reader, &line), USERFILE_LINE);
			assert_span(line, lines[i]);
			assert_int_equal(reader.number, i + 1);
			assert_int_equal(reader.line_start, place);
			place = reader.line_end;
		}
		assert_int_equal(place, sizeof(text) - 1);
		assert_int_equal(userfile_next(&reader, &line), USERFILE_END);
		assert_int_equal(userfile_next(&reader, &line), USERFILE_END);
	}
}

static void
names_are_compared_whole(void **state)
{
	static const char text[] =
		"#jo:c\njoe:2\njo@example.org:3\njo:1\nj:4\njo:5\nbare\n";
	struct auth_span line;

	(void)state;
	for (size_t chunk = 1; chunk < 64; chunk++) {
		start(text, sizeof(text) - 1, chunk);
		assert_int_equal(find("jo", &line), USERFILE_LINE);
		assert_span(line, "jo:1");
		assert_int_equal(reader.number, 4);
		assert_int_equal(find("joe", &line), USERFILE_LINE);
		assert_span(line, "joe:2");
		assert_int_equal(find("j", &line), USERFILE_LINE);
		assert_span(line, "j:4");
		assert_int_equal(find("bare", &line), USERFILE_LINE);
		assert_span(userfile_name(line), "bare");
		assert_int_equal(find("JO", &line), USERFILE_END);
		assert_int_equal(find("#jo", &line), USERFILE_END);
		assert_int_equal(find("jo:1", &line), USERFILE_END);
		assert_int_equal(find("joe:", &line), USERFILE_END);
		assert_int_equal(find("bar", &line), USERFILE_END);
	}
	start("", 0, 7);
	assert_int_equal(find("jo", &line), USERFILE_END);
}

/* A line of 1 MiB is no line, and does not hide the one behind it. */
static void
long_lines(void **state)
{
	size_t n = (1u << 20) + 40;
	char *text = malloc(n);
	struct auth_span line;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text, "long:", 5);
	memcpy(text + (1u << 20), "\njo:1\n", 6);
	start(text, (1u << 20) + 6, USERFILE_BUFFER);
	assert_int_equal(find("jo", &line), USERFILE_LINE);
	assert_span(line, "jo:1");
	assert_int_equal(reader.number, 2);
	assert_int_equal(reader.line_start, (1u << 20) + 1);
	assert_int_equal(find("long", &line), USERFILE_LONG);
	assert_int_equal(line.n, USERFILE_LINE_MAX);
	assert_int_equal(userfile_next(&reader, &line), USERFILE_LINE);
	assert_span(line, "jo:1");
	start(text, 1u << 20, 4093);
	assert_int_equal(find("jo", &line), USERFILE_END);
	free(text);
}

/* The limit is met exactly, with each line end and in each size of piece. */
static void
line_of_the_limit(void **state)
{
	static const char *const ends[] = {"", "\n", "\r\n"};
	static const size_t chunks[] = {1021, 8191, 8192, 8193, USERFILE_BUFFER};
	char text[USERFILE_LINE_MAX + 16];
	struct auth_span line;

	(void)state;
	for (size_t e = 0; e < 3; e++)
		for (size_t c = 0; c < 5; c++)
			for (size_t n = USERFILE_LINE_MAX; n < USERFILE_LINE_MAX + 2;
				n++) {
				memset(text, 'x', sizeof(text));
				memcpy(text + n, ends[e], strlen(ends[e]));
				start(text, n + strlen(ends[e]), chunks[c]);
				assert_int_equal(userfile_next(&reader, &line),
					n == USERFILE_LINE_MAX ? USERFILE_LINE
							       : USERFILE_LONG);
				assert_int_equal(line.n, USERFILE_LINE_MAX);
				assert_int_equal(
					userfile_next(&reader, &line), USERFILE_END);
			}
}

static void
read_errors_are_told(void **state)
{
	struct auth_span line;
	int dir = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(dir >= 0);
	userfile_start(&reader, dir);
	assert_int_equal(userfile_find(&reader, "jo", &line), USERFILE_ERROR);
	assert_int_equal(close(dir), 0);
}

static int
setup(void **state)
{
	fd = -1;
	return fixture_setup(state);
}

static int
teardown(void **state)
{
	if (fd >= 0)
		(void)close(fd);
	return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
test_userfile(void)
{
	const struct CMUnitTest tests[] = {
		TEST(full_entry),
		TEST(fields_may_be_missing),
		TEST(delay_and_expiry),
		TEST(extra_words),
		TEST(broken_entries),
		TEST(limits_of_length),
		TEST(nothing_left_when_wiped),
		TEST(lines_in_pieces),
		TEST(names_are_compared_whole),
		TEST(long_lines),
		TEST(line_of_the_limit),
		TEST(read_errors_are_told),
	};

	return cmocka_run_group_tests_name("userfile", tests, NULL, NULL);
}
