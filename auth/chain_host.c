/*
 * What the chain lends to its modules.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "auth/chain_state.h"

__attribute__((format(printf, 3, 0))) static void
link_vlog(const struct chain_link *link, int priority, const char *format, va_list args)
{
	char text[512];
	int n;

	if (link->options->warned && !link->opened &&
		(priority & LOG_PRIMASK) >= LOG_WARNING)
		return;

	n = snprintf(text, sizeof(text), "module %s: ", link->module->name);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	link->options->log(link->options->cookie, priority & LOG_PRIMASK, text);
}

void
chain_log(const struct chain_link *link, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	link_vlog(link, priority, format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static void
host_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	link_vlog(cookie, priority, format, args);
	va_end(args);
}

static const char *
host_config(void *cookie, const char *key)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	return options->config(options->cookie, link->module->name, key);
}

static bool
host_random(void *cookie, void *p, size_t n)
{
	unsigned char *to = p;
	ssize_t got;

	(void)cookie;
	while (n > 0) {
		got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static bool
host_known(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	return options->known != NULL &&
	       options->known(options->cookie, link->module->name, request, stored);
}

static void
host_remember(void *cookie, const struct auth_request *request, struct auth_span stored)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	if (options->remember != NULL)
		options->remember(options->cookie, link->module->name, request, stored);
}

static bool
host_wait_turn(void *cookie)
{
	const struct chain_link *link = cookie;
	const struct auth_chain_options *options = link->options;

	return options->wait_turn == NULL ||
	       options->wait_turn(options->cookie, link->module->name);
}

static void
host_want_part(void *cookie)
{
	struct chain_link *link = cookie;

	link->wants_part = true;
}

void
chain_host_init(struct chain_link *link)
{
	link->host = (struct auth_host){
		.abi = POP3D_AUTH_ABI,
		.size = sizeof(struct auth_host),
		.cookie = link,
		.log = host_log,
		.config = host_config,
		.random = host_random,
		.wipe = explicit_bzero,
		.known = host_known,
		.remember = host_remember,
		.wait_turn = host_wait_turn,
		.want_part = host_want_part,
	};
}
