/*
 * tls.sni: certificates for the names that clients ask for.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include "pop3d/tls/material_build.h"

#define NAME_MAX_OCTETS 253u /* RFC 1035 section 2.3.4, as text */

/* Letters, digits, hyphens and dots; a '*' may be the first label. */
static bool
is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n;

	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	n = strlen(name);
	return n > 0 && n <= NAME_MAX_OCTETS && strspn(name, letters) == n &&
	       name[0] != '.';
}

static void
add(struct building *b, const char *name, const char *certificate, const char *key,
	const char *ocsp)
{
	bool one = strcmp(certificate, key) == 0;
	struct material_pair *pair = material_pair(b, name);

	if (pair == NULL)
		return;
	pair->certificate = material_read(b, certificate, one);
	pair->key = one ? pair->certificate : material_read(b, key, true);
	if (ocsp != NULL)
		pair->ocsp = material_read(b, ocsp, false);
}

/* A line "NAME CERTIFICATE KEY [OCSP]". */
static void
add_line(struct building *b, const char *path, char *line)
{
	char *words[5] = {NULL}, *rest = line;
	size_t n = 0;

	while (n < 5 && (words[n] = strsep(&rest, " \t")) != NULL)
		n += words[n][0] != '\0' ? 1 : 0;
	if (n == 0 || words[0][0] == '#')
		return;
	if (n < 3 || n > 4 || !is_name(words[0]) || words[1][0] != '/' ||
		words[2][0] != '/' || (n == 4 && words[3][0] != '/'))
		material_fault(b, path, "a line is not NAME CERTIFICATE KEY [OCSP]");
	else
		add(b, words[0], words[1], words[2], n == 4 ? words[3] : NULL);
}

static void
read_file(struct building *b, const char *path)
{
	size_t i = material_read(b, path, false);
	const struct material_file *file;
	char *text, *rest, *line;

	if (i == MATERIAL_NONE || b->material->files[i].data == NULL)
		return;
	file = &b->material->files[i];
	if (memchr(file->data, '\0', file->n) != NULL) {
		material_fault(b, path, "has a NUL byte");
		return;
	}
	rest = text = strndup((const char *)file->data, file->n);
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		add_line(b, path, line);
	if (text == NULL)
		material_fault(b, path, "out of memory");
	free(text);
}

/* A path below a directory; false if it is too long. */
static bool
join(char path[MATERIAL_PATH_MAX], const char *directory, const char *name,
	const char *tail)
{
	int n = snprintf(path, MATERIAL_PATH_MAX, "%s/%s%s", directory, name, tail);

	return n > 0 && (size_t)n < MATERIAL_PATH_MAX;
}

/* As certbot lays it out. */
static void
add_directory(struct building *b, const char *name, const char *path)
{
	char certificate[MATERIAL_PATH_MAX], key[MATERIAL_PATH_MAX];
	char ocsp[MATERIAL_PATH_MAX];

	(void)material_look_at(b, path);
	if (!join(certificate, path, "fullchain", ".pem") ||
		!join(key, path, "privkey", ".pem") || !join(ocsp, path, "ocsp", ".der"))
		material_fault(b, path, "its name is too long");
	else
		add(b, name, certificate, key, access(ocsp, F_OK) == 0 ? ocsp : NULL);
}

static void
add_file(struct building *b, const char *directory, char *name)
{
	char path[MATERIAL_PATH_MAX], ocsp[MATERIAL_PATH_MAX];
	char *tail = strrchr(name, '.');

	if (tail != NULL && strcmp(tail, ".ocsp") == 0)
		return;
	if (tail == NULL || strcmp(tail, ".pem") != 0) {
		tls_report(b->report, LOG_WARNING,
			"%s: %s/%s: is neither NAME.pem nor NAME.ocsp", b->key, directory,
			name);
		return;
	}
	*tail = '\0';
	if (!is_name(name))
		material_fault(b, name, "is not a host name");
	else if (!join(path, directory, name, ".pem") ||
		 !join(ocsp, directory, name, ".ocsp"))
		material_fault(b, name, "its name is too long");
	else
		add(b, name, path, path, access(ocsp, F_OK) == 0 ? ocsp : NULL);
}

static void
add_entry(struct building *b, const char *directory, char *name)
{
	char path[MATERIAL_PATH_MAX];
	struct stat st;

	if (name[0] == '.' || strcmp(name, "README") == 0)
		return;
	if (!join(path, directory, name, ""))
		material_fault(b, name, "its name is too long");
	else if (stat(path, &st) != 0)
		material_fault(b, path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		add_file(b, directory, name);
	else if (is_name(name))
		add_directory(b, name, path);
	else
		material_fault(b, path, "is not a host name");
}

static void
read_directory(struct building *b, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);

	(void)material_look_at(b, path);
	if (n < 0) {
		material_fault(b, path, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		add_entry(b, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

void
material_read_names(struct building *b, const char *path)
{
	struct stat st;

	b->key = "tls.sni";
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		read_directory(b, path);
	else
		read_file(b, path);
}
