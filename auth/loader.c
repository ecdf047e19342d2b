#include "auth/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL "pop3d_auth_module"
#define PART_SYMBOL "pop3d_auth_part"
#define FLAGS ((uint32_t)AUTH_FLAG_ROOT | (uint32_t)AUTH_FLAG_PART)

/* The file that is being judged, and where to say what is wrong with it. */
struct subject {
	const char *path;
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool
refuse(const struct subject *subject, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(subject->error, subject->error_size, "%s: ", subject->path);
	if (n < 0 || (size_t)n >= subject->error_size)
		return false;
	va_start(args, format);
	(void)vsnprintf(
		subject->error + n, subject->error_size - (size_t)n, format, args);
	va_end(args);
	return false;
}

static bool
name_is_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n >= 1 && n <= LOADER_NAME_MAX && name[n] == '\0';
}

static bool
owner_check(const struct subject *subject, const struct stat *st)
{
	uid_t self = geteuid();

	if (st->st_uid != 0 && st->st_uid != self) {
		if (self == 0)
			return refuse(subject, "owned by uid %lu, expected root",
				(unsigned long)st->st_uid);
		return refuse(subject, "owned by uid %lu, expected root or uid %lu",
			(unsigned long)st->st_uid, (unsigned long)self);
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return refuse(subject,
			"mode %04o, expected one that lets only the owner write",
			(unsigned)st->st_mode & 07777u);
	return true;
}

static int
directory_open(const char *directory, char *error, size_t error_size)
{
	struct subject subject = {directory, error, error_size};
	struct stat st;
	int fd;

	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		refuse(&subject, "cannot open module directory: %s", strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0)
		refuse(&subject, "%s", strerror(errno));
	else if (owner_check(&subject, &st))
		return fd;
	(void)close(fd);
	return -1;
}

static bool
file_check(const struct subject *subject, int dirfd, struct stat *st)
{
	const char *base = strrchr(subject->path, '/') + 1;
	bool good = false;
	int fd;

	/* O_NONBLOCK: a FIFO in the way must not hold up every login. */
	fd = openat(dirfd, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return refuse(subject, "symbolic link, expected a regular file");
	if (fd < 0)
		return refuse(subject, "cannot open module: %s", strerror(errno));
	if (fstat(fd, st) != 0)
		refuse(subject, "%s", strerror(errno));
	else if (!S_ISREG(st->st_mode))
		refuse(subject, "not a regular file");
	else
		good = owner_check(subject, st);
	(void)close(fd);
	return good;
}

/* dlopen() takes a path, so what it found there may not be what was checked. */
static bool
same_file(const struct subject *subject, const struct stat *before)
{
	struct stat now;

	if (lstat(subject->path, &now) != 0)
		return refuse(subject, "%s", strerror(errno));
	if (now.st_dev != before->st_dev || now.st_ino != before->st_ino)
		return refuse(subject, "replaced while it was being loaded");
	return true;
}

static bool
module_check(
	const struct subject *subject, const struct auth_module *module, const char *name)
{
	if (module->abi != POP3D_AUTH_ABI)
		return refuse(subject, "built for module interface %u, expected %u",
			(unsigned)module->abi, POP3D_AUTH_ABI);
	if (module->size < sizeof(struct auth_module))
		return refuse(subject, "module structure of %u octets, expected %zu",
			(unsigned)module->size, sizeof(struct auth_module));
	if (module->name == NULL || strcmp(module->name, name) != 0)
		return refuse(subject, "module calls itself \"%.64s\", expected \"%s\"",
			module->name != NULL ? module->name : "", name);
	if (module->keys == NULL)
		return refuse(subject, "module has no list of keys, expected one");
	if (module->proofs == 0)
		return refuse(subject, "module serves no kind of proof, expected one");
	if ((module->flags & ~FLAGS) != 0)
		return refuse(subject,
			"module has unknown flags %#x, expected none but %#x",
			(unsigned)module->flags, (unsigned)FLAGS);
	if (module->open == NULL || module->verify == NULL)
		return refuse(subject, "module lacks open() or verify(), expected both");
	return true;
}

static bool
part_check(const struct subject *subject, const struct auth_part *part, const char *name)
{
	if (part->abi != POP3D_AUTH_ABI)
		return refuse(subject, "built for module interface %u, expected %u",
			(unsigned)part->abi, POP3D_AUTH_ABI);
	if (part->size < sizeof(struct auth_part))
		return refuse(subject, "structure of %u octets, expected %zu",
			(unsigned)part->size, sizeof(struct auth_part));
	if (part->functions == NULL)
		return refuse(subject, "part without functions, expected some");
	if (part->name == NULL || strcmp(part->name, name) != 0)
		return refuse(subject, "part of module \"%.64s\", expected \"%s\"",
			part->name != NULL ? part->name : "", name);
	return true;
}

/* The object's symbol; NULL if there is none, or the object cannot be loaded. */
static const void *
symbol_load(const struct subject *subject, const struct stat *st, const char *symbol)
{
	const void *found;
	const char *why;
	void *handle;

	handle = dlopen(subject->path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		why = dlerror();
		refuse(subject, "cannot be loaded: %s",
			why != NULL ? why : "no reason given");
		return NULL;
	}
	if (!same_file(subject, st))
		return NULL;
	found = dlsym(handle, symbol);
	if (found == NULL)
		refuse(subject, "no symbol %s, expected one of a module of pop3d",
			symbol);
	return found;
}

/* Load DIRECTORY/NAME.SUFFIX, and leave its path in the subject. */
static const void *
file_load(struct subject *subject, char path[PATH_MAX], const char *directory,
	const char *name, const char *suffix, const char *symbol)
{
	struct stat st;
	bool good;
	int dirfd, n;

	if (!name_is_valid(name)) {
		(void)snprintf(subject->error, subject->error_size,
			"module name \"%.64s\", expected 1 to %u of a-z 0-9 _ -", name,
			LOADER_NAME_MAX);
		return NULL;
	}
	n = snprintf(path, PATH_MAX, "%s/%s.%s", directory, name, suffix);
	if (n < 0 || n >= PATH_MAX) {
		(void)snprintf(subject->error, subject->error_size,
			"module %s: path too long", name);
		return NULL;
	}
	subject->path = path;
	dirfd = directory_open(directory, subject->error, subject->error_size);
	if (dirfd < 0)
		return NULL;
	good = file_check(subject, dirfd, &st);
	(void)close(dirfd);
	return good ? symbol_load(subject, &st, symbol) : NULL;
}

const struct auth_module *
loader_load(const char *directory, const char *name, char *error, size_t error_size)
{
	struct subject subject = {NULL, error, error_size};
	char path[PATH_MAX];
	const struct auth_module *module =
		file_load(&subject, path, directory, name, "so", SYMBOL);

	return module != NULL && module_check(&subject, module, name) ? module : NULL;
}

const struct auth_part *
loader_load_part(const char *directory, const char *name, char *error, size_t error_size)
{
	struct subject subject = {NULL, error, error_size};
	char path[PATH_MAX];
	const struct auth_part *part =
		file_load(&subject, path, directory, name, "part", PART_SYMBOL);

	return part != NULL && part_check(&subject, part, name) ? part : NULL;
}
