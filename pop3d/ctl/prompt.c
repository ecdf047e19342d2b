#include "pop3d/ctl/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
#define FATAL_SIGNALS (sizeof(fatal_signals) / sizeof(fatal_signals[0]))

static volatile sig_atomic_t caught;

static void
signal_note(int number)
{
	caught = number;
}

/* Returns 1 with an octet, 0 at the end, -1 on failure or when a signal came. */
static int
octet_read(int fd, unsigned char *octet)
{
	ssize_t n;

	do
		n = read(fd, octet, 1);
	while (n < 0 && errno == EINTR && caught == 0);
	return (int)n;
}

static const char *
octets_read(int fd, unsigned char *p, size_t size, size_t *length)
{
	bool too_long = false;
	unsigned char octet;
	int n;

	while ((n = octet_read(fd, &octet)) > 0 && octet != '\n') {
		if (*length == size)
			too_long = true;
		else
			p[(*length)++] = octet;
	}
	explicit_bzero(&octet, sizeof(octet));
	if (n < 0)
		return "password cannot be read";
	if (too_long)
		return "password is too long";
	if (*length == 0)
		return "password is empty";
	if (memchr(p, '\0', *length) != NULL || memchr(p, '\r', *length) != NULL)
		return "password has a NUL or a carriage return in it";
	return NULL;
}

static const char *
line_read(int fd, unsigned char *p, size_t size, size_t *n)
{
	const char *fault;

	*n = 0;
	fault = octets_read(fd, p, size, n);
	if (fault != NULL) {
		explicit_bzero(p, size);
		*n = 0;
	}
	return fault;
}

const char *
prompt_line(int fd, struct prompt_password *password)
{
	return line_read(fd, password->p, sizeof(password->p), &password->n);
}

/* A terminal must never be left without echo, whatever ends the program. */
static const char *
terminal_line(const char *prompt, unsigned char *p, size_t size, size_t *n)
{
	struct sigaction note = {.sa_handler = signal_note},
			 ignore = {.sa_handler = SIG_IGN};
	struct sigaction old[FATAL_SIGNALS], old_stop;
	struct termios saved, quiet;
	const char *fault;

	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return "terminal cannot be controlled";
	caught = 0;
	for (size_t i = 0; i < FATAL_SIGNALS; i++)
		(void)sigaction(fatal_signals[i], &note, &old[i]);
	(void)sigaction(SIGTSTP, &ignore, &old_stop);
	quiet = saved;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0) {
		(void)fputs(prompt, stderr);
		fault = line_read(STDIN_FILENO, p, size, n);
		(void)fputc('\n', stderr);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	} else {
		fault = "terminal cannot be controlled";
	}
	for (size_t i = 0; i < FATAL_SIGNALS; i++)
		(void)sigaction(fatal_signals[i], &old[i], NULL);
	(void)sigaction(SIGTSTP, &old_stop, NULL);
	if (caught != 0)
		(void)raise(caught);
	return fault;
}

static bool
same_password(const struct prompt_password *a, const struct prompt_password *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

const char *
prompt_password(const char *prompt, bool confirm, struct prompt_password *password)
{
	struct prompt_password again;
	const char *fault;

	if (!isatty(STDIN_FILENO))
		return prompt_line(STDIN_FILENO, password);
	fault = terminal_line(prompt, password->p, sizeof(password->p), &password->n);
	if (fault != NULL || !confirm)
		return fault;
	fault = terminal_line("The same again: ", again.p, sizeof(again.p), &again.n);
	if (fault == NULL && !same_password(password, &again))
		fault = "the two passwords differ";
	explicit_bzero(&again, sizeof(again));
	if (fault != NULL)
		explicit_bzero(password, sizeof(*password));
	return fault;
}

const char *
prompt_token(const char *prompt, struct prompt_token *token)
{
	if (!isatty(STDIN_FILENO))
		return line_read(STDIN_FILENO, token->p, sizeof(token->p), &token->n);
	return terminal_line(prompt, token->p, sizeof(token->p), &token->n);
}
