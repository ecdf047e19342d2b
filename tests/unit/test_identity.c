#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pop3d/identity.h"
#include "tests/unit/tests.h"

static struct config config = {.auth = {.min_uid = 1000, .min_gid = 100}};

static struct service
rooted(void)
{
	return (struct service){.config = &config,
		.root = true,
		.mail_uid = (uid_t)-1,
		.mail_gid = (gid_t)-1};
}

static const char *
complete(const struct service *service, uid_t uid, gid_t gid, const char *home)
{
	struct auth_identity identity = {.user = "jo", .uid = uid, .gid = gid};

	(void)snprintf(identity.home, sizeof(identity.home), "%s", home);
	return identity_complete(service, &identity);
}

static void
limits_of_ids(void **state)
{
	const struct service service = rooted();

	(void)state;
	assert_null(complete(&service, 1000, 100, "/home/jo"));
	assert_null(complete(&service, 1000, 100, ""));
	assert_non_null(complete(&service, 999, 1000, ""));
	assert_non_null(complete(&service, 0, 1000, ""));
	assert_non_null(complete(&service, 1000, 99, ""));
	assert_non_null(complete(&service, 1000, 0, ""));
	assert_non_null(complete(&service, (uid_t)-1, 1000, ""));
	assert_non_null(complete(&service, 1000, (gid_t)-1, ""));
	assert_non_null(complete(&service, 1000, 1000, "home/jo"));
}

static void
defaults_of_the_configuration(void **state)
{
	struct service service = rooted();
	struct auth_identity identity = {.uid = (uid_t)-1, .gid = (gid_t)-1};

	(void)state;
	service.mail_uid = 5000;
	service.mail_gid = 8;
	assert_null(identity_complete(&service, &identity));
	assert_int_equal(identity.uid, 5000);
	assert_int_equal(identity.gid, 8);
	/* What an entry says for itself goes first; the low gid is the configuration's.
	 */
	identity = (struct auth_identity){.uid = 1001, .gid = (gid_t)-1};
	assert_null(identity_complete(&service, &identity));
	assert_int_equal(identity.uid, 1001);
	assert_non_null(complete(&service, 1001, 9, ""));
}

static void
without_root_only_our_own(void **state)
{
	struct service service = rooted();

	(void)state;
	service.root = false;
	service.mail_uid = 500;
	service.mail_gid = 50;
	assert_null(complete(&service, 500, 50, ""));
	assert_null(complete(&service, (uid_t)-1, (gid_t)-1, ""));
	assert_non_null(complete(&service, 501, 50, ""));
}

int
test_identity(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_of_ids),
		cmocka_unit_test(defaults_of_the_configuration),
		cmocka_unit_test(without_root_only_our_own),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
