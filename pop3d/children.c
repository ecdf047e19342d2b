#include "pop3d/children.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool
children_init(struct children *children, size_t cap)
{
	children->entries = calloc(cap, sizeof(*children->entries));
	children->n = 0;
	children->cap = cap;
	return children->entries != NULL;
}

size_t
children_from(const struct children *children, const char *address)
{
	size_t n = 0;

	for (size_t i = 0; i < children->n; i++)
		if (strcmp(children->entries[i].address, address) == 0)
			n++;
	return n;
}

const char *
children_address(const struct children *children, pid_t pid)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->entries[i].pid == pid)
			return children->entries[i].address;
	return NULL;
}

size_t
children_half_open(const struct children *children)
{
	size_t n = 0;

	for (size_t i = 0; i < children->n; i++)
		if (!children->entries[i].logged_in)
			n++;
	return n;
}

void
children_add(struct children *children, pid_t pid, const char *address)
{
	struct child_entry *entry;
	size_t length = strnlen(address, ADDRESS_TEXT_MAX - 1);

	if (children->n == children->cap)
		return;
	entry = &children->entries[children->n++];
	memset(entry, 0, sizeof(*entry));
	entry->pid = pid;
	memcpy(entry->address, address, length);
}

bool
children_move(struct children *children, pid_t pid, const char *address)
{
	for (size_t i = 0; i < children->n; i++) {
		struct child_entry *entry = &children->entries[i];
		if (entry->pid != pid)
			continue;
		memset(entry->address, 0, sizeof(entry->address));
		memcpy(entry->address, address, strnlen(address, ADDRESS_TEXT_MAX - 1));
		return true;
	}
	return false;
}

void
children_logged_in(struct children *children, pid_t pid)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->entries[i].pid == pid)
			children->entries[i].logged_in = true;
}

bool
children_remove(struct children *children, pid_t pid)
{
	for (size_t i = 0; i < children->n; i++) {
		if (children->entries[i].pid != pid)
			continue;
		children->entries[i] = children->entries[--children->n];
		return true;
	}
	return false;
}

void
children_signal(const struct children *children, int signal_number)
{
	for (size_t i = 0; i < children->n; i++)
		(void)kill(children->entries[i].pid, signal_number);
}

/* What is saved begins with: who cannot read it must not take it for something else. */
struct head {
	char what[24];
	uint64_t octets; /* of an entry */
};

/* The version goes up whenever an entry, or what is handed over beside it, changes. */
static const struct head head = {
	.what = "pop3d children 1", .octets = sizeof(struct child_entry)};

int
children_save(const struct children *children)
{
	size_t octets = children->n * sizeof(*children->entries);
	int fd = memfd_create("pop3d-children", 0);

	if (fd < 0)
		return -1;
	if (pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		(octets == 0 || pwrite(fd, children->entries, octets, sizeof(head)) ==
					(ssize_t)octets))
		return fd;
	(void)close(fd);
	return -1;
}

/* All of them are sent signals: the number of no child means several processes. */
static bool
is_sound(const struct child_entry *entry)
{
	unsigned char logged_in;

	memcpy(&logged_in, &entry->logged_in, sizeof(logged_in));
	return entry->pid > 0 && logged_in <= 1 &&
	       memchr(entry->address, '\0', sizeof(entry->address)) != NULL;
}

/* How many entries a file holds; false if it is none of ours. */
static bool
count_saved(int fd, size_t *n)
{
	struct head found;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(found) ||
		pread(fd, &found, sizeof(found), 0) != (ssize_t)sizeof(found) ||
		memcmp(&found, &head, sizeof(head)) != 0)
		return false;
	*n = ((size_t)st.st_size - sizeof(head)) / sizeof(struct child_entry);
	return ((size_t)st.st_size - sizeof(head)) % sizeof(struct child_entry) == 0;
}

bool
children_restore(struct children *children, int fd)
{
	size_t n;

	if (!count_saved(fd, &n))
		return false;
	/* A lower limit on connections does not forget those that are there. */
	if (n > children->cap) {
		struct child_entry *larger =
			reallocarray(children->entries, n, sizeof(*larger));
		if (larger == NULL)
			return false;
		children->entries = larger;
		children->cap = n;
	}
	if (pread(fd, children->entries, n * sizeof(*children->entries), sizeof(head)) !=
		(ssize_t)(n * sizeof(*children->entries)))
		return false;
	children->n = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_sound(&children->entries[i]))
			return false;
	children->n = n;
	return true;
}
