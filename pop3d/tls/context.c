#include "pop3d/tls/context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "pop3d/tls/context_build.h"

void
tls_context_fault(const struct tls_report *report, const char *key, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	tls_report(report, LOG_ERR, "%s: %s: %s", key, what,
		reason != NULL ? reason : "cannot be used");
}

static void
say_nothing(void *cookie, int priority, const char *text)
{
	(void)cookie;
	(void)priority;
	(void)text;
}

static bool
is_same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

static int find_name(SSL *ssl, int *alert, void *argument);

/* A context with all pairs of a name, of different kinds; NULL: it has been reported. */
static SSL_CTX *
make(struct tls_context *context, const char *name, const struct tls_report *report)
{
	const struct tls_setup *setup = context->setup;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	bool good = ctx != NULL && tls_context_options(ctx, setup, report) &&
		    tls_context_clients(ctx, context, report) &&
		    ticket_keys_install(ctx, &context->keys, setup->ticket_lifetime) &&
		    SSL_CTX_set_tlsext_status_cb(ctx, tls_context_staple) == 1 &&
		    SSL_CTX_set_tlsext_status_arg(ctx, context) == 1 &&
		    SSL_CTX_set_tlsext_servername_callback(ctx, find_name) == 1 &&
		    SSL_CTX_set_tlsext_servername_arg(ctx, context) == 1;

	for (size_t i = 0; good && i < context->material->n_pairs; i++)
		if (is_same_name(context->material->pairs[i].name, name))
			good = tls_context_pair(
				ctx, context, &context->material->pairs[i], report);
	if (good)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* The first pair for a name, or for a wildcard that covers it; n_pairs if there is none.
 */
static size_t
find_pair(const struct material *material, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t found = material->n_pairs;

	for (size_t i = 0; i < material->n_pairs; i++) {
		const char *own = material->pairs[i].name;
		if (own == NULL)
			continue;
		if (strcasecmp(own, name) == 0)
			return i;
		/* The star stands for one label (RFC 6125 section 6.4.3). */
		if (found == material->n_pairs && own[0] == '*' && dot != NULL &&
			dot != name && strcasecmp(own + 1, dot) == 0)
			found = i;
	}
	return found;
}

/*
 * Called in a handshake.  A context for a name is made when it is asked for: a process
 * that serves one connection needs one of them.  What cannot be made `pop3d -t` tells.
 */
static int
find_name(SSL *ssl, int *alert, void *argument)
{
	static const struct tls_report silent = {say_nothing, NULL};
	struct tls_context *context = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t i;

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	i = find_pair(context->material, name);
	if (i == context->material->n_pairs)
		return SSL_TLSEXT_ERR_OK;
	if (context->named[i] == NULL)
		context->named[i] =
			make(context, context->material->pairs[i].name, &silent);
	/* What is left in the queue would be taken for an error of the handshake. */
	ERR_clear_error();
	if (context->named[i] != NULL)
		(void)SSL_set_SSL_CTX(ssl, context->named[i]);
	return SSL_TLSEXT_ERR_OK;
}

struct tls_context *
tls_context_make(struct material *material, const struct tls_setup *setup,
	const struct ticket_keys *keys, const struct tls_report *report)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	if (context == NULL)
		return NULL;
	context->material = material;
	context->setup = setup;
	context->keys = *keys;
	context->named = calloc(material->n_pairs, sizeof(SSL_CTX *));
	if (context->named != NULL)
		context->main = make(context, NULL, report);
	if (context->main != NULL)
		return context;
	tls_context_free(context);
	return NULL;
}

bool
tls_context_make_all(struct tls_context *context, const struct tls_report *report)
{
	bool good = true;

	for (size_t i = 0; i < context->material->n_pairs; i++) {
		const char *name = context->material->pairs[i].name;
		if (name != NULL && context->named[i] == NULL) {
			context->named[i] = make(context, name, report);
			good = context->named[i] != NULL && good;
		}
	}
	return good;
}

void
tls_context_set_tickets(struct tls_context *context, const struct ticket_keys *keys)
{
	uint64_t lifetime = context->setup->ticket_lifetime;

	context->keys = *keys;
	/* There may be keys where there were none, or none any more. */
	(void)ticket_keys_install(context->main, &context->keys, lifetime);
	for (size_t i = 0; i < context->material->n_pairs; i++)
		if (context->named[i] != NULL)
			(void)ticket_keys_install(
				context->named[i], &context->keys, lifetime);
}

SSL *
tls_context_connection(struct tls_context *context)
{
	SSL *ssl = SSL_new(context->main);

	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}

void
tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->main);
	for (size_t i = 0; context->named != NULL && i < context->material->n_pairs; i++)
		SSL_CTX_free(context->named[i]);
	for (size_t i = 0; i < context->n_staples; i++)
		X509_free(context->staples[i].certificate);
	OPENSSL_cleanse(&context->keys, sizeof(context->keys));
	free(context->staples);
	free(context->named);
	free(context);
}
