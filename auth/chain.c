#include "auth/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "auth/chain_state.h"
#include "auth/loader.h"

static const struct chain_link *
link_find(const struct auth_chain *chain, const char *name)
{
	for (size_t i = 0; i < chain->count; i++)
		if (strcmp(chain->links[i].module->name, name) == 0)
			return &chain->links[i];
	return NULL;
}

static const char **
keys_join(const char *const *own)
{
	size_t n = 0, common = 0;
	const char **keys;

	while (own[n] != NULL)
		n++;
	while (auth_policy_keys[common] != NULL)
		common++;
	keys = calloc(n + common + 1, sizeof(*keys));
	if (keys == NULL)
		return NULL;
	memcpy(keys, own, n * sizeof(*keys));
	memcpy(keys + n, auth_policy_keys, common * sizeof(*keys));
	return keys;
}

/*
 * False if there should be a second part here and it cannot be loaded.  Only the first
 * module is spared one: those before another would be asked twice.
 */
static bool
part_load(const struct auth_chain *chain, struct chain_link *link, char *error,
	size_t error_size)
{
	const bool spared = chain->options.sparing && link == &chain->links[0];
	const struct auth_part *part;

	if ((link->module->flags & AUTH_FLAG_PART) == 0 || spared)
		return true;
	part = loader_load_part(
		link->options->directory, link->module->name, error, error_size);
	if (part != NULL)
		link->host.part = part->functions;
	return part != NULL;
}

static bool
link_add(struct auth_chain *chain, const char *name, char *error, size_t error_size)
{
	struct chain_link *link;

	if (link_find(chain, name) != NULL) {
		(void)snprintf(error, error_size,
			"module %s is in the list twice, expected once", name);
		return false;
	}
	if (chain->count == CHAIN_MAX) {
		(void)snprintf(error, error_size,
			"module %s: more than %d modules in the list", name, CHAIN_MAX);
		return false;
	}
	link = &chain->links[chain->count];
	link->module = loader_load(chain->options.directory, name, error, error_size);
	if (link->module == NULL)
		return false;
	link->keys = keys_join(link->module->keys);
	if (link->keys == NULL) {
		(void)snprintf(error, error_size, "module %s: %s", name, strerror(errno));
		return false;
	}
	link->options = &chain->options;
	chain_host_init(link);
	chain->count++;
	return part_load(chain, link, error, error_size);
}

static bool
list_load(struct auth_chain *chain, char *error, size_t error_size)
{
	const char *p = chain->options.modules + strspn(chain->options.modules, " \t");
	/* One octet more than a good name has, so that the loader refuses what was cut.
	 */
	char name[LOADER_NAME_MAX + 2];

	if (*p == '\0') {
		(void)snprintf(error, error_size, "no module in the list, expected one");
		return false;
	}
	while (*p != '\0') {
		size_t n = strcspn(p, " \t");

		(void)snprintf(name, sizeof(name), "%.*s", (int)(n < 64 ? n : 64), p);
		if (!link_add(chain, name, error, error_size))
			return false;
		p += n;
		p += strspn(p, " \t");
	}
	return true;
}

struct auth_chain *
auth_chain_load(const struct auth_chain_options *options, char *error, size_t error_size)
{
	struct auth_chain *chain;

	chain = calloc(1, sizeof(*chain));
	if (chain == NULL) {
		(void)snprintf(error, error_size, "%s", strerror(errno));
		return NULL;
	}
	chain->options = *options;
	if (!list_load(chain, error, error_size)) {
		auth_chain_free(chain);
		return NULL;
	}
	return chain;
}

const char *const *
auth_chain_keys(const struct auth_chain *chain, const char *module)
{
	const struct chain_link *link = link_find(chain, module);

	return link != NULL ? link->keys : NULL;
}

uint32_t
auth_chain_module_proofs(const struct auth_chain *chain, const char *module)
{
	const struct chain_link *link = link_find(chain, module);

	return link != NULL ? link->module->proofs : 0;
}

const char *
auth_chain_root_module(const struct auth_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if ((chain->links[i].module->flags & AUTH_FLAG_ROOT) != 0)
			return chain->links[i].module->name;
	return NULL;
}

uint32_t
auth_chain_proofs(const struct auth_chain *chain)
{
	uint32_t proofs = 0;

	for (size_t i = 0; i < chain->count; i++)
		proofs |= chain->links[i].module->proofs;
	return proofs;
}

static bool
link_open(struct chain_link *link)
{
	const char *at, *wrong;

	if (!auth_policy_load(&link->policy, link->host.config, link, &at, &wrong)) {
		chain_log(link, LOG_ERR, "%s %s", at, wrong);
		return false;
	}
	return link->module->open(&link->context, &link->host);
}

bool
auth_chain_open(struct auth_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		struct chain_link *link = &chain->links[i];

		if (!link->opened)
			link->opened = link_open(link);
		if (!link->opened)
			return false;
	}
	return true;
}

bool
auth_chain_wants_parts(const struct auth_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->links[i].wants_part)
			return true;
	return false;
}

void
auth_chain_free(struct auth_chain *chain)
{
	if (chain == NULL)
		return;
	for (size_t i = 0; i < chain->count; i++) {
		struct chain_link *link = &chain->links[i];

		if (link->opened && link->module->close != NULL)
			link->module->close(link->context);
		auth_policy_free(&link->policy);
		free(link->keys);
	}
	free(chain);
}
