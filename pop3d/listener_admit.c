/*
 * Which connections a listener takes.
 */
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/listener_state.h"
#include "pop3d/log.h"
#include "pop3d/penalty.h"
#include "pop3d/trust.h"

/* A proxy's own address stands for nobody: its monitor will ask again. */
static bool
will_say_who(const struct listener *l, int i, const struct address *peer)
{
	const struct config_server *server = &l->service->config->server;

	return (l->endpoints[i].proxy != PROXY_NONE || server->xclient != 0) &&
	       trust_has(server->trusted_networks, peer);
}

/* At random: whoever makes a flood cannot tell which of its connections get in. */
static bool
are_half_open(const struct listener *l)
{
	uint32_t random = 0;

	if (l->half_open.full == 0)
		return false;
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = 0;
	return half_open_refuses(&l->half_open, children_half_open(&l->children), random);
}

const char *
listener_refusal(const struct listener *l, int i, const struct address *peer)
{
	const struct config_limits *limits = &l->service->config->limits;
	const struct children *children = &l->children;

	if (children->n >= limits->connections || children->n >= children->cap)
		return "connections";
	if (peer->text[0] != '\0' && !will_say_who(l, i, peer) &&
		children_from(children, peer->network) >= limits->connections_per_address)
		return "connections_per_address";
	return are_half_open(l) ? "half_open" : NULL;
}

void
listener_charge_crash(const struct listener *l, pid_t pid)
{
	const struct config *config = l->service->config;
	const char *network = children_address(&l->children, pid);
	struct penalty_rule rule = penalty_address_rule(&config->auth);
	struct penalty penalty;
	struct address address;
	bool directory;

	/* The session is the user by then, and could not. */
	if (network == NULL || rule.longest == 0 ||
		!address_of_text(&address, network, 0) ||
		trust_has(config->server.trusted_networks, &address))
		return;
	if (penalty_open(&penalty, config->server.run_directory, &directory) == NULL)
		penalty_charge(penalty.table, PENALTY_ADDRESS,
			penalty_address(&penalty.key, network), &rule, penalty_now(),
			rule.fade);
	penalty_close(&penalty);
}

void
listener_refuse(int fd, const struct endpoint *endpoint, const struct address *peer,
	const char *reason)
{
	static const char text[] =
		"-ERR [SYS/TEMP] Too many connections, try again later\r\n";
	struct log_line line;

	log_begin(&line, "refused");
	log_text(&line, "rip", peer->text[0] != '\0' ? peer->text : "local");
	log_text(&line, "reason", reason);
	log_end(&line, LOG_WARNING);
	/* Courtesy only: a client that does not read it is not waited for. */
	if (endpoint->tls != TLS_IMPLICIT)
		(void)send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}
