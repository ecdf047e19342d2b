/*
 * The run directory: what processes of one host share until it is started anew.
 */
#ifndef RUN_DIRECTORY_H
#define RUN_DIRECTORY_H

/*
 * A descriptor of the directory, made if it is not there; it must belong to this user,
 * and be writable for nobody else.  -1 otherwise, and *wrong is a constant text.
 */
int run_directory_open(const char *path, const char **wrong);

/*
 * A file in it for reading and writing, made empty if it is not there; it must be this
 * user's alone.  -1 with errno otherwise.
 */
int run_directory_file(int directory, const char *name);

#endif
