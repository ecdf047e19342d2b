/*
 * The configuration: built-in defaults, then a file, then -o options.
 *
 * Every key is one row of the table in config_keys.c; reading, checking and printing
 * all follow that table.  See pop3d.conf(5).
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_plaintext {
	PLAINTEXT_NEVER,
	PLAINTEXT_TLS,
	PLAINTEXT_LOCAL,
	PLAINTEXT_ALWAYS
};

/* What the environment says of the client, as who starts us has set it. */
enum config_environment { ENVIRONMENT_NONE, ENVIRONMENT_STUNNEL };

/* What becomes of a fence that the kernel does not have. */
enum config_sandbox { SANDBOX_YES, SANDBOX_REQUIRED };

enum config_tls_mode { TLS_OFF, TLS_STARTTLS, TLS_IMPLICIT };

/* What is believed of TLS that has ended in front of us. */
enum config_forwarded { FORWARDED_NO, FORWARDED_YES, FORWARDED_CERTIFICATE };

struct config_server {
	char *hostname; /* never empty: the host's own name is the default */
	char *run_directory;
	char *user;
	char *chroot;
	char *log;          /* syslog, stderr or file:PATH */
	uint64_t log_level; /* of syslog(3), LOG_ERR to LOG_DEBUG */
	uint64_t proxy;     /* enum proxy_versions; a socket's name may say otherwise */
	char *trusted_networks; /* who may say for whom it speaks */
	uint64_t xclient;       /* 1: by XCLIENT, too */
	uint64_t environment;   /* enum config_environment */
	uint64_t sandbox;       /* enum config_sandbox */
};

struct config_tls {
	uint64_t mode; /* enum config_tls_mode; a socket's name may say otherwise */
	char *program;
	char *certificate; /* paths, separated by spaces; "": no TLS */
	char *key;
	char *ocsp; /* "": none; so for those below */
	char *sni;
	char *protocols;
	char *ciphers;
	char *ciphersuites;
	char *groups;
	char *ticket_keys;
	uint64_t ticket_lifetime; /* seconds, 0: no tickets */
	char *client_ca;
	char *client_crl;
	uint64_t client_certificate; /* enum tls_client_certificate */
	uint64_t client_user;        /* enum certificate_user */
	char *client_map;
	uint64_t forwarded; /* enum config_forwarded */
};

struct config_auth {
	char *modules;
	char *mechanisms;      /* offered, separated by spaces */
	char *oauth_scope;     /* "": none */
	char *oauth_discovery; /* "": none */
	char *module_directory;
	uint64_t plaintext_login; /* enum config_plaintext */
	uint64_t min_uid;
	uint64_t min_gid;
	uint64_t max_attempts;
	uint64_t failure_delay;    /* seconds */
	uint64_t penalty_max;      /* seconds, 0: no penalties */
	uint64_t penalty_user_max; /* seconds, 0: none for users */
	uint64_t penalty_fade;     /* seconds */
	uint64_t timeout;          /* seconds */
	uint64_t cache_ttl;        /* seconds, 0: no cache */
};

struct config_limits {
	uint64_t connections;
	uint64_t connections_per_address;
	uint64_t connections_per_user; /* 0: no limit */
	char *half_open;               /* see half_open.h */
	uint64_t login_seconds;
	uint64_t login_commands;
	uint64_t login_octets;
	uint64_t proxy_seconds;
	uint64_t handshake_seconds;
	uint64_t idle_seconds;
	uint64_t output_seconds;
	uint64_t lock_seconds;
	uint64_t lock_lease_seconds;
	uint64_t wait_idle_seconds;
	uint64_t session_megabytes; /* of address space, 0: no limit */
	uint64_t bad_commands;
	uint64_t session_commands; /* 0: no limit */
	uint64_t session_octets;   /* 0: no limit */
	uint64_t verifications;    /* 0: no limit */
	uint64_t messages;
	uint64_t octets;              /* 0: no limit */
	uint64_t decompressed_octets; /* 0: no limit */
};

/* Of a number of days: longer than any. */
#define CONFIG_NEVER UINT64_MAX

struct config_mail {
	char *location;
	char *uid;         /* name or number, "": none */
	char *gid;         /* name or number, "": none */
	char *extra_group; /* name or number, "": none */
	char *mbox_locks;
	uint64_t uidl; /* enum import_source */
	char *uidl_dovecot_format;
	uint64_t login_delay;     /* seconds, 0: none */
	uint64_t login_delay_max; /* of any user's own, 0: no user has one */
	uint64_t expire;          /* days or CONFIG_NEVER */
	uint64_t expire_min;      /* of any user's own, CONFIG_NEVER: no user has one */
};

struct config_module_value; /* private */

struct config {
	struct config_server server;
	struct config_auth auth;
	struct config_tls tls;
	struct config_limits limits;
	struct config_mail mail;
	struct config_module_value *module_values; /* of [auth.NAME] sections */
};

/* Told one problem at a time, a line without its newline. */
struct config_report {
	void (*problem)(void *cookie, const char *text);
	void *cookie;
};

/* The defaults; NULL if out of memory. */
struct config *config_new(void);
void config_free(struct config *config);

/*
 * Read a file over what is there.  False if anything in it was wrong, or if others than
 * root and its owner could have written it: every problem has been reported, and what was
 * right has been taken.
 */
bool config_read(
	struct config *config, const char *path, const struct config_report *report);

/* Take one `section.key=value`, as the option -o gives it. */
bool config_option(
	struct config *config, const char *text, const struct config_report *report);

/*
 * The value of a key in [auth.MODULE], NULL if unset.  Borrowed, until the next change.
 */
const char *config_module_value(
	const struct config *config, const char *module, const char *key);

/*
 * Report every key in [auth.MODULE] that is not in the NULL-terminated list a module
 * knows; keys NULL: the module is not loaded, so that all is well.
 */
bool config_module_check(const struct config *config, const char *module,
	const char *const *keys, const struct config_report *report);

/* Wipe the values of [auth.NAME] sections: some roles must not know them. */
void config_forget_modules(struct config *config);

/* Print the effective configuration in the format config_read() takes. */
void config_print(const struct config *config, FILE *file);

#endif
