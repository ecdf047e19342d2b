/*
 * Texts that are small languages: lists of networks, mail locations, limits, names of
 * sockets, the file of certificates for names, the file of ticket keys.
 *
 * The first octet says which; the rest is its parts, a line feed between.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/nets.h"
#include "mailstore/location.h"
#include "pop3d/endpoint.h"
#include "pop3d/half_open.h"
#include "pop3d/number.h"
#include "pop3d/tls/material_build.h"
#include "pop3d/tls/tickets.h"
#include "pop3d/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS 3u

/* An address with how many bits of it count. */
struct bits {
	unsigned char octets[16];
	unsigned n;
	bool old; /* IPv4 */
};

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
bits_of(const char *text, struct bits *bits)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(bits, 0, sizeof(*bits));
	if (inet_pton(AF_INET6, text, bits->octets) == 1) {
		bits->old = memcmp(bits->octets, mapped, sizeof(mapped)) == 0;
		bits->n = 128;
		return true;
	}
	memcpy(bits->octets, mapped, sizeof(mapped));
	bits->old = true;
	bits->n = 128;
	return inet_pton(AF_INET, text, bits->octets + 12) == 1;
}

/* One word of a list; false if it means nothing. */
static bool
word_of(const char *word, struct bits *bits)
{
	char text[64], *slash;
	uint64_t n;

	if (strlen(word) >= 54)
		return false;
	(void)snprintf(text, sizeof(text), "%s", word);
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!bits_of(text, bits))
		return false;
	if (slash == NULL)
		return true;
	if (strlen(slash) > 3 || !number_parse(slash, strlen(slash), &n) ||
		n > (bits->old ? 32 : 128) || (bits->old && strchr(text, ':') != NULL))
		return false;
	bits->n = (unsigned)n + (bits->old ? 96 : 0);
	return true;
}

/* Bit by bit. */
static bool
has(const struct bits *net, const struct bits *address)
{
	if (net->old != address->old)
		return false;
	for (unsigned i = 0; i < net->n; i++)
		if (((net->octets[i / 8] ^ address->octets[i / 8]) >> (7 - i % 8) & 1) !=
			0)
			return false;
	return true;
}

/* What a loop over the words says of a list and an address. */
static void
judge_nets(const char *list, const char *separator, const char *address, bool *valid,
	bool *found)
{
	char *copy = strdup(list), *rest = copy;
	const char *word;
	struct bits own, net;
	bool is_address = bits_of(address, &own);

	check(copy != NULL);
	*valid = true;
	*found = false;
	while ((word = strsep(&rest, separator)) != NULL) {
		if (word[0] == '\0' && separator[0] == ' ')
			continue;
		if (strcmp(word, "local") == 0)
			*found = *found || address[0] == '\0';
		else if (!word_of(word, &net))
			*valid = false;
		else if (is_address && has(&net, &own))
			*found = true;
	}
	free(copy);
}

static void
nets_come(char *const parts[PARTS])
{
	const struct auth_span list = {(const unsigned char *)parts[0], strlen(parts[0])};
	struct address peer;
	bool valid, found;

	judge_nets(parts[0], ",", parts[1], &valid, &found);
	check(nets_are_valid(list) == valid);
	check(nets_match(list, parts[1]) == found);
	judge_nets(parts[0], " ", parts[1], &valid, &found);
	check(trust_check(parts[0]) == (valid && strchr(parts[0], ',') == NULL));
	if (address_of_text(&peer, parts[1], 110)) {
		check(strlen(peer.text) < sizeof(peer.text) && peer.port == 110);
		check(strchr(parts[0], ',') != NULL ||
			trust_has(parts[0], &peer) == found);
	} else {
		check(peer.text[0] == '\0' && !peer.local);
	}
}

/* What a user calls himself stays one component of the path. */
static void
location_comes(char *const parts[PARTS])
{
	static const char too_long[] = "mail location is too long";
	struct mail_location location;
	const char *fault, *error = NULL, *user = parts[1], *path = location.path;
	char other[4096];

	if (!mail_location_expand(&location, parts[0], user, parts[2], &error)) {
		check(error != NULL);
		return;
	}
	check(error == NULL && location.ops != NULL && path[0] == '/');
	check(path[1] == '\0' || path[strlen(path) - 1] != '/');
	for (const char *p = path; *p != '\0'; p++)
		check((unsigned char)*p >= 0x20 && *p != 0x7f);
	fault = mail_location_check(parts[0]);
	check(fault == NULL || parts[2][0] == '/' || strcmp(fault, too_long) == 0);
	/* Whoever is somebody else with as plain a name gets a path as deep. */
	(void)snprintf(other, sizeof(other), "%s", path);
	if (!mail_location_expand(
		    &location, parts[0], "ann@example.org", parts[2], &error)) {
		check(strcmp(error, too_long) == 0);
		return;
	}
	if (strstr(parts[0], "%") == NULL)
		check(strcmp(path, other) == 0);
	for (const char *p = path, *q = other; p != NULL || q != NULL;) {
		check(p != NULL && q != NULL);
		p = strchr(p, '/') != NULL ? strchr(p, '/') + 1 : NULL;
		q = strchr(q, '/') != NULL ? strchr(q, '/') + 1 : NULL;
	}
}

