#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/location.h"
#include "tests/unit/tests.h"

static void
assert_path(const char *template, const char *user, const char *home, const char *path)
{
	struct mail_location location;
	const char *error = "unset";

	assert_true(mail_location_expand(&location, template, user, home, &error));
	assert_string_equal(location.path, path);
}

static void
assert_refused(const char *template, const char *user, const char *home)
{
	struct mail_location location;
	const char *error = NULL;

	assert_false(mail_location_expand(&location, template, user, home, &error));
	assert_non_null(error);
}

static void
test_drivers(void **state)
{
	struct mail_location location;
	const char *error;

	(void)state;
	assert_true(mail_location_expand(&location, "maildir:/m", "jo", "", &error));
	assert_ptr_equal(location.ops, &mailstore_maildir);
	assert_true(mail_location_expand(&location, "mbox:/m", "jo", "", &error));
	assert_ptr_equal(location.ops, &mailstore_mbox);
	assert_refused("/m", "jo", "");
	assert_refused(":/m", "jo", "");
	assert_refused("mail:/m", "jo", "");
	assert_refused("maildirs:/m", "jo", "");
	assert_refused("Maildir:/m", "jo", "");
	assert_refused("maildir", "jo", "");
	assert_refused("", "jo", "");
}

static void
test_letters(void **state)
{
	(void)state;
	assert_path("mbox:/var/mail/%u", "jo", "", "/var/mail/jo");
	assert_path("mbox:/m/%u", "jo@x.org", "", "/m/jo@x.org");
	assert_path("mbox:/m/%d/%n", "jo@x.org", "", "/m/x.org/jo");
	/* The last '@' parts the two. */
	assert_path("mbox:/m/%d/%n", "a@b@x.org", "", "/m/x.org/a@b");
	assert_path("mbox:/m/%n", "jo", "", "/m/jo");
	assert_path("mbox:/m/100%%/%u%u", "jo", "", "/m/100%/jojo");
	/* What a name puts in is not expanded again. */
	assert_path("mbox:/m/%u", "%h%d", "/home/jo", "/m/%h%d");
	assert_refused("mbox:/m/%x", "jo", "");
	assert_refused("mbox:/m/%", "jo", "");
	assert_refused("mbox:/m/%U", "jo", "");
}

static void
test_home(void **state)
{
	(void)state;
	assert_path("maildir:~/Maildir", "jo", "/home/jo", "/home/jo/Maildir");
	assert_path("maildir:%h/Maildir", "jo", "/home/jo", "/home/jo/Maildir");
	assert_path("maildir:/m/~/%u", "jo", "/home/jo", "/m/~/jo");
	assert_refused("maildir:~/Maildir", "jo", "");
	assert_refused("maildir:%h/Maildir", "jo", "");
	assert_refused("maildir:~/Maildir", "jo", "home/jo");
	assert_refused("maildir:~jo/Maildir", "jo", "/home/jo");
	assert_refused("maildir:~", "jo", "/home/jo");
}

static void
test_absolute(void **state)
{
	(void)state;
	assert_refused("maildir:", "jo", "/home/jo");
	assert_refused("maildir:Maildir", "jo", "/home/jo");
	assert_refused("maildir:%u/Maildir", "jo", "/home/jo");
	assert_refused("maildir:./Maildir", "jo", "/home/jo");
}

/* A slash at the end would have a symbolic link followed. */
static void
test_slashes_at_the_end(void **state)
{
	(void)state;
	assert_path("maildir:/m/%u///", "jo", "", "/m/jo");
	assert_path("maildir:/", "jo", "", "/");
}

/* CVE-2007-2231 and its like: a name is one plain component or nothing. */
static void
test_names_that_climb(void **state)
{
	static const char *const bad[] = {"..", ".", "../root", "a/b", "/etc/passwd",
		".hidden", "", "a/../b", "..@x.org", "jo/x@x.org"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused("mbox:/m/%u", bad[i], "/home/jo");
	assert_refused("mbox:/m/%d/x", "jo@..", "");
	assert_refused("mbox:/m/%d/x", "jo@x/y", "");
	assert_refused("mbox:/m/%d/x", "jo@", "");
	assert_refused("mbox:/m/%d/x", "jo", "");
	assert_refused("mbox:/m/%n/x", "@x.org", "");
	assert_refused("mbox:/m/%n/x", ".@x.org", "");
	/* A part that the template does not ask for is no matter. */
	assert_path("mbox:/m/%n", "jo@..", "", "/m/jo");
	assert_refused("mbox:/m/x.%u", "..a", "");
}

static void
test_control_bytes(void **state)
{
	(void)state;
	assert_refused("mbox:/m/%u", "jo\n", "");
	assert_refused("mbox:/m/%u", "j\x01o", "");
	assert_refused("mbox:/m/%u", "j\x7Fo", "");
	assert_refused("mbox:/m/\t%u", "jo", "");
	assert_refused("mbox:~/m", "jo", "/home/\rjo");
	assert_path("mbox:/m/%u", "j\xC3\xB6", "", "/m/j\xC3\xB6");
}

static void
test_overlong(void **state)
{
	struct mail_location location;
	char user[sizeof(location.path) + 10], fits[sizeof(location.path)];

	(void)state;
	memset(user, 'a', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	assert_refused("mbox:/m/%u", user, "");
	user[sizeof(location.path) - 3] = '\0';
	assert_refused("mbox:/m/%u", user, "");
	user[sizeof(location.path) - 4] = '\0';
	memcpy(fits, "/m/", 3);
	memcpy(fits + 3, user, strlen(user) + 1);
	assert_path("mbox:/m/%u", user, "", fits);
}

/* What other servers write behind the path would name an empty maildrop here. */
static void
test_options(void **state)
{
	(void)state;
	assert_refused("maildir:~/Maildir:LAYOUT=fs", "jo", "/home/jo");
	assert_path("mbox:/m/%u", "a:b", "", "/m/a:b");
}

static void
test_check(void **state)
{
	(void)state;
	assert_null(mail_location_check("maildir:~/Maildir"));
	assert_null(mail_location_check("mbox:/var/mail/%u"));
	assert_null(mail_location_check("maildir:/srv/%d/%n"));
	assert_null(mail_location_check("maildir:%h/Maildir"));
	assert_non_null(mail_location_check("maildir:Maildir"));
	assert_non_null(mail_location_check("maildir:%u"));
	assert_non_null(mail_location_check("maildir:/m/%q"));
	assert_non_null(mail_location_check("maildir:"));
	assert_non_null(mail_location_check("imap:/m"));
}

int
test_location(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drivers),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_slashes_at_the_end),
		cmocka_unit_test(test_names_that_climb),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_overlong),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name("location", tests, NULL, NULL);
}
