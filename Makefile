# pop3d: works with GNU make and BSD make.  `make help` lists what can be made.

VERSION = 0.1

# Where things go.  Override on the command line; DESTDIR is honoured.
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
LIBDIR = $(PREFIX)/lib/pop3d
MODDIR = $(LIBDIR)/auth
INCLUDEDIR = $(PREFIX)/include/pop3d
PKGCONFIGDIR = $(PREFIX)/lib/pkgconfig
EMPTYDIR = $(LIBDIR)/empty
MANDIR = $(PREFIX)/share/man
SYSCONFDIR = /etc/pop3d
RUNDIR = /run/pop3d

CC = cc
PKG_CONFIG = pkg-config
INSTALL = install
OPT = -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef \
	-Wformat=2 -Wwrite-strings -Wcast-qual -Wvla -Wnull-dereference \
	-Wimplicit-fallthrough
HARDEN = -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
WERROR =
CFLAGS =
LDFLAGS =

# inih and libmd are linked from their archives: a connection then pays for no more
# shared objects than libc.  A packager may say INIH_LIBS=-linih MD_LIBS=-lmd.
INIH_LIBS = -l:libinih.a
MD_LIBS = -l:libmd.a
SODIUM_CFLAGS != $(PKG_CONFIG) --cflags libsodium
JANSSON_CFLAGS != $(PKG_CONFIG) --cflags jansson
JANSSON_LIBS != $(PKG_CONFIG) --libs jansson
CRYPTO_CFLAGS != $(PKG_CONFIG) --cflags libcrypto
CRYPTO_LIBS != $(PKG_CONFIG) --libs libcrypto
SSL_LIBS != $(PKG_CONFIG) --libs libssl libcrypto
SODIUM_LIBS != $(PKG_CONFIG) --libs libsodium
CRYPT_LIBS = -lcrypt
BUILD_CC = $(CC)
SECCOMP_ARCH =
SECCOMP_CFLAGS != $(PKG_CONFIG) --cflags libseccomp
SECCOMP_LIBS != $(PKG_CONFIG) --libs libseccomp
# As with inih and libmd; Z_LIBS=-lz ZSTD_LIBS=-lzstd are as good.
Z_LIBS = -l:libz.a
ZSTD_LIBS = -l:libzstd.a
MAILSTORE_LIBS = $(MD_LIBS) $(Z_LIBS) $(ZSTD_LIBS)
# Debian's archive for use in shared objects; elsewhere CDB_LIBS=-lcdb.
CDB_LIBS = -l:libcdb_pic.a
IDN_LIBS = -lidn
PASSWD_PART_LIBS = $(SODIUM_LIBS) $(CRYPT_LIBS) $(IDN_LIBS)
PASSWD_LIBS = $(PASSWD_PART_LIBS) $(CDB_LIBS)

PATHS = -DPOP3D_VERSION='"$(VERSION)"' -DPOP3D_CONFIG='"$(SYSCONFDIR)/pop3d.conf"' \
	-DPOP3D_MODULES='"$(MODDIR)"' -DPOP3D_EMPTY='"$(EMPTYDIR)"' \
	-DPOP3D_REPLY='"$(LIBDIR)/checkpassword-reply"' \
	-DPOP3D_TLS='"$(LIBDIR)/pop3d-tls"' \
	-DPOP3D_CERTIFICATE='"$(SYSCONFDIR)/cert.pem"' -DPOP3D_KEY='"$(SYSCONFDIR)/key.pem"' \
	-DPOP3D_RUN='"$(RUNDIR)"' -DPOP3D_USERS='"$(SYSCONFDIR)/users"' \
	-DPOP3D_APOP_SECRETS='"$(SYSCONFDIR)/apop-secrets"' \
	-DPOP3D_APOP_KEY='"$(SYSCONFDIR)/apop-key"'
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -I. $(OPT) $(WARN) $(WERROR) $(HARDEN) -fPIC \
	-MMD -MP $(SODIUM_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS) $(PATHS) $(CFLAGS)
LINK = $(CC) -pie -pthread -Wl,-z,relro,-z,now,--as-needed $(CFLAGS) $(LDFLAGS)
LINK_MODULE = $(CC) -shared -Wl,-z,relro,-z,now,-z,defs,--as-needed $(CFLAGS) $(LDFLAGS)

# What each program is made of.
IMPORT_OBJS = mailstore/import_courier.o mailstore/import_dovecot.o \
	mailstore/import_expand.o mailstore/import_file.o mailstore/import_format.o \
	mailstore/import_header.o mailstore/import_line.o mailstore/import_mbox.o \
	mailstore/import_popa3d.o mailstore/import_qpopper.o mailstore/import_set.o
