/*
 * Where the user file is, as the configuration says.
 */
#ifndef USERSPATH_H
#define USERSPATH_H

/*
 * The `file` of [auth.passwd] in a configuration, or the built-in path if it sets none.
 * config_path NULL: the built-in configuration, which need not exist.  To be freed.  NULL
 * if the configuration is wrong, which has been said on standard error.
 */
char *userspath_find(const char *config_path);

#endif
