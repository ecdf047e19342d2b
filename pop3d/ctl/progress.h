/*
 * How far a long command is: one line on standard error that is written over, if that is
 * a terminal; else nothing.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool shown;
	const char *what;
	size_t total;
	int64_t last; /* milliseconds, when it was drawn */
};

/* Begin a stretch of work of `total` parts.  what is borrowed. */
void progress_begin(struct progress *progress, const char *what, size_t total);

/* `done` parts are done.  Draws now and then. */
void progress_step(struct progress *progress, size_t done);

/* Leave the line empty for what is to be printed next. */
void progress_end(struct progress *progress);

#endif
