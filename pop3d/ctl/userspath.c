#include "pop3d/ctl/userspath.h"

#include <stdlib.h>
#include <string.h>

#include "pop3d/config.h"
#include "pop3d/ctl/ctl.h"

static void
problem_print(void *cookie, const char *text)
{
	(void)cookie;
	ctl_error("%s", text);
}

char *
userspath_find(const char *config_path)
{
	const struct config_report report = {problem_print, NULL};
	struct config *config = config_new();
	const char *value;
	char *path = NULL;

	if (config == NULL) {
		ctl_error("out of memory");
		return NULL;
	}
	if (config_read(config, config_path, &report)) {
		value = config_module_value(config, "passwd", "file");
		path = strdup(value != NULL ? value : POP3D_USERS);
	}
	config_free(config);
	return path;
}
