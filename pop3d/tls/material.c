#include "pop3d/tls/material.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "pop3d/tls/material_build.h"

#define FILE_OCTETS_MAX (1u << 20)

/* Room for one more element behind n, which is zeroed; NULL if out of memory. */
static void *
grow(void *array, size_t n, size_t size)
{
	char *larger = reallocarray(array, n + 1, size);

	if (larger != NULL)
		memset(larger + n * size, 0, size);
	return larger;
}

size_t
material_look_at(struct building *b, const char *path)
{
	struct material *m = b->material;
	struct material_file *file, *larger = grow(m->files, m->n_files, sizeof(*larger));

	if (larger == NULL) {
		material_fault(b, path, "out of memory");
		return MATERIAL_NONE;
	}
	m->files = larger;
	file = &larger[m->n_files];
	file->path = strdup(path);
	if (file->path == NULL) {
		material_fault(b, path, "out of memory");
		return MATERIAL_NONE;
	}
	m->n_files++;
	if (stat(path, &file->seen) != 0)
		memset(&file->seen, 0, sizeof(file->seen));
	return m->n_files - 1;
}

void
material_fault(struct building *b, const char *path, const char *what)
{
	tls_report(b->report, LOG_ERR, "%s: %s: %s", b->key, path, what);
	b->good = false;
}

void
material_fault_at(struct building *b, const char *path, unsigned line, const char *what)
{
	tls_report(b->report, LOG_ERR, "%s: %s:%u: %s", b->key, path, line, what);
	b->good = false;
}

const char *
material_careless(const struct stat *st, enum material_care care)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "must be owned by root";
	if ((st->st_mode & 022) != 0)
		return "must be writable by its owner alone";
	if (care == MATERIAL_SECRET && (st->st_mode & 07) != 0)
		return "must not be readable by everybody";
	return NULL;
}

/* NULL, or what is wrong with a file that is to be read. */
static const char *
unfit(const struct stat *st, enum material_care care)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_size > FILE_OCTETS_MAX)
		return "is larger than a mebibyte";
	return material_careless(st, care);
}

/* Read a file that was opened; NULL, or what is wrong. */
static const char *
read_whole(int fd, enum material_care care, struct stat *st, unsigned char **data)
{
	const char *wrong;
	ssize_t n;

	if (fstat(fd, st) != 0)
		return strerror(errno);
	wrong = unfit(st, care);
	if (wrong != NULL)
		return wrong;
	/* One more, so that a text can be told from one that was cut. */
	*data = malloc((size_t)st->st_size + 1);
	if (*data == NULL)
		return "out of memory";
	n = pread(fd, *data, (size_t)st->st_size + 1, 0);
	if (n < 0)
		return strerror(errno);
	return n == st->st_size ? NULL : "changes while it is read";
}

static const char *
read_path(
	const char *path, enum material_care care, struct stat *st, unsigned char **data)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *wrong;

	if (fd < 0)
		return strerror(errno);
	wrong = read_whole(fd, care, st, data);
	(void)close(fd);
	return wrong;
}

const char *
material_read_secret(const struct material_file *file, unsigned char **data, size_t *n)
{
	struct stat st;
	const char *wrong;

	*data = NULL;
	wrong = read_path(file->path, MATERIAL_SECRET, &st, data);
	*n = *data != NULL ? (size_t)st.st_size : 0;
	if (wrong == NULL || *data == NULL)
		return wrong;
	explicit_bzero(*data, *n);
	free(*data);
	*data = NULL;
	return wrong;
}

/* The key process will read it: what keeps it from that is better known now. */
static const char *
look_at_secret(struct material_file *file)
{
	file->secret = true;
	if (stat(file->path, &file->seen) != 0)
		return strerror(errno);
	if (access(file->path, R_OK) != 0)
		return strerror(errno);
	return unfit(&file->seen, MATERIAL_SECRET);
}

/* A key stands where none is looked for: its octets are for the key process as well. */
static const char *
leave_to_key_process(struct material_file *file)
{
	static const char mark[] = "PRIVATE KEY-----";

	if (file->data == NULL ||
		memmem(file->data, file->n, mark, sizeof(mark) - 1) == NULL)
		return NULL;
	explicit_bzero(file->data, file->n);
	free(file->data);
	file->data = NULL;
	file->n = 0;
	return look_at_secret(file);
}

size_t
material_read(struct building *b, const char *path, enum material_care care)
{
	size_t i = material_look_at(b, path);
	struct material_file *file;
	const char *wrong;

	if (i == MATERIAL_NONE)
		return i;
	file = &b->material->files[i];
	if (care == MATERIAL_SECRET) {
		wrong = look_at_secret(file);
	} else {
		wrong = read_path(path, care, &file->seen, &file->data);
		file->n = file->data != NULL ? (size_t)file->seen.st_size : 0;
		if (wrong == NULL)
			wrong = leave_to_key_process(file);
	}
	if (wrong != NULL)
		material_fault(b, path, wrong);
	return i;
}