MAILSTORE_OBJS = mailstore/location.o mailstore/needs.o mailstore/block.o \
	mailstore/octets.o \
	mailstore/unique_id.o mailstore/checksum.o mailstore/checksum_avx2.o mailstore/scan.o \
	mailstore/decoder.o mailstore/decoder_gzip.o mailstore/decoder_zstd.o \
	mailstore/session_lock.o mailstore/session_lock_file.o mailstore/lock_text.o mailstore/lock_self.o \
	mailstore/lock_lease.o mailstore/login_stamp.o mailstore/maildir_age.o \
	mailstore/mbox_age.o mailstore/mbox_date.o mailstore/maildir.o mailstore/maildir_list.o \
	mailstore/maildir_message.o mailstore/maildir_name.o mailstore/maildir_scan.o \
	mailstore/maildir_ahead.o mailstore/maildir_count.o mailstore/maildir_claim.o mailstore/maildir_ids.o mailstore/maildir_index.o \
	mailstore/maildir_known.o mailstore/maildir_xuidl.o \
	mailstore/maildir_twins.o mailstore/maildir_uid.o mailstore/maildir_update.o \
	mailstore/maildir_quota.o mailstore/maildir_quota_file.o \
	mailstore/index.o mailstore/id_file.o mailstore/id_file_io.o \
	mailstore/mbox_alike.o mailstore/mbox_message.o mailstore/mbox_import.o mailstore/mbox_index.o mailstore/mbox_ids.o \
	mailstore/mbox_ids_file.o \
	mailstore/mbox.o mailstore/mbox_file.o mailstore/mbox_from.o mailstore/mbox_id.o \
	mailstore/mbox_io.o \
	mailstore/mbox_journal.o mailstore/mbox_parse.o mailstore/mbox_place.o \
	mailstore/mbox_recover.o mailstore/mbox_update.o mailstore/delivery_lock.o \
	mailstore/dotlock.o mailstore/dotlock_stale.o $(IMPORT_OBJS)
# What only tools of an administrator ask of a store.
MAILSTORE_TOOL_OBJS = mailstore/detail.o mailstore/ids_give.o \
	mailstore/traces.o mailstore/maildir_quota_count.o mailstore/maildir_quota_walk.o
# What the core and modules share; a module has its own copy.
SCRAM_OBJS = auth/base64.o auth/hmac.o auth/scram_keys.o
AUTH_CORE_OBJS = $(SCRAM_OBJS) auth/scram.o auth/mech_scram.o \
	auth/chain.o auth/chain_host.o auth/chain_verify.o auth/loader.o auth/mechanism.o auth/policy.o auth/mech_apop.o \
	auth/mech_cram_md5.o auth/mech_external.o auth/mech_login.o auth/mech_plain.o \
	auth/mech_user.o auth/mech_oauthbearer.o auth/mech_xoauth2.o \
	auth/oauth_exchange.o auth/oauth_message.o
# What modules with a file of users have in common.
USERFILE_OBJS = auth/admission.o auth/module_file.o auth/nets.o auth/userfile.o
PASSWD_OBJS = auth/passwd.o auth/passwd_file.o auth/password_scheme.o auth/rehash.o \
	auth/usercdb.o auth/useredit.o $(USERFILE_OBJS)
# Its second part, with all that needs libraries.
PASSWD_PART_OBJS = auth/passwd_part.o auth/password_crypt.o auth/password_hash.o \
	auth/saslprep.o
# What processes share by way of the run directory.
SHARING_OBJS = pop3d/run_directory.o pop3d/host_key.o pop3d/penalty.o \
	pop3d/penalty_table.o pop3d/shared_map.o pop3d/turns.o
SANDBOX_OBJS = pop3d/sandbox.o pop3d/sandbox_landlock.o pop3d/sandbox_seccomp.o
CONFIG_OBJS = pop3d/config.o pop3d/config_checks.o pop3d/config_file.o pop3d/config_keys.o \
	pop3d/half_open.o pop3d/number.o pop3d/address.o pop3d/trust.o
SHARED_OBJS = pop3d/account.o pop3d/auth_cache.o pop3d/auth_process.o pop3d/capability.o pop3d/child.o \
	pop3d/certificate.o pop3d/certificate_map.o pop3d/children.o pop3d/clock.o \
	pop3d/command.o pop3d/confine.o pop3d/connection.o pop3d/coverage.o \
	pop3d/descriptors.o pop3d/endpoint.o $(SHARING_OBJS) pop3d/roster.o \
	pop3d/gate.o pop3d/identity.o pop3d/ipc.o pop3d/ipc_fds.o pop3d/line.o \
	pop3d/log.o pop3d/multiline.o pop3d/multiline_avx2.o pop3d/mail_policy.o \
	pop3d/options.o pop3d/output.o pop3d/privileges.o pop3d/proxy.o \
	pop3d/proxy_message.o pop3d/proxy_tlv.o pop3d/proxy_v2.o pop3d/reexec.o \
	$(SANDBOX_OBJS) pop3d/seed.o pop3d/service.o pop3d/startup.o pop3d/stream.o \
	pop3d/tls/info.o pop3d/tls/setup.o pop3d/tls_program.o pop3d/tls_start.o \
	pop3d/verdict.o pop3d/xclient.o
