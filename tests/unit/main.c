/*
 * Runs every group of unit tests, or those named on the command line.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/tests.h"

struct group {
	const char *name;
	int (*run)(void);
};

static const struct group groups[] = {
	{"decoder", test_decoder},
	{"decoder_damage", test_decoder_damage},
	{"block", test_block},
	{"octets", test_octets},
	{"checksums", test_checksums},
	{"scan", test_scan},
	{"unique_id", test_unique_id},
	{"location", test_location},
	{"session_lock", test_session_lock},
	{"lock_text", test_lock_text},
	{"lock_lease", test_lock_lease},
	{"login_stamp", test_login_stamp},
	{"lock_race", test_lock_race},
	{"maildir_name", test_maildir_name},
	{"maildir_list", test_maildir_list},
	{"maildir", test_maildir},
	{"maildir_message", test_maildir_message},
	{"maildir_compressed", test_maildir_compressed},
	{"maildir_count", test_maildir_count},
	{"maildir_scan", test_maildir_scan},
	{"maildir_twins", test_maildir_twins},
	{"maildir_update", test_maildir_update},
	{"maildir_quota", test_maildir_quota},
	{"maildir_quota_file", test_maildir_quota_file},
	{"maildir_quota_count", test_maildir_quota_count},
	{"mbox_from", test_mbox_from},
	{"mbox_id", test_mbox_id},
	{"mbox_parse", test_mbox_parse},
	{"mbox_io", test_mbox_io},
	{"mbox_journal", test_mbox_journal},
	{"index", test_index},
	{"id_file", test_id_file},
	{"mbox_recover", test_mbox_recover},
	{"mbox_file", test_mbox_file},
	{"mbox_place", test_mbox_place},
	{"mbox_update", test_mbox_update},
	{"mbox", test_mbox},
	{"dotlock", test_dotlock},
	{"delivery_lock", test_delivery_lock},
	{"loader", test_loader},
	{"auth_cache", test_auth_cache},
	{"chain", test_chain},
	{"identity", test_identity},
	{"policy", test_policy},
	{"mechanism", test_mechanism},
	{"userfile", test_userfile},
	{"password_hash", test_password_hash},
	{"passwd", test_passwd},
	{"pam_conversation", test_pam_conversation},
	{"checkpassword_answer", test_checkpassword_answer},
	{"checkpassword_run", test_checkpassword_run},
	{"scram", test_scram},
	{"mech_scram", test_mech_scram},
	{"seed", test_seed},
	{"useredit", test_useredit},
	{"passwd_more", test_passwd_more},
	{"passwd_rehash", test_passwd_rehash},
	{"usercdb", test_usercdb},
	{"account", test_account},
	{"saslprep", test_saslprep},
	{"nets", test_nets},
	{"ctl", test_ctl},
	{"ctl_auth", test_ctl_auth},
	{"apop_digest", test_apop_digest},
	{"apop_seal", test_apop_seal},
	{"apop", test_apop},
	{"oauth_message", test_oauth_message},
	{"oauth_exchange", test_oauth_exchange},
	{"coverage", test_coverage},
	{"needs", test_needs},
	{"jwt_token", test_jwt_token},
	{"jwt_keys", test_jwt_keys},
	{"jwt_claims", test_jwt_claims},
	{"jwt", test_jwt},
	{"number", test_number},
	{"command", test_command},
	{"multiline", test_multiline},
	{"line", test_line},
	{"line_limit", test_line_limit},
	{"stream", test_stream},
	{"stream_write", test_stream_write},
	{"output", test_output},
	{"ipc", test_ipc},
	{"verdict", test_verdict},
	{"config", test_config},
	{"config_print", test_config_print},
	{"config_keys", test_config_keys},
	{"pop3d_options", test_pop3d_options},
	{"log", test_log},
	{"log_target", test_log_target},
	{"address", test_address},
	{"children", test_children},
	{"child", test_child},
	{"capability", test_capability},
	{"mail_policy", test_mail_policy},
	{"descriptors", test_descriptors},
	{"endpoint", test_endpoint},
	{"trust", test_trust},
	{"ipc_fds", test_ipc_fds},
	{"connection", test_connection},
	{"gate", test_gate},
	{"half_open", test_half_open},
	{"turns", test_turns},
	{"penalty", test_penalty},
	{"penalty_table", test_penalty_table},
	{"penalty_race", test_penalty_race},
	{"roster", test_roster},
	{"proxy_message", test_proxy_message},
	{"tls_setup", test_tls_setup},
	{"tls_info", test_tls_info},
	{"tls_material", test_tls_material},
	{"tls_material_names", test_tls_material_names},
	{"tls_context", test_tls_context},
	{"tls_names", test_tls_names},
	{"tls_clients", test_tls_clients},
	{"tls_peer", test_tls_peer},
	{"tls_resume", test_tls_resume},
	{"tls_tickets", test_tls_tickets},
	{"tls_check", test_tls_check},
	{"key_request", test_key_request},
	{"key_process", test_key_process},
	{"certificate", test_certificate},
	{"certificate_map", test_certificate_map},
	{"proxy", test_proxy},
	{"proxy_tlv", test_proxy_tlv},
	{"proxy_v2", test_proxy_v2},
	{"xclient", test_xclient},
	{"printable", test_printable},
	{"convert_codec", test_convert_codec},
	{"mbox_date", test_mbox_date},
	{"import_dovecot", test_import_dovecot},
	{"import_courier", test_import_courier},
	{"import_header", test_import_header},
	{"import_file", test_import_file},
	{NULL, NULL},
};

static int
wanted(const char *name, int argc, char **argv)
{
	if (argc < 2)
		return 1;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return 1;
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0, run = 0;

	for (size_t i = 0; groups[i].name != NULL; i++) {
		if (!wanted(groups[i].name, argc, argv))
			continue;
		run++;
		failed += groups[i].run();
	}
	if (run == 0)
		fprintf(stderr, "no such group of tests\n");
	return failed != 0 || run == 0;
}