static void
words_come(char *const parts[PARTS])
{
	static struct config *config;
	struct endpoint endpoint;
	struct half_open limit = {0}, again = {0};
	char text[128];

	if (half_open_parse(parts[0], &limit) && limit.full > 0) {
		check(limit.start >= 1 && limit.start <= limit.full && limit.rate <= 100);
		check(!half_open_refuses(&limit, limit.start - 1, 0));
		check(half_open_refuses(&limit, limit.full, 99));
		(void)snprintf(text, sizeof(text), "%ju:%ju:%ju", (uintmax_t)limit.start,
			(uintmax_t)limit.rate, (uintmax_t)limit.full);
		check(half_open_parse(text, &again) &&
			memcmp(&limit, &again, sizeof(limit)) == 0);
	}
	if (config == NULL)
		config = config_new();
	check(config != NULL);
	if (endpoint_of(parts[1], config, &endpoint)) {
		check(endpoint.tls == (enum config_tls_mode)config->tls.mode ||
			strncmp(parts[1], "pop3", 4) == 0);
		check(endpoint.proxy == (enum proxy_versions)config->server.proxy ||
			strstr(parts[1], "+proxy-") != NULL);
	}
}

static int
file_of(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	check(fd >= 0 && fchmod(fd, 0600) == 0);
	check(write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void
count_problem(void *cookie, int priority, const char *text)
{
	unsigned *problems = cookie;

	(void)priority;
	check(strncmp(text, "tls.sni: ", 9) == 0);
	++*problems;
}

/* Lines that have three words or four. */
static size_t
count_lines(const uint8_t *data, size_t size)
{
	char *copy = strndup((const char *)data, size), *rest = copy, *line;
	size_t lines = 0;

	check(copy != NULL);
	while ((line = strsep(&rest, "\n")) != NULL) {
		size_t words = 0;

		for (line += strspn(line, " \t"); *line != '\0';
			line += strspn(line, " \t")) {
			line += strcspn(line, " \t");
			words++;
		}
		lines += words == 3 || words == 4;
	}
	free(copy);
	return lines;
}

static void
names_come(const uint8_t *data, size_t size)
{
	struct material material = {0};
	unsigned problems = 0;
	const struct tls_report report = {count_problem, &problems};
	struct building building = {
		.material = &material, .report = &report, .good = true};
	char path[64];
	int fd = file_of(data, size, path);

	material_read_names(&building, path);
	check(building.good == (problems == 0));
	check(material.n_pairs <= count_lines(data, size));
	for (size_t i = 0; i < material.n_pairs; i++) {
		struct material_pair *pair = &material.pairs[i];
		const char *star = strrchr(pair->name, '*');

		check(pair->name[0] != '\0' && pair->name[0] != '.');
		check(star == NULL || (star == pair->name && star[1] == '.'));
		check(memmem(data, size, pair->name, strlen(pair->name)) != NULL);
		check(pair->certificate < material.n_files);
		check(pair->key < material.n_files);
		check(pair->ocsp < material.n_files || pair->ocsp == MATERIAL_NONE);
		free(pair->name);
	}
	for (size_t i = 0; i < material.n_files; i++) {
		free(material.files[i].path);
		free(material.files[i].data);
	}
	free(material.pairs);
	free(material.files);
	check(close(fd) == 0);
}

static void
ticket_keys_come(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = file_of(data, size, path);
	const struct tls_setup setup = {
		.run_directory = "", .ticket_keys = path, .ticket_lifetime = 3600};
	struct ticket_keys *keys = malloc(sizeof(*keys));
	bool good = size > 0 && size % TICKET_KEY_OCTETS == 0 &&
		    size <= (size_t)TICKET_KEYS_MAX * TICKET_KEY_OCTETS;

	check(keys != NULL);
	check((ticket_keys_load(&setup, keys) == NULL) == good);
	check(keys->n == (good ? size / TICKET_KEY_OCTETS : 0));
	check(!good || memcmp(keys->keys, data, size) == 0);
	check(!ticket_keys_are_stale(&setup, keys));
	free(keys);
	check(close(fd) == 0);
}

/* Texts of their own size; no text has a NUL, which ends an argument or is refused. */
static void
texts_come(unsigned which, const uint8_t *data, size_t size)
{
	char *whole = strndup((const char *)data, size), *rest = whole;
	char *parts[PARTS];

	check(whole != NULL);
	for (size_t i = 0; i < PARTS; i++) {
		const char *part = rest != NULL ? strsep(&rest, "\n") : "";

		parts[i] = strdup(part);
		check(parts[i] != NULL);
	}
	free(whole);
	if (which == 0)
		nets_come(parts);
	else if (which == 1)
		location_comes(parts);
	else
		words_come(parts);
	for (size_t i = 0; i < PARTS; i++)
		free(parts[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned which;

	if (size < 1)
		return 0;
	which = data[0] % 5;
	if (which < 3)
		texts_come(which, data + 1, size - 1);
	else if (which == 3)
		names_come(data + 1, size - 1);
	else
		ticket_keys_come(data + 1, size - 1);
	return 0;
}