ROLE_OBJS = pop3d/listener.o pop3d/listener_admit.o pop3d/listener_renew.o pop3d/listener_resident.o \
	pop3d/monitor.o pop3d/monitor_login.o pop3d/monitor_messages.o pop3d/monitor_penalty.o pop3d/proxy_process.o pop3d/attempt.o pop3d/front.o \
	pop3d/front_attempt.o pop3d/front_login.o \
	pop3d/authenticator.o pop3d/session.o
SESSION_OBJS = pop3d/session_commands.o pop3d/session_limits.o \
	pop3d/session_maildrop.o pop3d/session_message.o pop3d/session_expire.o \
	pop3d/session_log.o pop3d/session_confine.o
POP3D_OBJS = pop3d/main.o $(ROLE_OBJS) $(SESSION_OBJS) $(SHARED_OBJS) $(CONFIG_OBJS) \
	auth/nets.o $(AUTH_CORE_OBJS) $(MAILSTORE_OBJS)
# The only program that is linked with libssl.
TLS_OPENSSL_OBJS = pop3d/tls/check.o pop3d/tls/context.o pop3d/tls/context_clients.o \
	pop3d/tls/context_options.o pop3d/tls/context_pair.o pop3d/tls/context_staple.o \
	pop3d/tls/key_client.o pop3d/tls/key_files.o pop3d/tls/key_process.o \
	pop3d/tls/key_provider.o pop3d/tls/key_request.o pop3d/tls/keys.o \
	pop3d/tls/loaded.o pop3d/tls/material.o pop3d/tls/material_names.o pop3d/tls/peer.o \
	pop3d/tls/pump.o pop3d/tls/report.o pop3d/tls/ticket_file.o pop3d/tls/tickets.o
TLS_OBJS = pop3d/tls/main.o pop3d/tls/relay.o pop3d/tls/resident.o $(TLS_OPENSSL_OBJS) \
	pop3d/tls/info.o pop3d/tls/setup.o pop3d/child.o pop3d/clock.o pop3d/confine.o \
	pop3d/descriptors.o pop3d/ipc.o pop3d/ipc_fds.o pop3d/log.o pop3d/privileges.o \
	$(SANDBOX_OBJS)
CTL_OBJS = pop3d/ctl/ctl.o pop3d/ctl/passwd.o pop3d/ctl/passwd_options.o \
	pop3d/ctl/passwd_show.o pop3d/ctl/prompt.o pop3d/ctl/apop.o \
	pop3d/ctl/userentry.o pop3d/ctl/userlist.o pop3d/ctl/userspath.o \
	pop3d/ctl/settings.o pop3d/ctl/authclient.o pop3d/ctl/authclient_scram.o \
	pop3d/ctl/authlist.o pop3d/ctl/authtest.o pop3d/ctl/authtrial.o \
	$(MAILBOX_OBJS) $(MAILSTORE_TOOL_OBJS)
# pop3ctl mailbox
MAILBOX_OBJS = pop3d/ctl/mailbox.o pop3d/ctl/mailbox_header.o pop3d/ctl/mailbox_owner.o \
	pop3d/ctl/mailbox_user.o pop3d/ctl/printable.o pop3d/ctl/progress.o \
	pop3d/ctl/writer.o pop3d/ctl/mailbox_show.o pop3d/ctl/check.o \
	pop3d/ctl/check_maildir.o pop3d/ctl/mailbox_check.o pop3d/ctl/mailbox_repair.o \
	pop3d/ctl/mailbox_recover.o pop3d/ctl/convert_codec.o pop3d/ctl/convert_maildir.o \
	pop3d/ctl/convert_mbox.o pop3d/ctl/convert_source.o pop3d/ctl/convert_verify.o \
	pop3d/ctl/convert_work.o pop3d/ctl/mailbox_convert.o pop3d/ctl/foreign_ids.o \
	pop3d/ctl/mailbox_uidl.o pop3d/ctl/mailbox_quota.o pop3d/ctl/penalty.o
# What pop3ctl does as pop3d does it.
CTL_SHARED_OBJS = pop3d/account.o pop3d/auth_cache.o pop3d/coverage.o pop3d/auth_process.o pop3d/child.o \
	pop3d/clock.o pop3d/confine.o pop3d/descriptors.o pop3d/identity.o \
	pop3d/ipc.o $(SHARING_OBJS) pop3d/log.o pop3d/options.o pop3d/privileges.o \
	pop3d/seed.o pop3d/mail_policy.o $(SANDBOX_OBJS) \
	pop3d/service.o pop3d/tls/setup.o pop3d/tls_program.o pop3d/verdict.o
