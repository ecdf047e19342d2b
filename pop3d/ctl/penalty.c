#include "pop3d/ctl/penalty.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "pop3d/address.h"
#include "pop3d/ctl/settings.h"
#include "pop3d/penalty.h"

/* The configuration, and the table that it names. */
struct tables {
	struct config *config;
	struct penalty penalty;
};

static bool
open_tables(const struct ctl_context *context, struct tables *tables)
{
	const char *wrong;
	bool directory;

	tables->config = settings_load(context);
	if (tables->config == NULL)
		return false;
	wrong = penalty_open(
		&tables->penalty, tables->config->server.run_directory, &directory);
	if (wrong == NULL)
		return true;
	penalty_close(&tables->penalty);
	ctl_error("%s: %s", tables->config->server.run_directory, wrong);
	config_free(tables->config);
	return false;
}

static void
close_tables(struct tables *tables)
{
	penalty_close(&tables->penalty);
	config_free(tables->config);
}

static enum penalty_area
mark_of(const struct host_key *key, const char *name, uint64_t *mark)
{
	struct address address;

	if (address_of_text(&address, name, 0)) {
		*mark = penalty_address(key, address.network);
		return PENALTY_ADDRESS;
	}
	*mark = penalty_user(key, name);
	return PENALTY_USER;
}

static uint32_t
up(uint32_t ticks, uint32_t unit)
{
	return ticks / unit + (ticks % unit != 0 ? 1 : 0);
}

static void
show_one(struct tables *tables, const char *name)
{
	const struct config_auth *auth = &tables->config->auth;
	struct penalty_table *table = tables->penalty.table;
	uint64_t mark;
	enum penalty_area area = mark_of(&tables->penalty.key, name, &mark);
	struct penalty_rule rule = area == PENALTY_ADDRESS ? penalty_address_rule(auth)
							   : penalty_user_rule(auth);
	uint32_t now = penalty_now(), debt = penalty_debt(table, area, mark, &rule, now);

	(void)printf("%s\tfailures=%" PRIu32 "\tdelay=%" PRIu32 "\tnext=%" PRIu32
		     "\tforgotten=%" PRIu32 "\n",
		area == PENALTY_ADDRESS ? "address" : "user", up(debt, rule.fade),
		up(penalty_delay(&rule, debt), PENALTY_TICKS),
		area == PENALTY_ADDRESS
			? up(penalty_wait(table, area, mark, &rule, now), PENALTY_TICKS)
			: 0,
		up(debt, PENALTY_TICKS));
}

static void
show_all(const struct tables *tables)
{
	static const struct {
		enum penalty_area area;
		const char *name;
	} areas[] = {{PENALTY_ADDRESS, "addresses"}, {PENALTY_USER, "users"}};

	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		(void)printf("%s\t%zu\n", areas[i].name,
			penalty_count(
				tables->penalty.table, areas[i].area, penalty_now()));
}

int
penalty_show(const struct ctl_context *context, int argc, char **argv)
{
	struct tables tables;

	if (getopt(argc, argv, "") != -1 || argc - optind > 1)
		return CTL_USAGE;
	if (!open_tables(context, &tables))
		return EX_CONFIG;
	if (optind < argc)
		show_one(&tables, argv[optind]);
	else
		show_all(&tables);
	close_tables(&tables);
	return 0;
}

int
penalty_drop(const struct ctl_context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
	struct tables tables;
	bool all = false, found = true;
	enum penalty_area area;
	uint64_t mark;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) == 'a')
		all = true;
	if (option != -1 || argc - optind != (all ? 0 : 1))
		return CTL_USAGE;
	if (!open_tables(context, &tables))
		return EX_CONFIG;
	if (all) {
		penalty_clear(tables.penalty.table);
	} else {
		area = mark_of(&tables.penalty.key, argv[optind], &mark);
		found = penalty_forget(tables.penalty.table, area, mark);
	}
	close_tables(&tables);
	return found ? 0 : CTL_NO;
}