bool
material_is_one(const char *a, const char *b)
{
	struct stat sa, sb;

	return strcmp(a, b) == 0 ||
	       (stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
		       sa.st_ino == sb.st_ino);
}

struct material_pair *
material_pair(struct building *b, const char *name)
{
	struct material *m = b->material;
	struct material_pair *pair, *larger = grow(m->pairs, m->n_pairs, sizeof(*larger));

	if (larger == NULL) {
		material_fault(b, "certificate", "out of memory");
		return NULL;
	}
	m->pairs = larger;
	pair = &larger[m->n_pairs++];
	pair->certificate = pair->key = pair->ocsp = MATERIAL_NONE;
	pair->name = name != NULL ? strdup(name) : NULL;
	if (name == NULL || pair->name != NULL)
		return pair;
	material_fault(b, name, "out of memory");
	return NULL;
}

/* Take the next word of a list; false at its end, or if it is too long for a path. */
static bool
next_word(const char **list, char path[MATERIAL_PATH_MAX])
{
	size_t n;

	*list += strspn(*list, " ");
	n = strcspn(*list, " ");
	if (n == 0 || n >= MATERIAL_PATH_MAX)
		return false;
	(void)snprintf(path, MATERIAL_PATH_MAX, "%.*s", (int)n, *list);
	*list += n;
	return true;
}

static void
read_pair(struct building *b, struct material_pair *pair, const char *certificate,
	const char *key)
{
	bool one = material_is_one(certificate, key);

	pair->certificate =
		material_read(b, certificate, one ? MATERIAL_SECRET : MATERIAL_OURS);
	b->key = "tls.key";
	pair->key = one ? pair->certificate : material_read(b, key, MATERIAL_SECRET);
}

/* The certificates for all who ask for no name, or for one that there is none for. */
static void
read_main(struct building *b, const struct tls_setup *setup)
{
	const char *certificates = setup->certificate, *keys = setup->key;
	const char *ocsp = setup->ocsp;
	char path[MATERIAL_PATH_MAX], key[MATERIAL_PATH_MAX];
	bool stapled = ocsp[0] != '\0';

	b->key = "tls.certificate";
	while (next_word(&certificates, path)) {
		struct material_pair *pair;
		if (!next_word(&keys, key)) {
			material_fault(b, path, "has no file in tls.key");
			return;
		}
		pair = material_pair(b, NULL);
		if (pair == NULL)
			return;
		read_pair(b, pair, path, key);
		b->key = "tls.ocsp";
		if (stapled && next_word(&ocsp, path))
			pair->ocsp = material_read(b, path, MATERIAL_OURS);
		else if (stapled)
			material_fault(b, key, "has no file");
		b->key = "tls.certificate";
	}
	if (b->material->n_pairs == 0)
		material_fault(b, "it", "names no file");
	b->key = "tls.key";
	if (next_word(&keys, key))
		material_fault(b, key, "has no file in tls.certificate");
	b->key = "tls.ocsp";
	if (next_word(&ocsp, path))
		material_fault(b, path, "has no file in tls.certificate");
}

static void
read_clients(struct building *b, const struct tls_setup *setup)
{
	if (setup->client_certificate == TLS_CLIENT_NONE)
		return;
	b->key = "tls.client_ca";
	if (setup->client_ca[0] == '\0')
		material_fault(b, "tls.client_certificate", "needs one");
	else
		b->material->client_ca =
			material_read(b, setup->client_ca, MATERIAL_OURS);
	b->key = "tls.client_crl";
	if (setup->client_crl[0] != '\0')
		b->material->client_crl =
			material_read(b, setup->client_crl, MATERIAL_OURS);
}

struct material *
material_load(const struct tls_setup *setup, const struct tls_report *report)
{
	struct building b = {.report = report, .good = true};

	b.material = calloc(1, sizeof(*b.material));
	if (b.material == NULL) {
		tls_report(report, LOG_ERR, "out of memory");
		return NULL;
	}
	b.material->client_ca = b.material->client_crl = MATERIAL_NONE;
	read_main(&b, setup);
	if (setup->sni[0] != '\0')
		material_read_names(&b, setup->sni);
	read_clients(&b, setup);
	if (b.good)
		return b.material;
	material_free(b.material);
	return NULL;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
material_has_changed(const struct material *material)
{
	for (size_t i = 0; i < material->n_files; i++) {
		const struct material_file *file = &material->files[i];
		struct stat now;

		if (stat(file->path, &now) != 0)
			memset(&now, 0, sizeof(now));
		if (!is_same(&now, &file->seen))
			return true;
	}
	return false;
}

void
material_free(struct material *material)
{
	if (material == NULL)
		return;
	for (size_t i = 0; i < material->n_files; i++) {
		struct material_file *file = &material->files[i];
		free(file->data);
		free(file->half);
		free(file->wrong);
		free(file->path);
	}
	for (size_t i = 0; i < material->n_pairs; i++)
		free(material->pairs[i].name);
	free(material->files);
	free(material->pairs);
	free(material);
}
