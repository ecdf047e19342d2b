/*
 * Names of messages in a Maildir: "BASE" in new/, "BASE:2,FLAGS" in cur/.  BASE begins
 * with the time of delivery and names the message for good; flags come and go.  Pure:
 * no file is touched here.
 */
#ifndef MAILDIR_NAME_H
#define MAILDIR_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILDIR_NAME_MAX 255u /* octets of a name that Linux file systems take */

/* Length of the base name: up to the first ':', or all of a name that begins with one. */
size_t maildir_name_base(const char *name);

/*
 * The order of messages, like strcmp: by the decimal number that a base name begins
 * with, of any length (none is 0), then by its bytes.  na and nb are lengths of bases.
 */
int maildir_name_compare(const char *a, size_t na, const char *b, size_t nb);

/*
 * The time of delivery, in seconds since 1970: the number that a base name of n octets
 * begins with, 0 if there is none, INT64_MAX if it is no such time.
 */
int64_t maildir_name_time(const char *name, size_t n);

/* The name in cur/ of a message of new/.  False if that would be too long for a name. */
bool maildir_name_for_cur(const char *name, char to[MAILDIR_NAME_MAX + 1]);

#endif
