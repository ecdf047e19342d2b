/*
 * tls.sni: certificates for the names that clients ask for.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	       name[0] != '.' && strstr(name, "..") == NULL;
}

static void
add(struct building *b, const char *name, const char *certificate, const char *key,
	const char *ocsp)
{
	bool one = material_is_one(certificate, key);
	struct material_pair *pair = material_pair(b, name);

	if (pair == NULL)
		return;
	pair->certificate =
		material_read(b, certificate, one ? MATERIAL_SECRET : MATERIAL_OURS);
	pair->key = one ? pair->certificate : material_read(b, key, MATERIAL_SECRET);
	if (ocsp != NULL)
		pair->ocsp = material_read(b, ocsp, MATERIAL_OURS);
}

/* A line "NAME CERTIFICATE KEY [OCSP]". */
static void
add_line(struct building *b, const char *path, unsigned number, char *line)
{
	char *words[5] = {NULL}, *rest = line;
	size_t n = 0;

	while (n < 5 && (words[n] = strsep(&rest, " \t")) != NULL)
		n += words[n][0] != '\0' ? 1 : 0;
	if (n == 0 || words[0][0] == '#')
		return;
	if (n < 3 || n > 4 || !is_name(words[0]) || words[1][0] != '/' ||
		words[2][0] != '/' || (n == 4 && words[3][0] != '/'))
		material_fault_at(
			b, path, number, "a line is not NAME CERTIFICATE KEY [OCSP]");
	else
		add(b, words[0], words[1], words[2], n == 4 ? words[3] : NULL);
}

static void
read_file(struct building *b, const char *path)
{
	size_t i = material_read(b, path, MATERIAL_OURS);
	const struct material_file *file;
	unsigned number = 0;
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
		add_line(b, path, ++number, line);
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

/* Somebody put it there, but it names nothing: the others are good all the same. */
static void
pass_over(const struct building *b, const char *path, const char *why)
{
	tls_report(
		b->report, LOG_WARNING, "%s: %s: is passed over: %s", b->key, path, why);
}

/* Who may put names there must be nobody else; false, and reported, if it is. */
static bool
look_at_directory(struct building *b, const char *path)
{
	size_t i = material_look_at(b, path);
	const char *wrong;

	if (i == MATERIAL_NONE)
		return false;
	wrong = material_careless(&b->material->files[i].seen, MATERIAL_OURS);
	if (wrong != NULL)
		material_fault(b, path, wrong);
	return wrong == NULL;
}

/* As certbot lays it out. */
static void
add_directory(struct building *b, const char *name, const char *path)
{
	char certificate[MATERIAL_PATH_MAX], key[MATERIAL_PATH_MAX];
	char ocsp[MATERIAL_PATH_MAX];

	if (!look_at_directory(b, path))
		return;
	if (!join(certificate, path, "fullchain", ".pem") ||
		!join(key, path, "privkey", ".pem") || !join(ocsp, path, "ocsp", ".der"))
		material_fault(b, path, "its name is too long");
	else if (access(certificate, F_OK) != 0 && errno == ENOENT)
		pass_over(b, path, "it has no fullchain.pem");
	else
		add(b, name, certificate, key, access(ocsp, F_OK) == 0 ? ocsp : NULL);
}

static bool
has_tail(const char *name, const char *tail)
{
	size_t n = strlen(name), m = strlen(tail);

	return n > m && strcmp(name + n - m, tail) == 0;
}

/* NAME.pem, or NAME.ocsp beside it. */
static void
add_file(struct building *b, const char *directory, const char *file, const char *path)
{
	char name[NAME_MAX + 1], pem[MATERIAL_PATH_MAX], ocsp[MATERIAL_PATH_MAX];
	bool response = has_tail(file, ".ocsp");

	if (!response && !has_tail(file, ".pem")) {
		pass_over(b, path, "it is neither NAME.pem nor NAME.ocsp");
		return;
	}
	(void)snprintf(
		name, sizeof(name), "%.*s", (int)(strrchr(file, '.') - file), file);
	if (!join(pem, directory, name, ".pem") || !join(ocsp, directory, name, ".ocsp"))
		material_fault(b, path, "its name is too long");
	else if (!is_name(name))
		pass_over(b, path, "it is not named after a host");
	else if (!response)
		add(b, name, pem, pem, access(ocsp, F_OK) == 0 ? ocsp : NULL);
	else if (access(pem, F_OK) != 0)
		pass_over(b, path, "there is no certificate beside it");
}

static void
add_entry(struct building *b, const char *directory, const char *name)
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
		add_file(b, directory, name, path);
	else if (is_name(name))
		add_directory(b, name, path);
	else
		pass_over(b, path, "it is not named after a host");
}

static void
read_directory(struct building *b, const char *path)
{
	struct dirent **entries;
	int n;

	/* First: what is added meanwhile is then seen as a change. */
	if (!look_at_directory(b, path))
		return;
	n = scandir(path, &entries, NULL, alphasort);
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