POP3CTL_OBJS = pop3d/ctl/main.o $(CTL_OBJS) $(CONFIG_OBJS) $(PASSWD_OBJS) $(PASSWD_PART_OBJS) \
	$(SECRET_OBJS) \
	$(CTL_SHARED_OBJS) \
	$(AUTH_CORE_OBJS) $(MAILSTORE_OBJS)
MODULES = auth/passwd.so auth/apop.so auth/jwt.so auth/pam.so auth/checkpassword.so
# Second parts of modules, loaded where they are needed.
PARTS = auth/passwd.part
# Programs that modules run.
HELPERS = auth/checkpassword-reply
# A module of PAM.
TEST_PAM = tests/modules/pam_puppet.so
# Modules that tests load; some are broken on purpose.
TEST_MODULES = tests/modules/mod_ok.so tests/modules/mod_tempfail.so \
	tests/modules/mod_scram.so \
	tests/modules/mod_crash.so tests/modules/mod_hang.so tests/modules/mod_badabi.so \
	tests/modules/mod_badsize.so tests/modules/mod_badname.so \
	tests/modules/mod_nosymbol.so tests/modules/mod_badopen.so \
	tests/modules/mod_unterminated.so tests/modules/mod_puppet.so \
	tests/modules/mod_hostile.so tests/modules/mod_part.so $(TEST_PAM)
TEST_PARTS = tests/modules/mod_part.part tests/modules/part_abi.part \
	tests/modules/part_size.part tests/modules/part_empty.part
# What apop.so shares with pop3ctl.
SECRET_OBJS = auth/apop_digest.o auth/apop_seal.o
JWT_OBJS = auth/jwt_claims.o auth/jwt_keys.o auth/jwt_token.o
JWT_LIBS = $(JANSSON_LIBS) $(CRYPTO_LIBS) $(SODIUM_LIBS)
MANUALS = pop3d/pop3d.8 pop3d/pop3d.conf.5 pop3d/ctl/pop3ctl.1 auth/pop3d_auth.3

# Unit tests: one program, one file and one entry in tests/unit/tests.h per file tested.
AUTH_TEST_OBJS = tests/unit/test_nets.o tests/unit/test_saslprep.o tests/unit/test_usercdb.o \
	tests/unit/test_passwd_more.o tests/unit/test_passwd_rehash.o \
	tests/unit/test_useredit.o tests/unit/test_scram.o \
	tests/unit/test_mech_scram.o tests/unit/test_seed.o \
	tests/unit/auth_fixture.o tests/unit/test_loader.o \
	tests/unit/test_chain.o tests/unit/test_policy.o tests/unit/test_identity.o tests/unit/test_auth_cache.o tests/unit/test_mechanism.o tests/unit/test_userfile.o \
	tests/unit/test_password_hash.o tests/unit/test_passwd.o tests/unit/test_ctl.o tests/unit/test_ctl_auth.o
SECRET_TEST_OBJS = tests/unit/module_fixture.o tests/unit/test_apop_digest.o \
	tests/unit/test_apop_seal.o tests/unit/test_apop.o \
	tests/unit/test_oauth_message.o tests/unit/test_oauth_exchange.o \
	tests/unit/test_coverage.o tests/unit/jwt_fixture.o tests/unit/test_jwt_token.o \
	tests/unit/test_jwt_keys.o tests/unit/test_jwt_claims.o tests/unit/test_jwt.o
PROGRAM_TEST_OBJS = tests/unit/test_pam_conversation.o \
	tests/unit/test_checkpassword_answer.o tests/unit/test_checkpassword_run.o
MBOX_TEST_OBJS = tests/unit/mbox_fixture.o tests/unit/test_mbox_from.o \
	tests/unit/test_mbox_id.o \
	tests/unit/test_mbox_parse.o tests/unit/test_mbox_io.o tests/unit/test_mbox_journal.o \
	tests/unit/test_mbox_recover.o tests/unit/test_mbox_file.o \
	tests/unit/test_mbox_place.o tests/unit/test_mbox_update.o tests/unit/test_mbox.o \
	tests/unit/test_dotlock.o tests/unit/test_delivery_lock.o
