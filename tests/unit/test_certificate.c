#include "tests/unit/auth_fixture.h"

#include <stdio.h>
#include <string.h>

#include "pop3d/certificate.h"
#include "tests/unit/tests.h"

static char name[AUTH_USER_MAX + 1];
static struct tls_certificate certificate;

static int
set_up(void **state)
{
	(void)state;
	memset(&certificate, 0, sizeof(certificate));
	certificate.verified = true;
	(void)snprintf(certificate.common_name, sizeof(certificate.common_name), "ann");
	certificate.n_emails = 1;
	(void)snprintf(
		certificate.emails[0], sizeof(certificate.emails[0]), "Ann@mail.example");
	return 0;
}

/* No map is needed, and none is looked for. */
static void
find(enum certificate_user how)
{
	memset(name, 'x', sizeof(name));
	assert_null(certificate_user(&certificate, how, "/nonexistent", name));
}

static void
test_common_name(void **state)
{
	(void)state;
	find(CERTIFICATE_CN);
	assert_string_equal(name, "ann");
	certificate.common_name[0] = '\0';
	find(CERTIFICATE_CN);
	assert_string_equal(name, "");
	(void)snprintf(certificate.common_name, sizeof(certificate.common_name), "a\nb");
	find(CERTIFICATE_CN);
	assert_string_equal(name, "");
	memset(certificate.common_name, 'y', TLS_NAME_MAX);
	find(CERTIFICATE_CN);
	assert_int_equal(strlen(name), AUTH_USER_MAX);
}

static void
test_email(void **state)
{
	(void)state;
	find(CERTIFICATE_EMAIL);
	assert_string_equal(name, "Ann@mail.example");
	/* None, or several: it is not for us to choose. */
	certificate.n_emails = 0;
	find(CERTIFICATE_EMAIL);
	assert_string_equal(name, "");
	certificate.n_emails = 2;
	find(CERTIFICATE_EMAIL);
	assert_string_equal(name, "");
	certificate.n_emails = 1;
	certificate.emails[0][0] = '\0';
	find(CERTIFICATE_EMAIL);
	assert_string_equal(name, "");
}

/* CVE-2019-3814: what was not verified says nothing, whatever it says. */
static void
test_unverified(void **state)
{
	(void)state;
	certificate.verified = false;
	find(CERTIFICATE_CN);
	assert_string_equal(name, "");
	find(CERTIFICATE_EMAIL);
	assert_string_equal(name, "");
	find(CERTIFICATE_MAP);
	assert_string_equal(name, "");
}

static const struct {
	const char *subject, *name;
} subjects[] = {
	/* As stunnel 5.68 writes them. */
	{"CN=ann", "ann"},
	{"C=DE, O=\"a, CN=root\", CN=Zo\xc3\xab", "Zo\xc3\xab"},
	{"CN=ann, O=Example", "ann"},
	{"O=x/CN=root, CN=ann", "ann"},
	{"O=q\\\"x\\\\y, CN=b + UID=z", "b"},
	{"UID=z + CN=b", "b"},
	{"CN=Ann B. Example, emailAddress=ann@mail.example", "Ann B. Example"},
	{"CN=\" lead \", O=x", " lead "},
	{"CN=\"#x\"", "#x"},
	{"CN=\"a, \\\"b\\\" + c\"", "a, \"b\" + c"},
	{"CN=a\\\\b", "a\\b"},
	{"CN=a\\C3\\B6", "a\xc3\xb6"},
	{"O=a\\0Ab, CN=ann", "ann"},
	{"2.5.4.97=x, CN=ann", "ann"},
	/* None, or two. */
	{"", ""},
	{"O=ann", ""},
	{"CN=", ""},
	{"CN=\"\"", ""},
	{"CN=ann, CN=ann", ""},
	{"CN=ann, O=x, CN=root", ""},
	{"CN=ann + CN=root", ""},
	{"CN=ann, CN=", ""},
	{"CN=, CN=ann", ""},
	{"cn=ann", ""},
	{"OCN=ann", ""},
	/* What no text of ours can hold. */
	{"CN=a\\00b", ""},
	{"CN=a\\0Ab", ""},
	{"CN=a\nb", ""},
	{"CN=#0C03616E6E", ""},
	{"CN=ann, CN=#0C03616E6E", ""},
	/* Malformed, and cut. */
	{"ann", ""},
	{"=ann", ""},
	{"CN", ""},
	{"CN=ann, ", ""},
	{"CN=ann, O", ""},
	{"CN=ann, O=\"x", ""},
	{"CN=ann, O=\"x\\", ""},
	{"CN=ann, O=\"x\"y", ""},
	{"O=\"x\"CN=ann", ""},
	{"CN=ann\\", ""},
	{"CN=ann\\A", ""},
	{"CN=ann\\AG", ""},
	{"CN=ann + ", ""},
	{", CN=ann", ""},
	{"CN=ann,O=x", ""},
	{"CN=ann+O=x", ""},
	{"CN=a\"b\"", ""},
	/* Of old: "/O=x" may be "/O=x/CN=root" without a common name. */
	{"/C=DE/CN=ann", ""},
	{"/CN=ann", ""},
};

static void
test_subject(void **state)
{
	char found[TLS_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		memset(found, 'x', sizeof(found));
		certificate_name_of_subject(subjects[i].subject, found);
		assert_string_equal(found, subjects[i].name);
	}
}

static void
test_subject_long(void **state)
{
	char subject[600], found[TLS_NAME_MAX + 1];

	(void)state;
	memset(subject, 'y', sizeof(subject));
	memcpy(subject, "CN=", 3);
	subject[3 + TLS_NAME_MAX] = '\0';
	certificate_name_of_subject(subject, found);
	assert_int_equal(strlen(found), TLS_NAME_MAX);
	subject[3 + TLS_NAME_MAX] = 'y';
	subject[4 + TLS_NAME_MAX] = '\0';
	certificate_name_of_subject(subject, found);
	assert_string_equal(found, "");
	/* Others may be as long as they like. */
	memset(subject, 'y', sizeof(subject));
	memcpy(subject, "OU=", 3);
	memcpy(subject + 500, ", CN=ann", 9);
	certificate_name_of_subject(subject, found);
	assert_string_equal(found, "ann");
}

int
test_certificate(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_common_name, set_up),
		cmocka_unit_test_setup(test_email, set_up),
		cmocka_unit_test_setup(test_unverified, set_up),
		cmocka_unit_test(test_subject),
		cmocka_unit_test(test_subject_long),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
