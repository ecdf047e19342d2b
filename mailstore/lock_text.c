#include "mailstore/lock_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha256.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC "pop3d-lock 1 "
#define UNKNOWN "-"
#define SUM " sum="
#define SUM_DIGITS 16u

#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"
#define HOST_OCTETS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._"

static const char *const states[] = {
	[LOCK_HELD] = "held ", [LOCK_LEFT] = "left ", [LOCK_FREE] = "free "};

enum { FILE_MACHINE, FILE_BOOT, FILE_SELF, FILES };

const char *const lock_text_files[] = {
	[FILE_MACHINE] = "/etc/machine-id",
	[FILE_BOOT] = "/proc/sys/kernel/random/boot_id",
	[FILE_SELF] = "/proc/self/stat",
	[FILES] = NULL,
};

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

	read_line(lock_text_files[FILE_SELF], line, sizeof line);
	p = strrchr(line, ')');
	for (int field = 2; p != NULL && field < 22; field++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	if (p != NULL)
		n = strspn(p, DIGITS);
	if (n == 0 || n >= size) {
		p = UNKNOWN;
		n = strlen(UNKNOWN);
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
		if (strchr(HOST_OCTETS, *p) == NULL)
			*p = '_';
	if (host[0] == '\0')
		(void)snprintf(host, size, UNKNOWN);
}

/* machine-id(5) asks that the id itself be shown to nobody, but a hash for one use. */
static void
read_machine(char *machine, size_t size)
{
	static const char use[] = "pop3d session lock ";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char id[64];
	SHA2_CTX sha;

	read_line(lock_text_files[FILE_MACHINE], id, sizeof id);
	if (strlen(id) != 32 || strspn(id, HEX) != 32) {
		(void)snprintf(machine, size, UNKNOWN);
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
	read_line(lock_text_files[FILE_BOOT], boot, size);
	if (boot[0] == '\0' || boot[strspn(boot, HEX "-")] != '\0')
		(void)snprintf(boot, size, UNKNOWN);
}

bool
lock_holder_self(struct lock_holder *holder, unsigned lease)
{
	uint64_t generation;

	if (getrandom(&generation, sizeof generation, 0) != (ssize_t)sizeof generation)
		return false;
	*holder = (struct lock_holder){.state = LOCK_HELD, .lease = lease};
	read_host(holder->host, sizeof holder->host);
	read_machine(holder->machine, sizeof holder->machine);
	read_boot(holder->boot, sizeof holder->boot);
	read_start(holder->start, sizeof holder->start);
	(void)snprintf(holder->pid, sizeof holder->pid, "%ld", (long)getpid());
	(void)snprintf(
		holder->generation, sizeof holder->generation, "%016" PRIx64, generation);
	return true;
}

static bool
same(const char *a, const char *b)
{
	return strcmp(a, b) == 0 && strcmp(a, UNKNOWN) != 0;
}

bool
lock_holder_is_here(const struct lock_holder *holder, const struct lock_holder *self)
{
	if (holder->state == LOCK_UNKNOWN || holder->host[0] == '\0')
		return false;
	return same(holder->boot, self->boot) ||
	       (same(holder->host, self->host) && same(holder->machine, self->machine));
}

/* FNV-1a: against halves, not against forgers, who may write into the file anyway. */
static uint64_t
sum(const char *text, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

void
lock_text_make(char text[LOCK_TEXT], const struct lock_holder *holder)
{
	char line[LOCK_TEXT];
	int n, end;

	n = snprintf(line, sizeof line,
		MAGIC
		"%shost=%s machine=%s boot=%s pid=%s start=%s lease=%u generation=%s",
		states[holder->state], holder->host, holder->machine, holder->boot,
		holder->pid, holder->start, holder->lease, holder->generation);
	/* The longest of all fields together leave a hundred octets. */
	if (n < 0 || (size_t)n + strlen(SUM) + SUM_DIGITS >= sizeof line)
		n = 0;
	end = snprintf(line + n, sizeof line - (size_t)n, SUM "%016" PRIx64,
		sum(line, (size_t)n));
	memset(text, ' ', LOCK_TEXT);
	memcpy(text, line, (size_t)n + (size_t)end);
	text[LOCK_TEXT - 1] = '\n';
}

/* Cut the padding and the sum from a line that is whole. */
static bool
unwrap(char line[LOCK_TEXT + 1], const char *text, size_t n)
{
	char expected[sizeof SUM + SUM_DIGITS];
	size_t end = LOCK_TEXT - 1;

	if (n != LOCK_TEXT || text[end] != '\n' || memchr(text, '\0', n) != NULL)
		return false;
	while (end > 0 && text[end - 1] == ' ')
		end--;
	if (end < strlen(SUM) + SUM_DIGITS)
		return false;
	memcpy(line, text, end);
	line[end] = '\0';
	end -= strlen(SUM) + SUM_DIGITS;
	(void)snprintf(expected, sizeof expected, SUM "%016" PRIx64, sum(line, end));
	if (strcmp(line + end, expected) != 0)
		return false;
	line[end] = '\0';
	return true;
}

static bool
take_word(const char **p, const char *word)
{
	if (strncmp(*p, word, strlen(word)) != 0)
		return false;
	*p += strlen(word);
	return true;
}

/* Take "name" and the value behind it, of octets out of `allowed`, or "-". */
static bool
take_field(
	const char **p, const char *name, const char *allowed, char *value, size_t size)
{
	size_t n;

	if (!take_word(p, name))
		return false;
	n = strcspn(*p, " ");
	if (n == 0 || n >= size)
		return false;
	memcpy(value, *p, n);
	value[n] = '\0';
	*p += n;
	return value[strspn(value, allowed)] == '\0' || strcmp(value, UNKNOWN) == 0;
}

static bool
take_state(const char **p, enum lock_state *state)
{
	for (size_t i = LOCK_HELD; i < sizeof states / sizeof states[0]; i++)
		if (take_word(p, states[i])) {
			*state = (enum lock_state)i;
			return true;
		}
	return false;
}

static bool
take_lease(const char **p, unsigned *lease)
{
	char value[6];

	if (!take_field(p, " lease=", DIGITS, value, sizeof value))
		return false;
	*lease = (unsigned)strtoul(value, NULL, 10);
	return *lease > 0 && *lease <= LOCK_LEASE_MAX;
}

static bool
parse(struct lock_holder *h, const char *line)
{
	const char *p = line;

	return take_word(&p, MAGIC) && take_state(&p, &h->state) &&
	       take_field(&p, "host=", HOST_OCTETS, h->host, sizeof h->host) &&
	       take_field(&p, " machine=", HEX, h->machine, sizeof h->machine) &&
	       take_field(&p, " boot=", HEX "-", h->boot, sizeof h->boot) &&
	       take_field(&p, " pid=", DIGITS, h->pid, sizeof h->pid) &&
	       take_field(&p, " start=", DIGITS, h->start, sizeof h->start) &&
	       take_lease(&p, &h->lease) &&
	       take_field(&p, " generation=", HEX, h->generation, sizeof h->generation) &&
	       *p == '\0';
}

void
lock_text_parse(struct lock_holder *holder, const char *text, size_t n)
{
	char line[LOCK_TEXT + 1];

	*holder = (struct lock_holder){.state = LOCK_FREE};
	if (n == 0 || (unwrap(line, text, n) && parse(holder, line)))
		return;
	*holder = (struct lock_holder){
		.state = LOCK_UNKNOWN, .host = UNKNOWN, .pid = UNKNOWN};
}