CORE_TEST_OBJS = tests/unit/wire_fixture.o tests/unit/line_fixture.o \
	tests/unit/config_fixture.o tests/unit/test_account.o tests/unit/test_number.o tests/unit/test_command.o \
	tests/unit/test_multiline.o tests/unit/test_line.o \
	tests/unit/test_line_limit.o tests/unit/test_stream.o \
	tests/unit/test_stream_write.o tests/unit/test_output.o tests/unit/test_ipc.o \
	tests/unit/test_verdict.o tests/unit/test_config.o \
	tests/unit/test_config_print.o tests/unit/test_config_keys.o \
	tests/unit/test_options.o tests/unit/test_log.o tests/unit/test_log_target.o tests/unit/log_fixture.o \
	tests/unit/test_address.o tests/unit/test_children.o tests/unit/test_child.o \
	tests/unit/test_capability.o tests/unit/test_mail_policy.o tests/unit/test_descriptors.o \
	tests/unit/test_endpoint.o tests/unit/test_trust.o tests/unit/test_ipc_fds.o \
	tests/unit/test_connection.o tests/unit/test_gate.o tests/unit/test_half_open.o \
	tests/unit/test_turns.o tests/unit/test_roster.o \
	tests/unit/test_penalty.o tests/unit/test_penalty_table.o \
	tests/unit/test_penalty_race.o tests/unit/penalty_fixture.o
PROXY_TEST_OBJS = tests/unit/proxy_fixture.o tests/unit/test_proxy.o \
	tests/unit/test_proxy_tlv.o tests/unit/test_proxy_v2.o \
	tests/unit/test_proxy_message.o tests/unit/test_xclient.o \
	tests/unit/test_certificate.o tests/unit/test_certificate_map.o
MAILBOX_TEST_OBJS = tests/unit/test_printable.o tests/unit/test_convert_codec.o \
	tests/unit/test_mbox_date.o
TLS_TEST_OBJS = tests/unit/tls_fixture.o tests/unit/tls_handshake.o \
	tests/unit/test_tls_setup.o tests/unit/test_tls_info.o tests/unit/test_tls_material.o \
	tests/unit/test_tls_material_names.o tests/unit/test_tls_context.o \
	tests/unit/test_tls_names.o tests/unit/test_tls_clients.o tests/unit/test_tls_peer.o \
	tests/unit/test_tls_resume.o tests/unit/test_tls_tickets.o tests/unit/test_tls_check.o \
	tests/unit/test_key_request.o tests/unit/test_key_process.o
IMPORT_TEST_OBJS = tests/unit/import_fixture.o tests/unit/test_import_courier.o \
	tests/unit/test_import_dovecot.o tests/unit/test_import_file.o \
	tests/unit/test_import_header.o
UNIT_OBJS = tests/unit/main.o tests/unit/maildir_fixture.o \
	tests/unit/compressed_fixture.o tests/unit/test_decoder.o tests/unit/test_decoder_damage.o \
	tests/unit/test_block.o tests/unit/test_octets.o tests/unit/test_unique_id.o \
	tests/unit/test_location.o tests/unit/test_needs.o tests/unit/lock_fixture.o \
	tests/unit/test_session_lock.o tests/unit/test_scan.o \
	tests/unit/test_lock_text.o tests/unit/test_lock_lease.o tests/unit/test_lock_race.o \
	tests/unit/test_login_stamp.o \
	tests/unit/test_maildir_name.o tests/unit/test_maildir_list.o \
	tests/unit/test_maildir.o tests/unit/test_maildir_message.o \
	tests/unit/test_maildir_compressed.o \
	tests/unit/test_checksums.o tests/unit/test_maildir_count.o \
	tests/unit/test_maildir_scan.o tests/unit/test_maildir_twins.o \
	tests/unit/test_maildir_update.o tests/unit/test_maildir_quota.o \
	tests/unit/test_maildir_quota_file.o tests/unit/test_maildir_quota_count.o \
	tests/unit/test_index.o tests/unit/test_id_file.o \
	$(MBOX_TEST_OBJS) $(IMPORT_TEST_OBJS) \
	$(SECRET_TEST_OBJS) \
	$(AUTH_TEST_OBJS) $(CORE_TEST_OBJS) $(PROGRAM_TEST_OBJS) $(PROXY_TEST_OBJS) \
	$(TLS_TEST_OBJS) $(MAILBOX_TEST_OBJS)
# Every object of the project but those of roles and those with a main().
UNIT_LIBS = $(SHARED_OBJS) $(SESSION_OBJS) $(CONFIG_OBJS) $(AUTH_CORE_OBJS) $(PASSWD_OBJS) \
	$(PASSWD_PART_OBJS) $(SECRET_OBJS) $(JWT_OBJS) $(MAILSTORE_OBJS) $(CTL_OBJS) auth/pam_conversation.o \
	auth/checkpassword_answer.o auth/checkpassword_run.o

all: pop3d/pop3d pop3d/tls/pop3d-tls pop3d/ctl/pop3ctl $(MODULES) $(PARTS) \
	$(HELPERS)

.SUFFIXES:
.SUFFIXES: .c .o .so
.c.o:
	$(COMPILE) -c -o $@ $<
.c.so:
	$(COMPILE) -shared -Wl,-z,defs $(LDFLAGS) -o $@ $<

