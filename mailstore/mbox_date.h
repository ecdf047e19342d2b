/*
 * The date of a From_ line as a time, and back.
 *
 * Delivery agents write the time of day of their host without a zone, so that is what is
 * read, and written, where no zone says otherwise.
 */
#ifndef MBOX_DATE_H
#define MBOX_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MBOX_DATE_SIZE 48u

/*
 * The time, in seconds since 1970, of the From_ line of n bytes at p.  Zones are known as
 * numbers and by the names of RFC 822 section 5.1; any other is taken for that of this
 * host.  false: not a From_ line, or no such time.
 */
bool mbox_date_read(const unsigned char *p, size_t n, int64_t *seconds);

/*
 * The latest time that may be meant: where a date has no zone that is known, wherever it
 * was written.  Looks at no zone of this host.
 */
bool mbox_date_latest(const unsigned char *p, size_t n, int64_t *seconds);

/*
 * The date for a From_ line, as by asctime(3) without a line end.  A zone is added only
 * in an hour that comes twice a year, so that the time is the same when read again.  A
 * time before 1970 or after 2999 becomes the nearest of these.
 */
void mbox_date_write(int64_t seconds, char text[MBOX_DATE_SIZE]);

#endif
