/*
 * One function per file of unit tests; each runs its group and returns how many failed.
 */
#ifndef TESTS_H
#define TESTS_H

int test_octets(void);
int test_unique_id(void);
int test_location(void);
int test_session_lock(void);
int test_maildir_name(void);
int test_maildir_list(void);
int test_maildir(void);
int test_maildir_message(void);
int test_maildir_scan(void);
int test_maildir_update(void);

#endif