# The filters of system calls are made at build time, by a program of this machine: to
# build for another one, say BUILD_CC=cc SECCOMP_ARCH=aarch64 (a name of libseccomp's).
pop3d/sandbox_seccomp.o: pop3d/sandbox_filters.inc
pop3d/sandbox_filters.inc: pop3d/sandbox_generate
	./pop3d/sandbox_generate $(SECCOMP_ARCH) >$@.new
	mv $@.new $@
pop3d/sandbox_generate: pop3d/sandbox_generate.c
	$(BUILD_CC) -std=c11 -D_GNU_SOURCE -I. $(OPT) $(WARN) $(WERROR) $(SECCOMP_CFLAGS) \
		-o $@ pop3d/sandbox_generate.c $(SECCOMP_LIBS)

pop3d/pop3d: $(POP3D_OBJS)
	$(LINK) -o $@ $(POP3D_OBJS) $(INIH_LIBS) $(MAILSTORE_LIBS)

pop3d/tls/pop3d-tls: $(TLS_OBJS)
	$(LINK) -o $@ $(TLS_OBJS) $(SSL_LIBS)

pop3d/ctl/pop3ctl: $(POP3CTL_OBJS)
	$(LINK) -o $@ $(POP3CTL_OBJS) $(INIH_LIBS) $(MAILSTORE_LIBS) $(PASSWD_LIBS)

auth/passwd.so: $(PASSWD_OBJS) $(SCRAM_OBJS)
	$(LINK_MODULE) -o $@ $(PASSWD_OBJS) $(SCRAM_OBJS) $(CDB_LIBS) $(MD_LIBS)

auth/passwd.part: $(PASSWD_PART_OBJS) auth/password_scheme.o $(SCRAM_OBJS)
	$(LINK_MODULE) -o $@ $(PASSWD_PART_OBJS) auth/password_scheme.o $(SCRAM_OBJS) \
		$(PASSWD_PART_LIBS) $(MD_LIBS)

auth/apop.so: auth/apop.o $(SECRET_OBJS) $(USERFILE_OBJS)
	$(LINK_MODULE) -o $@ auth/apop.o $(SECRET_OBJS) $(USERFILE_OBJS) $(MD_LIBS) \
		$(SODIUM_LIBS)

PAM_OBJS = auth/pam.o auth/pam_conversation.o
auth/pam.so: $(PAM_OBJS)
	$(LINK_MODULE) -o $@ $(PAM_OBJS) -lpam

$(TEST_PAM): tests/modules/pam_puppet.c
	$(COMPILE) -shared -Wl,-z,defs $(LDFLAGS) -o $@ tests/modules/pam_puppet.c -lpam

# A name of its own for what it depends on: mod_part.so has one as well.
TEST_PART = $(COMPILE) -MF $@.d -shared -Wl,-z,defs $(LDFLAGS) tests/modules/part.c
tests/modules/mod_part.part: tests/modules/part.c
	$(TEST_PART) -o $@
tests/modules/part_abi.part: tests/modules/part.c
	$(TEST_PART) -DPART_ABI=POP3D_AUTH_ABI+1 -o $@
tests/modules/part_size.part: tests/modules/part.c
	$(TEST_PART) -DPART_SIZE=8 -o $@
tests/modules/part_empty.part: tests/modules/part.c
	$(TEST_PART) -DPART_FUNCTIONS=0 -o $@

CHECKPASSWORD_LIBS = auth/checkpassword_answer.o auth/checkpassword_run.o
CHECKPASSWORD_OBJS = auth/checkpassword.o $(CHECKPASSWORD_LIBS)
auth/checkpassword.so: $(CHECKPASSWORD_OBJS)
	$(LINK_MODULE) -o $@ $(CHECKPASSWORD_OBJS)

auth/checkpassword-reply: auth/checkpassword_reply.o
	$(LINK) -o $@ auth/checkpassword_reply.o

auth/jwt.so: auth/jwt.o $(JWT_OBJS) $(USERFILE_OBJS)
	$(LINK_MODULE) -o $@ auth/jwt.o $(JWT_OBJS) $(USERFILE_OBJS) \
		$(JWT_LIBS)

tests/unit/unit: $(UNIT_OBJS) $(UNIT_LIBS) $(TLS_OPENSSL_OBJS)
	$(LINK) -o $@ $(UNIT_OBJS) $(UNIT_LIBS) $(TLS_OPENSSL_OBJS) $(INIH_LIBS) $(MAILSTORE_LIBS) \
		$(PASSWD_LIBS) $(JWT_LIBS) $(SSL_LIBS) -lcmocka

CRASH_OBJS = tests/crash/store_update.o $(MAILSTORE_OBJS)
tests/crash/store_update: $(CRASH_OBJS)
	$(LINK) -o $@ $(CRASH_OBJS) $(MAILSTORE_LIBS)

INTERCEPT_OBJS = tests/crash/intercept.o tests/crash/intercept_calls.o \
	tests/crash/intercept_filter.o
