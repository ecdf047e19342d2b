#include "auth/pam_conversation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/auth_fixture.h"
#include "tests/unit/tests.h"

static char logged[256];
static unsigned logs;
static char wiped[256];

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	(void)priority;
	logs++;
	va_start(args, format);
	(void)vsnprintf(logged, sizeof(logged), format, args);
	va_end(args);
}

static void
host_wipe(void *p, size_t n)
{
	(void)snprintf(wiped, sizeof(wiped), "%.*s", (int)n, (const char *)p);
	explicit_bzero(p, n);
}

static const struct auth_host host = {.log = host_log, .wipe = host_wipe};
static struct pam_conversation talk;
static struct pam_response *answers;

static int
start(void **state)
{
	(void)state;
	talk = (struct pam_conversation){&host, "jo", "open sesame", false, false};
	answers = NULL;
	logged[0] = wiped[0] = '\0';
	logs = 0;
	return 0;
}

static int
ask(int n, const struct pam_message *messages)
{
	const struct pam_message *list[PAM_MAX_NUM_MSG + 1];

	for (int i = 0; i < n && i <= PAM_MAX_NUM_MSG; i++)
		list[i] = &messages[i];
	return pam_conversation_answer(n, list, &answers, &talk);
}

static int
ask_one(int style, const char *text)
{
	const struct pam_message message = {style, text};

	return ask(1, &message);
}

static void
discard(int n)
{
	for (int i = 0; i < n; i++)
		free(answers[i].resp);
	free(answers);
	answers = NULL;
}

static void
password_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(ask_one(PAM_PROMPT_ECHO_OFF, "Password: "), PAM_SUCCESS);
	assert_string_equal(answers[0].resp, "open sesame");
	assert_int_equal(answers[0].resp_retcode, 0);
	discard(1);
	assert_false(talk.asked_more);
	assert_int_equal(ask_one(PAM_PROMPT_ECHO_OFF, "Password: "), PAM_CONV_ERR);
	assert_null(answers);
	assert_true(talk.asked_more);
}

static void
second_prompt_wipes_the_first_answer(void **state)
{
	const struct pam_message messages[] = {
		{PAM_TEXT_INFO, "hello"},
		{PAM_PROMPT_ECHO_OFF, "Password:"},
		{PAM_PROMPT_ECHO_OFF, "New password:"},
	};

	(void)state;
	assert_int_equal(ask(3, messages), PAM_CONV_ERR);
	assert_null(answers);
	assert_string_equal(wiped, "open sesame");
}

static void
only_the_login_prompt_gets_the_name(void **state)
{
	static const char *const good[] = {"login:", "login: ", "Login", "LOGIN : "};
	static const char *const bad[] = {"", "log", "login name:", "Token:", "login:x"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ask_one(PAM_PROMPT_ECHO_ON, good[i]), PAM_SUCCESS);
		assert_string_equal(answers[0].resp, "jo");
		discard(1);
	}
	assert_false(talk.asked_more);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask_one(PAM_PROMPT_ECHO_ON, bad[i]), PAM_CONV_ERR);
	assert_true(talk.asked_more);
	assert_int_equal(ask_one(PAM_PROMPT_ECHO_ON, NULL), PAM_CONV_ERR);
}

static void
messages_are_logged_without_what_the_client_said(void **state)
{
	(void)state;
	assert_int_equal(ask_one(PAM_TEXT_INFO, "Maintenance at noon"), PAM_SUCCESS);
	assert_null(answers[0].resp);
	discard(1);
	assert_string_equal(logged, "PAM says: Maintenance at noon");
	assert_int_equal(ask_one(PAM_ERROR_MSG, "no jo here"), PAM_SUCCESS);
	discard(1);
	assert_null(strstr(logged, "jo"));
	assert_int_equal(ask_one(PAM_ERROR_MSG, "open sesame?"), PAM_SUCCESS);
	discard(1);
	assert_null(strstr(logged, "sesame"));
	assert_int_equal(logs, 3);
	talk.password = NULL;
	assert_int_equal(ask_one(PAM_TEXT_INFO, NULL), PAM_SUCCESS);
	discard(1);
}

static void
nonsense_is_refused(void **state)
{
	static const struct pam_message many[PAM_MAX_NUM_MSG + 1] = {
		{PAM_TEXT_INFO, "x"}};

	(void)state;
	assert_int_equal(ask(0, many), PAM_CONV_ERR);
	assert_int_equal(ask(-1, many), PAM_CONV_ERR);
	assert_int_equal(ask(PAM_MAX_NUM_MSG + 1, many), PAM_CONV_ERR);
	assert_null(answers);
	assert_int_equal(logs, 0);
	assert_int_equal(ask_one(PAM_BINARY_PROMPT, "x"), PAM_CONV_ERR);
	assert_int_equal(ask_one(0, "x"), PAM_CONV_ERR);
}

static void
only_success_is_success(void **state)
{
	(void)state;
	for (int status = -2; status < 64; status++)
		assert_int_equal(pam_conversation_result(status) == AUTH_OK,
			status == PAM_SUCCESS);
	assert_int_equal(pam_conversation_result(PAM_USER_UNKNOWN), AUTH_UNKNOWN);
	assert_int_equal(pam_conversation_result(PAM_AUTH_ERR), AUTH_DENY);
	assert_int_equal(pam_conversation_result(PAM_CONV_ERR), AUTH_DENY);
	assert_int_equal(pam_conversation_result(PAM_AUTHINFO_UNAVAIL), AUTH_TEMPFAIL);
	assert_int_equal(pam_conversation_result(1000), AUTH_TEMPFAIL);
}

int
test_pam_conversation(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(password_is_told_once, start),
		cmocka_unit_test_setup(second_prompt_wipes_the_first_answer, start),
		cmocka_unit_test_setup(only_the_login_prompt_gets_the_name, start),
		cmocka_unit_test_setup(
			messages_are_logged_without_what_the_client_said, start),
		cmocka_unit_test_setup(nonsense_is_refused, start),
		cmocka_unit_test(only_success_is_success),
	};

	return cmocka_run_group_tests_name("pam_conversation", tests, NULL, NULL);
}
