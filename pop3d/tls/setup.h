/*
 * What pop3d tells pop3d-tls at its start: what of the configuration concerns it.  It
 * goes as one message in an anonymous file, so that it survives an execution and no
 * secret shows in the arguments.
 */
#ifndef TLS_SETUP_H
#define TLS_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pop3d/ipc.h"

/* What pop3d-tls holds when it is executed. */
enum tls_descriptor {
	TLS_FD_IN = 0, /* relay: the client's stream */
	TLS_FD_OUT,
	TLS_FD_ERROR,   /* check: for problems, a line each */
	TLS_FD_SETUP,   /* struct tls_setup */
	TLS_FD_CONTROL, /* relay: the monitor's channel; resident: of those who ask */
	TLS_FD_INNER,   /* relay: what is said inside TLS */
	TLS_FD_KEY,     /* relay: of the key process, until the handshake is over */
	TLS_FDS,
};

/* A relay may outlive its connection for a while, until the last reply is delivered. */
#define TLS_RELAYS_PER_CONNECTION 2u

enum tls_client_certificate {
	TLS_CLIENT_NONE,     /* is not asked for */
	TLS_CLIENT_OPTIONAL, /* is asked for; a bad one ends the handshake */
	TLS_CLIENT_REQUIRED,
};

/* Texts are borrowed: from the configuration, or from the message that was read. */
struct tls_setup {
	const char *log; /* server.log */
	uint64_t log_level;
	const char *run_directory;
	const char *root_directory; /* server.chroot */
	bool root;                  /* become uid and gid in root_directory */
	uid_t uid;
	gid_t gid;
	const char *certificate; /* paths of PEM files, separated by spaces */
	const char *key;         /* as many, in the same order */
	const char *ocsp;        /* DER responses in the same order; "": none */
	const char *sni;         /* file or directory; "": none */
	const char *protocols;   /* "TLSv1.2 TLSv1.3" */
	const char *ciphers;     /* as for OpenSSL; "": its default */
	const char *ciphersuites;
	const char *groups;
	const char *client_ca; /* path; "": none */
	const char *client_crl;
	uint64_t client_certificate; /* enum tls_client_certificate */
	const char *ticket_keys;     /* path; "": in the run directory */
	uint64_t ticket_lifetime;    /* seconds, 0: no tickets */
	uint64_t handshake_seconds;
	uint64_t output_seconds;
	uint64_t connections; /* that the resident one may have relays for */
};

/* An anonymous file that holds the setup, close-on-exec; -1 with errno. */
int tls_setup_write(const struct tls_setup *setup);

/*
 * Read it from its beginning.  The texts stand in *message and are as long-lived.
 * Returns NULL, or what is wrong as a constant text.
 */
const char *tls_setup_read(int fd, struct ipc_message *message, struct tls_setup *setup);

#endif
