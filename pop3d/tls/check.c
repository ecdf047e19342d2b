#include "pop3d/tls/check.h"

#include <string.h>
#include <syslog.h>
#include <time.h>

#include "pop3d/tls/context.h"
#include "pop3d/tls/loaded.h"

#define SOON_SECONDS (14 * 86400)

static void
look_at_end(
	const struct tls_context *context, const struct tls_report *report, bool *good)
{
	const char *path;
	time_t end = tls_context_expires(context, &path), now = time(NULL);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&end, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	if (end < now) {
		tls_report(report, LOG_ERR, "tls.certificate: %s: has expired on %s",
			path, text);
		*good = false;
	} else if (end - now < SOON_SECONDS) {
		tls_report(report, LOG_WARNING, "tls.certificate: %s: expires on %s",
			path, text);
	}
}

bool
tls_check(const struct tls_setup *setup, const struct tls_report *report)
{
	struct loaded loaded;
	bool good;

	if (!loaded_read(&loaded, setup, report) || !loaded_make(&loaded, setup, report))
		return false;
	good = tls_context_make_all(loaded.context, report);
	look_at_end(loaded.context, report, &good);
	tls_context_free(loaded.context);
	material_free(loaded.material);
	return good;
}