tests/crash/intercept: $(INTERCEPT_OBJS)
	$(LINK) -o $@ $(INTERCEPT_OBJS)

IMPORT_IDS_OBJS = tests/system/import_ids.o $(MAILSTORE_OBJS)
tests/system/import_ids: $(IMPORT_IDS_OBJS)
	$(LINK) -o $@ $(IMPORT_IDS_OBJS) $(MAILSTORE_LIBS)

# The programs, testing their own sandbox (tests/system/test_sandbox.py).
PROBE_LINK = $(LINK) -Wl,--wrap=sandbox_filter
PROBES = tests/probe/pop3d tests/probe/pop3d-tls tests/probe/without
tests/probe/pop3d: $(POP3D_OBJS) tests/probe/probe.o
	$(PROBE_LINK) -o $@ $(POP3D_OBJS) tests/probe/probe.o $(INIH_LIBS) $(MAILSTORE_LIBS)

tests/probe/pop3d-tls: $(TLS_OBJS) tests/probe/probe.o
	$(PROBE_LINK) -o $@ $(TLS_OBJS) tests/probe/probe.o $(SSL_LIBS)

tests/probe/without: tests/probe/without.o
	$(LINK) -o $@ tests/probe/without.o

# What scripts/bench compares with, besides other servers.
FLOORS = tests/bench/floor tests/bench/floor_retr tests/bench/floor_session tests/bench/floor_tls
FLOOR_OBJS = $(FLOORS:=.o) tests/bench/compartment.o
floors: $(FLOORS)

tests/bench/floor: tests/bench/floor.o tests/bench/compartment.o
	$(LINK) -o $@ tests/bench/floor.o tests/bench/compartment.o

tests/bench/floor_retr: tests/bench/floor_retr.o
	$(LINK) -o $@ tests/bench/floor_retr.o

tests/bench/floor_session: tests/bench/floor_session.o tests/bench/compartment.o
	$(LINK) -o $@ tests/bench/floor_session.o tests/bench/compartment.o

tests/bench/floor_tls: tests/bench/floor_tls.o tests/bench/compartment.o
	$(LINK) -o $@ tests/bench/floor_tls.o tests/bench/compartment.o $(SSL_LIBS)

probe: $(PROBES)

test-modules: $(TEST_MODULES) $(TEST_PARTS) tests/system/import_ids probe

check: all test-modules tests/unit/unit tests/crash/store_update tests/crash/intercept
	./tests/unit/unit

# BSD make takes two blanks between file names to include for an empty name: no "\" here.
CHECKPASSWORD_DEPS = $(CHECKPASSWORD_OBJS:.o=.d) auth/checkpassword_reply.d
MODULE_DEPS = $(PAM_OBJS:.o=.d) $(CHECKPASSWORD_DEPS) auth/passwd.d auth/passwd_part.d auth/apop.d auth/jwt.d $(JWT_OBJS:.o=.d) tests/crash/store_update.d $(INTERCEPT_OBJS:.o=.d) tests/system/import_ids.d tests/probe/probe.d tests/probe/without.d $(FLOOR_OBJS:.o=.d) $(TEST_MODULES:.so=.d) $(TEST_PARTS:=.d)
DEPS = $(POP3D_OBJS:.o=.d) $(TLS_OBJS:.o=.d) $(POP3CTL_OBJS:.o=.d) $(UNIT_OBJS:.o=.d) $(MODULE_DEPS)
clean:
	rm -f $(POP3D_OBJS) $(TLS_OBJS) $(POP3CTL_OBJS) $(UNIT_OBJS) auth/passwd.o auth/apop.o auth/jwt.o $(JWT_OBJS) $(DEPS) $(MODULES) $(PARTS) \
		$(PAM_OBJS) $(CHECKPASSWORD_OBJS) auth/checkpassword_reply.o $(HELPERS) \
		$(TEST_MODULES) $(TEST_PARTS) tests/crash/store_update.o tests/crash/store_update \
		$(INTERCEPT_OBJS) tests/crash/intercept \
		tests/system/import_ids.o tests/system/import_ids \
		$(PROBES) tests/probe/probe.o tests/probe/without.o $(FLOORS) $(FLOOR_OBJS) \
		pop3d/sandbox_generate pop3d/sandbox_filters.inc \
		pop3d/pop3d pop3d/tls/pop3d-tls pop3d/ctl/pop3ctl tests/unit/unit

# Programs of tests/fuzz, with clang: make fuzz CC=clang CFLAGS="$(FUZZ_CFLAGS)"
FUZZ_CFLAGS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_SOURCES = tests/fuzz/fuzz_*.c
fuzz: $(UNIT_LIBS) $(TLS_OPENSSL_OBJS)
	set -e; for f in $(FUZZ_SOURCES); do \
		echo "$${f%.c}"; \
		$(COMPILE) -fsanitize=fuzzer -o "$${f%.c}" "$$f" $(UNIT_LIBS) \
			$(TLS_OPENSSL_OBJS) $(INIH_LIBS) $(MAILSTORE_LIBS) \
			$(PASSWD_LIBS) $(JWT_LIBS) $(SSL_LIBS); \
	done

