/*
 * A file of the run directory as memory that processes share.
 */
#ifndef SHARED_MAP_H
#define SHARED_MAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Map a file of exactly `size` octets, made of zeros if it is not there, or of another
 * size (*replaced); NULL with errno, ENOSPC if there is no room for all of it.  One at a
 * time.  Where the file is cut short
 * meanwhile the memory becomes this process's own, of zeros, instead of ending it by
 * SIGBUS.
 */
void *shared_map_open(int run_directory, const char *name, size_t size, bool *replaced);

void shared_map_close(void);

#endif
