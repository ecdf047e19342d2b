/*
 * How long ago the file of a session lock was touched, by the clock that stamped it.
 */
#ifndef LOCK_LEASE_H
#define LOCK_LEASE_H

enum lock_lease {
	LEASE_RUNS,
	LEASE_OUT,
	LEASE_UNKNOWN, /* there is no way to ask the file server for its time */
};

/*
 * Whether the file `name` in dirfd, open for writing as fd and just opened, was touched
 * within `seconds`.  Never looks at a clock of this host: a file that is made for it in
 * the same directory, name-probe, gets its time from the same place, and goes again.
 */
enum lock_lease lock_lease(int dirfd, const char *name, int fd, unsigned seconds);

#endif
