#include "pop3d/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/number.h"

static void
add(struct options *options, const char **list, size_t *n, const char *value)
{
	if (*n < OPTIONS_MAX)
		list[(*n)++] = value;
	else
		(void)snprintf(
			options->error, sizeof(options->error), "too many options");
}

static void
take_table(struct options *options, const char *value)
{
	uint64_t fd;

	if (number_parse(value, strlen(value), &fd) && fd < 1024)
		options->table = (int)fd;
	else
		(void)snprintf(options->error, sizeof(options->error), "bad option -R");
}

static void
take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		options->config_path = optarg;
		break;
	case 'o':
		add(options, options->settings, &options->n_settings, optarg);
		break;
	case 'l':
		add(options, options->addresses, &options->n_addresses, optarg);
		break;
	case 't':
		options->test = true;
		break;
	case 'V':
		options->version = true;
		break;
	case 'h':
		options->help = true;
		break;
	case 'R':
		take_table(options, optarg);
		break;
	case ':':
		(void)snprintf(options->error, sizeof(options->error),
			"option -%c needs a value", optopt);
		break;
	default:
		(void)snprintf(options->error, sizeof(options->error),
			"unknown option -%c", optopt);
		break;
	}
}

void
options_parse(struct options *options, int argc, char **argv)
{
	int option;

	memset(options, 0, sizeof(*options));
	options->table = -1;
	options->argv = argv;
	while ((option = getopt(argc, argv, ":c:o:l:tVhR:")) != -1)
		take_option(options, option);
	if (optind < argc && options->error[0] == '\0')
		(void)snprintf(options->error, sizeof(options->error),
			"unexpected argument %.64s", argv[optind]);
}

const char *
options_config_path(const struct options *options)
{
	return options->config_path != NULL ? options->config_path : POP3D_CONFIG;
}

struct config *
options_load_config(
	const struct options *options, const struct config_report *report, bool *good)
{
	struct config *config = config_new();
	const char *path = options_config_path(options);

	*good = config != NULL;
	if (config == NULL)
		return NULL;
	if (options->config_path != NULL || access(path, F_OK) == 0 || errno != ENOENT)
		*good = config_read(config, path, report);
	for (size_t i = 0; i < options->n_settings; i++)
		*good = config_option(config, options->settings[i], report) && *good;
	return config;
}
