/*
 * What texts in the configuration may be; for the table of keys.  Each returns NULL, or
 * what is wrong with a value as a constant text.
 */
#ifndef CONFIG_CHECKS_H
#define CONFIG_CHECKS_H

const char *config_check_absolute(const char *value);
const char *config_check_path(const char *value);
const char *config_check_paths(const char *value);
const char *config_check_networks(const char *value);
const char *config_check_log(const char *value);
const char *config_check_hostname(const char *value);
const char *config_check_filled(const char *value);
const char *config_check_locks(const char *value);
const char *config_check_half_open(const char *value);
const char *config_check_scope(const char *value);
const char *config_check_discovery(const char *value);
const char *config_check_mechanisms(const char *value);

#endif
