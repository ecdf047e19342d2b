#include "pop3d/ctl/userspath.h"

#include <string.h>

#include "pop3d/ctl/settings.h"

char *
userspath_find(const struct ctl_context *context, const char *module, const char *key,
	const char *otherwise)
{
	struct config *config = settings_load(context);
	const char *value;
	char *path;

	if (config == NULL)
		return NULL;
	value = config_module_value(config, module, key);
	path = strdup(value != NULL ? value : otherwise);
	if (path == NULL)
		ctl_error("out of memory");
	config_free(config);
	return path;
}
