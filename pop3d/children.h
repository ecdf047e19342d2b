/*
 * The listener's table of connections: who is served by which child.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pop3d/address.h"

struct child_entry {
	pid_t pid;
	bool logged_in;
	char address[ADDRESS_TEXT_MAX];
};

struct children {
	struct child_entry *entries; /* n are used, in no order */
	size_t n;
	size_t cap;
};

/* Room for cap children; false if out of memory. */
bool children_init(struct children *children, size_t cap);

/* How many of them serve an address. */
size_t children_from(const struct children *children, const char *address);

/* Whom a child serves, borrowed; NULL if it is not in the table. */
const char *children_address(const struct children *children, pid_t pid);

/* How many of them have not logged in. */
size_t children_half_open(const struct children *children);

/* There must be room. */
void children_add(struct children *children, pid_t pid, const char *address);

/* A child serves another address than it seemed; false if it is not in the table. */
bool children_move(struct children *children, pid_t pid, const char *address);

/* The client of a child has logged in; nothing if the pid is not in the table. */
void children_logged_in(struct children *children, pid_t pid);

/* False if the pid is not in the table. */
bool children_remove(struct children *children, pid_t pid);

/* Send a signal to all. */
void children_signal(const struct children *children, int signal_number);

/*
 * Put the table into an anonymous file, and take it from there, so that it outlives the
 * execution of the program.  The descriptor stays open over exec; -1 on failure.  What is
 * no table of ours is not taken: false.
 */
int children_save(const struct children *children);
bool children_restore(struct children *children, int fd);

#endif
