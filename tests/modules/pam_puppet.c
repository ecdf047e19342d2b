/*
 * A module of PAM that does what its arguments say, for tests of pop3d's module "pam":
 *
 *	log=PATH                     write a line there for each call: what, who, whence
 *	auth=N acct=N open=N close=N return this status
 *	off=TEXT on=TEXT say=TEXT    in authentication: prompt with echo off, on; a
 *message rename=NAME                  in authentication: change the user's name hang
 *crash print             in authentication
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>
#include <security/pam_modules.h>

static const char *
argument(int argc, const char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 &&
			(argv[i][n] == '=' || argv[i][n] == '\0'))
			return argv[i][n] == '=' ? argv[i] + n + 1 : "";
	return NULL;
}

static const char *
item(pam_handle_t *handle, int type)
{
	const void *value = NULL;

	if (pam_get_item(handle, type, &value) != PAM_SUCCESS || value == NULL)
		return "-";
	return value;
}

/* Write the line and return the status that is asked for. */
static int
called(pam_handle_t *handle, const char *what, int argc, const char **argv)
{
	const char *path = argument(argc, argv, "log");
	const char *status = argument(argc, argv, what);
	char line[512];
	int fd, n;

	n = snprintf(line, sizeof(line), "%s %s %s %s %s %ld\n", what,
		item(handle, PAM_USER), item(handle, PAM_RHOST), item(handle, PAM_TTY),
		item(handle, PAM_RUSER), (long)getuid());
	if (path != NULL) {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, line, (size_t)n) != n || close(fd) != 0)
			return PAM_SYSTEM_ERR;
	}
	return status != NULL ? (int)strtol(status, NULL, 10) : PAM_SUCCESS;
}

static int
talk(pam_handle_t *handle, int style, const char *text)
{
	const struct pam_message message = {style, text}, *messages = &message;
	struct pam_response *answers = NULL;
	const void *value = NULL;
	const struct pam_conv *conv;
	int status;

	if (text == NULL)
		return PAM_SUCCESS;
	if (pam_get_item(handle, PAM_CONV, &value) != PAM_SUCCESS || value == NULL)
		return PAM_SYSTEM_ERR;
	conv = value;
	status = conv->conv(1, &messages, &answers, conv->appdata_ptr);
	if (status == PAM_SUCCESS && answers != NULL) {
		free(answers->resp);
		free(answers);
	}
	return status;
}

int
pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	const char *name = argument(argc, argv, "rename");
	int status;

	(void)flags;
	while (argument(argc, argv, "hang") != NULL)
		(void)pause();
	if (argument(argc, argv, "crash") != NULL)
		(void)raise(SIGSEGV);
	if (argument(argc, argv, "print") != NULL) {
		(void)printf("+OK this is not for the client\r\n");
		(void)fflush(stdout);
		(void)fprintf(stderr, "+OK nor is this\r\n");
	}
	status = talk(handle, PAM_TEXT_INFO, argument(argc, argv, "say"));
	if (status == PAM_SUCCESS)
		status = talk(handle, PAM_PROMPT_ECHO_ON, argument(argc, argv, "on"));
	if (status == PAM_SUCCESS)
		status = talk(handle, PAM_PROMPT_ECHO_OFF, argument(argc, argv, "off"));
	if (status == PAM_SUCCESS && name != NULL)
		status = pam_set_item(handle, PAM_USER, name);
	return status == PAM_SUCCESS ? called(handle, "auth", argc, argv) : status;
}

int
pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)called(handle,
		((unsigned)flags & PAM_DELETE_CRED) != 0 ? "delete" : "establish", argc,
		argv);
	return PAM_SUCCESS;
}

int
pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)flags;
	return called(handle, "acct", argc, argv);
}

int
pam_sm_open_session(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)flags;
	return called(handle, "open", argc, argv);
}

int
pam_sm_close_session(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)flags;
	if (argument(argc, argv, "slow") != NULL)
		(void)sleep(1);
	return called(handle, "close", argc, argv);
}
