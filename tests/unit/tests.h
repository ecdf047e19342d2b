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
int test_mbox_from(void);
int test_mbox_parse(void);
int test_mbox_io(void);
int test_mbox_journal(void);
int test_mbox_recover(void);
int test_mbox_file(void);
int test_mbox_place(void);
int test_mbox_update(void);
int test_mbox(void);
int test_dotlock(void);
int test_delivery_lock(void);
int test_loader(void);
int test_chain(void);
int test_mechanism(void);
int test_userfile(void);
int test_password_hash(void);
int test_passwd(void);
int test_ctl(void);

#endif
