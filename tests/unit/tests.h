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
int test_auth_cache(void);
int test_identity(void);
int test_chain(void);
int test_policy(void);
int test_mechanism(void);
int test_userfile(void);
int test_password_hash(void);
int test_passwd(void);
int test_scram(void);
int test_mech_scram(void);
int test_seed(void);
int test_ctl(void);
int test_apop_digest(void);
int test_apop_seal(void);
int test_apop(void);
int test_number(void);
int test_command(void);
int test_multiline(void);
int test_line(void);
int test_line_limit(void);
int test_stream(void);
int test_stream_write(void);
int test_output(void);
int test_ipc(void);
int test_verdict(void);
int test_config(void);
int test_config_print(void);
int test_config_keys(void);
int test_pop3d_options(void);
int test_log(void);
int test_log_target(void);
int test_address(void);
int test_children(void);
int test_child(void);
int test_capability(void);
int test_descriptors(void);

#endif
