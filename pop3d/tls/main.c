/*
 * pop3d-tls: what pop3d starts where TLS is wanted.  The only program that links libssl.
 *
 *	pop3d-tls relay      for one connection
 *	pop3d-tls resident   for all of a listener, a relay for each
 *	pop3d-tls check      for none: reports what is wrong with the configuration
 *
 * Descriptors: enum tls_descriptor in pop3d/tls/setup.h.
 */
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/tls/check.h"
#include "pop3d/tls/key_client.h"
#include "pop3d/tls/loaded.h"
#include "pop3d/tls/relay.h"
#include "pop3d/tls/resident.h"

static void
report_to_stderr(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)fprintf(stderr, "%s%s\n", priority >= LOG_WARNING ? "warning: " : "", text);
}

/* The first error is what the monitor's log gets to see; cookie is whether there was one.
 */
static void
report_to_monitor(void *cookie, int priority, const char *text)
{
	bool *told = cookie;

	if (priority >= LOG_WARNING || *told)
		return;
	*told = true;
	relay_refuse(text);
}

/* Take the place of the key process's channel among those of a relay. */
static bool
place_key(struct keys *keys)
{
	if (dup2(keys->channel, TLS_FD_KEY) < 0)
		return false;
	(void)close(keys->channel);
	keys->channel = TLS_FD_KEY;
	return true;
}

/* Files are read with the rights of root, and parsed without. */
static int
run_relay(const struct tls_setup *setup)
{
	static struct loaded loaded;
	bool told = false;
	const struct tls_report report = {report_to_monitor, &told};
	const char *wrong;
	SSL *ssl;

	(void)prctl(PR_SET_NAME, "pop3d-tls", 0, 0, 0);
	(void)close(TLS_FD_SETUP);
	/* Nobody waits for the key process. */
	(void)signal(SIGCHLD, SIG_IGN);
	if (!loaded_read(&loaded, setup, KEYS_FOR_RELAY, &report))
		return EX_CONFIG;
	wrong = place_key(&loaded.keys) ? relay_confine(setup) : "no key process";
	if (wrong != NULL) {
		relay_refuse(wrong);
		return EX_OSERR;
	}
	key_client_use(TLS_FD_KEY, clock_after(setup->handshake_seconds));
	if (!loaded_make(&loaded, setup, &report))
		return EX_CONFIG;
	ssl = tls_context_connection(loaded.context);
	if (ssl != NULL)
		return relay_run(ssl, setup);
	relay_refuse("out of memory");
	return EX_OSERR;
}

static int
run(const char *role, const struct tls_setup *setup, char **arguments)
{
	const struct tls_report report = {report_to_stderr, NULL};

	if (strcmp(role, "relay") == 0)
		return run_relay(setup);
	if (strcmp(role, "resident") == 0)
		return resident_run(setup, arguments);
	if (strcmp(role, "check") == 0)
		return tls_check(setup, &report) ? EX_OK : EX_CONFIG;
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	static struct ipc_message message;
	struct tls_setup setup;
	const char *wrong;

	if (argc != 2) {
		(void)fputs("pop3d-tls is started by pop3d.\n", stderr);
		return EX_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	wrong = tls_setup_read(TLS_FD_SETUP, &message, &setup);
	if (wrong != NULL) {
		(void)fprintf(stderr, "pop3d-tls: %s\n", wrong);
		return EX_CONFIG;
	}
	/* The configuration of OpenSSL itself is for programs that have no other. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return EX_SOFTWARE;
	/* What OpenSSL would tidy up goes with the process. */
	_exit(run(argv[1], &setup, argv));
}
