#include "pop3d/ctl/settings.h"

#include <string.h>

#include "pop3d/options.h"

_Static_assert(CTL_SETTINGS_MAX <= OPTIONS_MAX, "every -o has a place");

static void
problem_print(void *cookie, const char *text)
{
	(void)cookie;
	ctl_error("%s", text);
}

const struct config_report settings_report = {problem_print, NULL};

struct config *
settings_load(const struct ctl_context *context)
{
	struct options options = {
		.config_path = context->config_path, .n_settings = context->n_settings};
	struct config *config;
	bool good;

	memcpy(options.settings, context->settings, sizeof(context->settings));
	config = options_load_config(&options, &settings_report, &good);
	if (config == NULL)
		ctl_error("out of memory");
	if (good)
		return config;
	config_free(config);
	return NULL;
}