# LINT = names of checks, if not all.
LINT =
lint: all
	@CC='$(CC)' ./scripts/lint $(LINT) -- -std=c11 -D_GNU_SOURCE -I. $(SODIUM_CFLAGS) \
		$(PATHS)

# The paths are compiled in: what was built for other ones must not be installed.
install: all
	@grep -qF '$(MODDIR)' pop3d/pop3d || \
		{ echo 'Built for another PREFIX: "make clean" first.' >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(MODDIR) \
		$(DESTDIR)$(SYSCONFDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR)
	$(INSTALL) -d -m 0555 $(DESTDIR)$(EMPTYDIR)
	$(INSTALL) -m 0755 pop3d/pop3d $(DESTDIR)$(SBINDIR)/pop3d
	$(INSTALL) -m 0755 pop3d/ctl/pop3ctl $(DESTDIR)$(BINDIR)/pop3ctl
	$(INSTALL) -m 0644 $(MODULES) $(PARTS) $(DESTDIR)$(MODDIR)
	$(INSTALL) -m 0711 $(HELPERS) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 0755 pop3d/tls/pop3d-tls $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 0644 auth/auth_module.h $(DESTDIR)$(INCLUDEDIR)/auth_module.h
	abi=$$(sed -n 's/^#define POP3D_AUTH_ABI \([0-9]*\)u$$/\1/p' auth/auth_module.h); \
	includes=$(INCLUDEDIR); \
	sed -e 's,@PREFIX@,$(PREFIX),' -e "s,@INCLUDES@,$${includes%/*}," -e "s,@ABI@,$$abi," \
		-e 's,@MODDIR@,$(MODDIR),' -e 's,@VERSION@,$(VERSION),' \
		scripts/pop3d-auth.pc.in | \
		$(INSTALL) -m 0644 /dev/stdin $(DESTDIR)$(PKGCONFIGDIR)/pop3d-auth.pc
	sed -e 's,/usr/lib/pop3d,$(LIBDIR),' -e 's,/etc/pop3d,$(SYSCONFDIR),' \
		-e 's,/run/pop3d,$(RUNDIR),' scripts/samples/pop3d.conf | \
		$(INSTALL) -m 0644 /dev/stdin $(DESTDIR)$(SYSCONFDIR)/pop3d.conf.sample
	set -e; for page in $(MANUALS); do \
		section=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
		$(INSTALL) -d "$$section"; \
		$(INSTALL) -m 0644 "$$page" "$$section"; \
	done

# Leaves the configuration and the user file alone.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/pop3d $(DESTDIR)$(BINDIR)/pop3ctl \
		$(DESTDIR)$(SYSCONFDIR)/pop3d.conf.sample \
		$(DESTDIR)$(INCLUDEDIR)/auth_module.h $(DESTDIR)$(PKGCONFIGDIR)/pop3d-auth.pc
	rm -f $(DESTDIR)$(LIBDIR)/pop3d-tls
	for helper in $(HELPERS); do rm -f $(DESTDIR)$(LIBDIR)/"$${helper##*/}"; done
	for module in $(MODULES) $(PARTS); do rm -f $(DESTDIR)$(MODDIR)/"$${module##*/}"; done
	for page in $(MANUALS); do \
		rm -f $(DESTDIR)$(MANDIR)/man"$${page##*.}/$${page##*/}"; done
	for d in $(MODDIR) $(EMPTYDIR) $(LIBDIR) $(INCLUDEDIR) $(SYSCONFDIR); do \
		[ ! -d $(DESTDIR)$$d ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$d; done

dist:
	mkdir -p build
	git archive --prefix=pop3d-$(VERSION)/ -o build/pop3d-$(VERSION).tar.gz HEAD
	@echo build/pop3d-$(VERSION).tar.gz

help:
	@echo 'all        the programs and modules (default)'
	@echo 'check      unit tests'
	@echo 'lint       style, static analysis, manual pages, dependency rules'
	@echo 'fuzz       fuzz targets: CC=clang CFLAGS="$(FUZZ_CFLAGS)"'
	@echo 'install    honours DESTDIR, PREFIX, SYSCONFDIR, RUNDIR; same PREFIX as for all'
	@echo 'uninstall  removes what install put there'
	@echo 'dist       a source archive of the last commit, in build/'
	@echo 'clean      removes what was built'
	@echo 'Everything that can be tested: scripts/run-tests.  To try it: scripts/run-demo.'

.PHONY: all floors probe test-modules check clean fuzz lint install uninstall dist help
-include $(DEPS)
