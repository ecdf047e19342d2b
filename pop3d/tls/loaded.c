#include "pop3d/tls/loaded.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "pop3d/clock.h"
#include "pop3d/tls/key_client.h"

#define AGAIN_SECONDS 1 /* a pair of files may be half replaced */
#define MANY_FILES 100  /* more take longer to look at than a handshake may wait */

static void
read_tickets(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report)
{
	const char *wrong;

	memset(&loaded->tickets, 0, sizeof(loaded->tickets));
	if (setup->ticket_lifetime == 0)
		return;
	wrong = ticket_keys_load(setup, &loaded->tickets);
	if (wrong != NULL)
		tls_report(report, LOG_WARNING, "tls.ticket_keys: %s", wrong);
}

/* A process that holds the keys of the material, used from now on. */
static bool
start_keys(struct loaded *loaded, struct keys *keys, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom,
	const struct tls_report *report)
{
	if (!keys_start(keys, material, setup, whom)) {
		tls_report(report, LOG_ERR, "no key process: %s", strerror(errno));
		return false;
	}
	loaded->started++;
	key_client_use(keys->channel, 0);
	return true;
}

bool
loaded_read(struct loaded *loaded, const struct tls_setup *setup, enum keys_for whom,
	const struct tls_report *report)
{
	memset(loaded, 0, sizeof(*loaded));
	loaded->material = material_load(setup, report);
	if (loaded->material == NULL ||
		!start_keys(loaded, &loaded->keys, loaded->material, setup, whom, report))
		return false;
	read_tickets(loaded, setup, report);
	return true;
}

bool
loaded_make(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report)
{
	loaded->context =
		tls_context_make(loaded->material, setup, &loaded->tickets, report);
	return loaded->context != NULL;
}

/* Put another context in the place of the old one; false: keep that. */
static bool
replace(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report)
{
	struct material *material = material_load(setup, report);
	struct tls_context *context = NULL;
	struct keys keys = {.channel = -1};

	if (material != NULL &&
		start_keys(loaded, &keys, material, setup, KEYS_FOR_RESIDENT, report))
		context = tls_context_make(material, setup, &loaded->tickets, report);
	if (context == NULL) {
		tls_report(report, LOG_ERR,
			loaded->keys.pid != 0
				? "the changed files cannot be used: the old ones stay "
				  "in force"
				: "the files cannot be used: there is no TLS");
		keys_leave(&keys);
		material_free(material);
		loaded->again = clock_after(AGAIN_SECONDS);
		return false;
	}
	tls_context_free(loaded->context);
	material_free(loaded->material);
	keys_leave(&loaded->keys);
	loaded->context = context;
	loaded->material = material;
	loaded->keys = keys;
	return true;
}

bool
loaded_refresh(struct loaded *loaded, const struct tls_setup *setup,
	const struct tls_report *report)
{
	bool replaced = false;

	if (clock_now() < loaded->again)
		return false;
	if (loaded->material->n_files > MANY_FILES)
		loaded->again = clock_after(AGAIN_SECONDS);
	if (loaded->keys.pid == 0 || material_has_changed(loaded->material))
		replaced = replace(loaded, setup, report);
	if (setup->ticket_lifetime != 0 &&
		ticket_keys_are_stale(setup, &loaded->tickets)) {
		read_tickets(loaded, setup, report);
		tls_context_set_tickets(loaded->context, &loaded->tickets);
	}
	return replaced;
}

unsigned
loaded_started(struct loaded *loaded)
{
	unsigned n = loaded->started;

	loaded->started = 0;
	return n;
}
