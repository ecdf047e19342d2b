/*
 * One run of a checkpassword program (https://cr.yp.to/checkpwd/interface.html), in a
 * process of its own.
 *
 * That process, the runner, is forked while there are privileges to run the program
 * with.  It takes one order, and whatever becomes of the program, or of the process that
 * gave the order: at the deadline all that the program started is killed and reaped.
 */
#ifndef CHECKPASSWORD_RUN_H
#define CHECKPASSWORD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "auth/checkpassword_answer.h"

#define CHECKPASSWORD_DATA_MAX 512u /* octets on descriptor 3, by the interface */
#define CHECKPASSWORD_ANSWER_FD 4   /* where checkpassword-reply writes */
#define CHECKPASSWORD_ARGUMENTS 32  /* of the program, its name and the NULL included */

/* How such a program exits. */
enum checkpassword_exit {
	CHECKPASSWORD_RIGHT = 0, /* by way of the subprogram */
	CHECKPASSWORD_WRONG = 1,
	CHECKPASSWORD_MISUSED = 2,
	CHECKPASSWORD_UNKNOWN = 3, /* an extension: there is no such user */
	CHECKPASSWORD_TEMPORARY = 111,
};

struct checkpassword_order {
	char remote[64]; /* numeric addresses, "" if there is none */
	char local[64];
	size_t n;
	char data[CHECKPASSWORD_DATA_MAX]; /* for descriptor 3 */
};

enum checkpassword_end {
	CHECKPASSWORD_BROKEN = 0, /* could not be run: error is an errno */
	CHECKPASSWORD_LATE,       /* the deadline, or nobody waits any more */
	CHECKPASSWORD_ENDED,      /* status is of waitpid() */
};

struct checkpassword_outcome {
	enum checkpassword_end end;
	int error;
	int status;
	bool answered; /* the rest is valid */
	uid_t uid;     /* of the process that answered */
	gid_t gid;
	size_t n;
	char answer[CHECKPASSWORD_ANSWER_MAX];
};

/*
 * Run argv[0], an absolute path, with order->data on descriptor 3, and wipe that.
 * Returns when the program has ended, at latest after timeout seconds, or when watch, if
 * not -1, becomes readable or is closed at its other end.  Must be called where no other
 * children are: those that are left at the deadline are killed.
 */
void checkpassword_run(char *const argv[], unsigned timeout,
	struct checkpassword_order *order, int watch,
	struct checkpassword_outcome *outcome);

/*
 * Fork a runner.  Returns a socket that takes one struct checkpassword_order and gives
 * one struct checkpassword_outcome back, or -1 with errno set.  To be closed, whereupon
 * *pid ends; to be waited for.
 */
int checkpassword_run_start(char *const argv[], unsigned timeout, pid_t *pid);

#endif
