#include "pop3d/endpoint.h"

#include <string.h>

static bool
is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(p, word, n) == 0;
}

/* False: not one of the words that may follow the first. */
static bool
take_word(const char *p, size_t n, struct endpoint *endpoint)
{
	static const struct {
		const char *word;
		enum proxy_versions versions;
	} words[] = {
		{"proxy-none", PROXY_NONE},
		{"proxy-v1", PROXY_V1},
		{"proxy-v2", PROXY_V2},
		{"proxy-any", PROXY_ANY},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!is_word(p, n, words[i].word))
			continue;
		endpoint->proxy = words[i].versions;
		return true;
	}
	return false;
}

bool
endpoint_of(const char *name, const struct config *config, struct endpoint *endpoint)
{
	size_t n = strcspn(name, "+.");

	endpoint->tls = (enum config_tls_mode)config->tls.mode;
	endpoint->proxy = (enum proxy_versions)config->server.proxy;
	if (is_word(name, n, "pop3s"))
		endpoint->tls = TLS_IMPLICIT;
	else if (!is_word(name, n, "pop3"))
		return true;
	else if (endpoint->tls == TLS_IMPLICIT)
		endpoint->tls = TLS_STARTTLS;
	if (name[n] == '.')
		return strcmp(name + n, ".socket") == 0;
	while (name[n] == '+') {
		name += n + 1;
		n = strcspn(name, "+");
		if (!take_word(name, n, endpoint))
			return false;
	}
	return true;
}
