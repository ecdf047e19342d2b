/*
 * The resident pop3d-tls: a connection that wants TLS must not pay for loading OpenSSL
 * and certificates.  Without it monitors start a pop3d-tls each.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/listener_state.h"
#include "pop3d/log.h"
#include "pop3d/tls_program.h"

#define AGAIN_SECONDS 1 /* after it has ended by itself */

bool
listener_resident_is_due(const struct listener *l)
{
	return l->service->tls && l->resident == 0;
}

void
listener_resident_start(struct listener *l)
{
	pid_t pid;

	if (!listener_resident_is_due(l) || clock_now() < l->resident_due)
		return;
	l->resident_due = clock_after(AGAIN_SECONDS);
	pid = tls_program_resident(l->service, &l->service->relays);
	if (pid > 0)
		l->resident = pid;
	else
		log_message(LOG_ERR, "no resident pop3d-tls: %s", strerror(errno));
}

bool
listener_resident_ended(struct listener *l, pid_t pid, int status)
{
	if (pid != l->resident)
		return false;
	if (!child_report("tls", status))
		log_message(LOG_WARNING, "the resident pop3d-tls has ended");
	(void)close(l->service->relays);
	l->service->relays = -1;
	l->resident = 0;
	return true;
}
