#include "pop3d/ctl/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR 30     /* characters */
#define PERIOD 100 /* milliseconds between two drawings */
#define ERASE "\r\033[K"

static int64_t
now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
progress_begin(struct progress *progress, const char *what, size_t total)
{
	*progress = (struct progress){
		.shown = isatty(STDERR_FILENO) == 1, .what = what, .total = total};
}

void
progress_step(struct progress *progress, size_t done)
{
	static const char bar[] = "##############################";
	const int64_t time = progress->shown ? now() : 0;
	int filled;

	if (!progress->shown || progress->total == 0 || time - progress->last < PERIOD)
		return;
	progress->last = time;
	filled = (int)((double)done / (double)progress->total * BAR);
	(void)fprintf(stderr, ERASE "%s [%.*s%*s] %zu/%zu", progress->what, filled, bar,
		BAR - filled, "", done, progress->total);
	(void)fflush(stderr);
}

void
progress_end(struct progress *progress)
{
	if (progress->shown && progress->last != 0) {
		(void)fputs(ERASE, stderr);
		(void)fflush(stderr);
	}
	progress->shown = false;
}
