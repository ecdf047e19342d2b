/*
 * Who this process is.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sha256.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mailstore/lock_text.h"
#include "mailstore/mailstore.h"

/*
 * What does not change while this kernel runs, "" for what is not known yet; process:
 * whose start it is, 0: nobody's.
 */
static struct {
	char machine[sizeof((struct lock_holder *)0)->machine];
	char boot[sizeof((struct lock_holder *)0)->boot];
	char start[sizeof((struct lock_holder *)0)->start];
	pid_t process;
} known;

/* The first line of a small file; "" if it cannot be read. */
static void
read_line(const char *path, char *line, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, line, size - 1);
		(void)close(fd);
	}
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/*
 * The start time of this process: field 22 of its stat line.  The second field is a
 * program's name in parentheses and may hold anything, so counting begins behind the
 * last one.
 */
static void
read_start(char *start, size_t size)
{
	char line[1024];
	const char *p;
	size_t n = 0;

	read_line("/proc/self/stat", line, sizeof line);
	p = strrchr(line, ')');
	for (int field = 2; p != NULL && field < 22; field++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	if (p != NULL)
		n = strspn(p, LOCK_DIGITS);
	if (n == 0 || n >= size) {
		p = LOCK_NOT_KNOWN;
		n = strlen(LOCK_NOT_KNOWN);
	}
	memcpy(start, p, n);
	start[n] = '\0';
}

static void
read_host(char *host, size_t size)
{
	if (gethostname(host, size) != 0)
		host[0] = '\0';
	host[size - 1] = '\0';
	for (char *p = host; *p != '\0'; p++)
		if (strchr(LOCK_HOST_OCTETS, *p) == NULL)
			*p = '_';
	if (host[0] == '\0')
		(void)snprintf(host, size, LOCK_NOT_KNOWN);
}

/* machine-id(5) asks that the id itself be shown to nobody, but a hash for one use. */
static void
read_machine(char *machine, size_t size)
{
	static const char use[] = "pop3d session lock ";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char id[64];
	SHA2_CTX sha;

	read_line("/etc/machine-id", id, sizeof id);
	if (strlen(id) != 32 || strspn(id, LOCK_HEX) != 32) {
		(void)snprintf(machine, size, LOCK_NOT_KNOWN);
		return;
	}
	SHA256Init(&sha);
	SHA256Update(&sha, (const unsigned char *)use, sizeof use - 1);
	SHA256Update(&sha, (const unsigned char *)id, strlen(id));
	SHA256Final(digest, &sha);
	for (size_t i = 0; 2 * i + 2 < size; i++)
		(void)snprintf(machine + 2 * i, 3, "%02x", digest[i]);
}

static void
read_boot(char *boot, size_t size)
{
	read_line("/proc/sys/kernel/random/boot_id", boot, size);
	if (boot[0] == '\0' || boot[strspn(boot, LOCK_HEX "-")] != '\0')
		(void)snprintf(boot, size, LOCK_NOT_KNOWN);
}

/* What cannot be read now, when a system starts, may be there for the next session. */
static bool
is_known(const char *text)
{
	return text[0] != '\0' && strcmp(text, LOCK_NOT_KNOWN) != 0;
}

void
mailstore_identify(void)
{
	if (known.process == getpid())
		return;
	if (!is_known(known.machine))
		read_machine(known.machine, sizeof known.machine);
	if (!is_known(known.boot))
		read_boot(known.boot, sizeof known.boot);
	read_start(known.start, sizeof known.start);
	known.process = getpid();
}

bool
lock_holder_self(struct lock_holder *holder, unsigned lease)
{
	uint64_t generation;

	if (getrandom(&generation, sizeof generation, 0) != (ssize_t)sizeof generation)
		return false;
	*holder = (struct lock_holder){.state = LOCK_HELD, .lease = lease};
	read_host(holder->host, sizeof holder->host);
	mailstore_identify();
	memcpy(holder->machine, known.machine, sizeof holder->machine);
	memcpy(holder->boot, known.boot, sizeof holder->boot);
	memcpy(holder->start, known.start, sizeof holder->start);
	(void)snprintf(holder->pid, sizeof holder->pid, "%ld", (long)getpid());
	(void)snprintf(
		holder->generation, sizeof holder->generation, "%016" PRIx64, generation);
	return true;
}
