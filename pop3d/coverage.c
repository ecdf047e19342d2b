#include "pop3d/coverage.h"

#include <stdio.h>
#include <string.h>

#include "auth/mechanism.h"

static void
problem(const struct config_report *report, const char *key, const char *text,
	const char *name)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "auth.%s: %s %s", key, text, name);
	report->problem(report->cookie, line);
}

/* Copy the next word of a list, cut if it is too long; false at the end. */
static bool
next_word(const char **list, char *word, size_t size)
{
	size_t n;

	*list += strspn(*list, " \t");
	n = strcspn(*list, " \t");
	(void)snprintf(word, size, "%.*s", (int)(n < size ? n : size), *list);
	*list += n;
	return n > 0;
}

/* The proofs that the mechanisms ask for; what nobody serves is reported. */
static bool
mechanisms_check(const struct service *service, const struct config_report *report,
	uint32_t *asked)
{
	const char *list = service->config->auth.mechanisms;
	uint32_t served = auth_chain_proofs(service->chain);
	const struct auth_mechanism *mechanism;
	char name[32];
	bool good = true;

	*asked = 0;
	while (next_word(&list, name, sizeof(name))) {
		mechanism = auth_mechanism_find(name);
		if (mechanism == NULL)
			continue;
		*asked |= mechanism->proof;
		if ((served & mechanism->proof) != 0)
			continue;
		problem(report, "mechanisms", "no module serves", name);
		good = false;
	}
	return good;
}

bool
coverage_check(const struct service *service, const struct config_report *report)
{
	const char *list = service->config->auth.modules;
	uint32_t asked;
	char name[64];
	bool good = mechanisms_check(service, report, &asked);

	while (next_word(&list, name, sizeof(name))) {
		if ((auth_chain_module_proofs(service->chain, name) & asked) != 0)
			continue;
		problem(report, "modules", "no mechanism asks", name);
		good = false;
	}
	return good;
}
