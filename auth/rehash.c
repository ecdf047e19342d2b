#include "auth/rehash.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/credential.h"
#include "auth/password_hash.h"
#include "auth/useredit.h"

/* Both together are what a login may be kept waiting. */
#define WORK_SECONDS 2u
#define WAIT_MS 1800

struct message {
	size_t file; /* which of those that the process was started for */
	char user[AUTH_USER_MAX + 1];
	char old[USERFILE_LINE_MAX];
	char hash[PASSWORD_HASH_SIZE];
};

struct answer {
	char why[512]; /* "": done */
};

static bool
is_text(const char *p, size_t size)
{
	const char *end = memchr(p, '\0', size);

	return end != NULL && end > p && credential_is_printable(p, (size_t)(end - p));
}

static struct auth_span
text_span(const char *text)
{
	return (struct auth_span){(const unsigned char *)text, strlen(text)};
}

/* Nothing that comes from a process without root is believed. */
static const char *
message_check(const struct message *message, size_t files)
{
	static const char start[] = "{ARGON2ID}$argon2id$v=19$";
	const char *hash = message->hash;

	if (message->file >= files || !is_text(message->user, sizeof(message->user)) ||
		!is_text(message->old, sizeof(message->old)) ||
		!is_text(hash, sizeof(message->hash)))
		return "malformed message";
	if (!password_scheme_is_old(text_span(message->old)))
		return "the old hash is none";
	if (strncmp(hash, start, sizeof(start) - 1) != 0 || strpbrk(hash, ": ") != NULL ||
		password_scheme_is_old(text_span(hash)))
		return "not a hash of today";
	return NULL;
}

/* Between the login and the lock, somebody may have changed the password. */
static const char *
entry_replace(struct useredit *edit, const struct message *message)
{
	static struct userfile_reader reader;
	struct userfile_entry entry;
	struct auth_span line;

	userfile_start(&reader, edit->fd);
	if (userfile_find(&reader, message->user, &line) != USERFILE_LINE ||
		userfile_parse(line, &entry) != NULL ||
		entry.password.n != strlen(message->old) ||
		memcmp(entry.password.p, message->old, entry.password.n) != 0)
		return "the entry has changed";
	if (!useredit_password(edit, &reader, line, message->hash) ||
		!useredit_commit(edit))
		return edit->error;
	return NULL;
}

static void
answer_make(const char *const *paths, size_t n, const struct message *message,
	struct answer *answer)
{
	static struct useredit edit;
	const char *fault = message_check(message, n);

	if (fault == NULL && !useredit_begin(&edit, paths[message->file], false))
		fault = edit.error;
	else if (fault == NULL) {
		fault = entry_replace(&edit, message);
		useredit_abort(&edit);
	}
	(void)snprintf(
		answer->why, sizeof(answer->why), "%s", fault != NULL ? fault : "");
}

/* The process that waits has no right to end this one: it must see to that itself. */
static void
end_arrange(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)signal(SIGALRM, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(WORK_SECONDS);
}

/* Everything but the socket is closed: the client's channels are not for this process. */
static _Noreturn void
child_run(int fd, const char *const *paths, size_t files)
{
	static struct message message;
	static struct answer answer;
	ssize_t n;

	(void)prctl(PR_SET_NAME, "pop3d-rehash", 0, 0, 0);
	if (dup2(fd, STDERR_FILENO + 1) < 0 ||
		close_range(STDERR_FILENO + 2, ~0U, 0) != 0)
		_exit(1);
	fd = STDERR_FILENO + 1;
	do
		n = recv(fd, &message, sizeof(message), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(message))
		_exit(n == 0 ? 0 : 1);
	end_arrange();
	answer_make(paths, files, &message, &answer);
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	_exit(0);
}

bool
rehash_start(struct rehash *rehash, const char *const *paths, size_t n)
{
	int pair[2];

	rehash->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	rehash->pid = fork();
	if (rehash->pid == 0) {
		(void)close(pair[0]);
		child_run(pair[1], paths, n);
	}
	(void)close(pair[1]);
	if (rehash->pid < 0) {
		(void)close(pair[0]);
		return false;
	}
	rehash->fd = pair[0];
	return true;
}

static const char *
answer_wait(int fd)
{
	static struct answer answer;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int ready = poll(&poll_fd, 1, WAIT_MS);

	if (ready == 0)
		return "still waiting for the file";
	if (ready < 0 || recv(fd, &answer, sizeof(answer), 0) != (ssize_t)sizeof(answer))
		return "no answer";
	answer.why[sizeof(answer.why) - 1] = '\0';
	return answer.why[0] != '\0' ? answer.why : NULL;
}

const char *
rehash_replace(struct rehash *rehash, size_t file, const char *user, struct auth_span old,
	const char *hash)
{
	static struct message message;
	ssize_t sent;

	memset(&message, 0, sizeof(message));
	if (old.n >= sizeof(message.old))
		return "the hash is too long";
	message.file = file;
	(void)snprintf(message.user, sizeof(message.user), "%s", user);
	memcpy(message.old, old.p, old.n);
	(void)snprintf(message.hash, sizeof(message.hash), "%s", hash);
	sent = send(rehash->fd, &message, sizeof(message), MSG_NOSIGNAL);
	explicit_bzero(&message, sizeof(message));
	return sent == (ssize_t)sizeof(message) ? answer_wait(rehash->fd)
						: strerror(errno);
}

void
rehash_stop(struct rehash *rehash)
{
	if (rehash->fd < 0)
		return;
	(void)close(rehash->fd);
	rehash->fd = -1;
	/* An edit that is cut short leaves the old file, and a lock dies with its holder.
	 */
	(void)kill(rehash->pid, SIGKILL);
	while (waitpid(rehash->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
