#include "pop3d/children.h"

#include <signal.h>
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

int
children_save(const struct children *children)
{
	size_t octets = children->n * sizeof(*children->entries);
	int fd = memfd_create("pop3d-children", 0);

	if (fd >= 0 && octets > 0 &&
		pwrite(fd, children->entries, octets, 0) != (ssize_t)octets) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

bool
children_restore(struct children *children, int fd)
{
	struct stat st;
	size_t n;

	if (fstat(fd, &st) != 0 || st.st_size < 0 ||
		(size_t)st.st_size % sizeof(*children->entries) != 0)
		return false;
	n = (size_t)st.st_size / sizeof(*children->entries);
	/* A lower limit on connections does not forget those that are there. */
	if (n > children->cap) {
		struct child_entry *larger =
			reallocarray(children->entries, n, sizeof(*larger));
		if (larger == NULL)
			return false;
		children->entries = larger;
		children->cap = n;
	}
	if (pread(fd, children->entries, (size_t)st.st_size, 0) != st.st_size)
		return false;
	children->n = n;
	return true;
}
