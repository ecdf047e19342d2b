/*
 * The file system calls that intercept.c stops, and where each says what it is about.
 */
#ifndef INTERCEPT_CALLS_H
#define INTERCEPT_CALLS_H

enum target {
	TARGET_FD,   /* argument 0 is a descriptor */
	TARGET_AT,   /* arguments 0 and 1 are a directory and a path */
	TARGET_PATH, /* argument 0 is a path */
};

struct file_call {
	const char *name;
	int number; /* of the system call */
	enum target target;
};

extern const struct file_call file_calls[];
extern const unsigned file_call_count;

/* NULL for a system call that is none of them. */
const struct file_call *file_call_find(int number);

#endif
