/*
 * The From_ line that begins each message of an mbox.
 *
 * Delivery agents quote body lines that start with "From ", but not all do, and none has
 * to where no empty line comes before.  So a separator must look like what an agent
 * writes: "From ", a sender, and a date in the order of asctime(3) up to the line's end:
 *
 *	From SENDER WEEKDAY MONTH DAY HH:MM[:SS] [ZONE [ZONE]] YEAR [ZONE] [remote from
 *HOST]
 *
 * SENDER may be empty and may hold spaces: both occur.  "From my point of view" and
 * "From Monday on" are text.
 */
#ifndef MBOX_FROM_H
#define MBOX_FROM_H

#include <stdbool.h>
#include <stddef.h>

/* A longer line is never a separator, though senders may be long. */
#define MBOX_FROM_MAX 8192u

/* Whether the n bytes at p, one line with or without its line end, are a From_ line. */
bool mbox_from_valid(const unsigned char *p, size_t n);

/* The date as it stands there. */
struct mbox_from_date {
	int year, month, day, hour, minute, second; /* month from 0; day may be 0 */
	char zone[6];                               /* the first one, "" if none */
};

/* The same, with its date; *date means nothing if it is none. */
bool mbox_from_read(const unsigned char *p, size_t n, struct mbox_from_date *date);

#endif
