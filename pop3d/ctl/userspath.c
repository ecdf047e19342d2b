#include "pop3d/ctl/userspath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/config.h"
#include "pop3d/ctl/ctl.h"

static void
problem_print(void *cookie, const char *text)
{
	(void)cookie;
	ctl_error("%s", text);
}

/* As pop3d does: only a file that was asked for must be there. */
static bool
configuration_read(struct config *config, const char *path)
{
	const struct config_report report = {problem_print, NULL};

	if (path == NULL && access(POP3D_CONFIG, F_OK) != 0 && errno == ENOENT)
		return true;
	return config_read(config, path != NULL ? path : POP3D_CONFIG, &report);
}

char *
userspath_find(const char *config_path, const char *module, const char *key,
	const char *otherwise)
{
	struct config *config = config_new();
	const char *value;
	char *path = NULL;

	if (config == NULL) {
		ctl_error("out of memory");
		return NULL;
	}
	if (configuration_read(config, config_path)) {
		value = config_module_value(config, module, key);
		path = strdup(value != NULL ? value : otherwise);
	}
	config_free(config);
	return path;
}
