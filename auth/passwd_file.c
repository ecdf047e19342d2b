#include "auth/passwd_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/module_file.h"
#include "auth/usercdb.h"

/* Without it, or with one of another state of the file, all is right, but slower. */
static int
database_open(const struct auth_host *host, const struct passwd_file *file)
{
	char path[PATH_MAX];
	int fd, n;

	n = snprintf(path, sizeof(path), "%s.cdb", file->path);
	if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
		return -1;
	fd = module_file_open(host, path, MODULE_FILE_PRIVATE);
	if (fd < 0 || usercdb_is_current(fd, file->fd))
		return fd;
	host->log(host->cookie, LOG_WARNING,
		"%s: not used, since it is not of the file as it is now: "
		"pop3ctl passwd compile",
		path);
	(void)close(fd);
	return -1;
}

struct passwd_file *
passwd_file_open(const struct auth_host *host, const char *path, size_t path_octets)
{
	/* Not calloc(): few of its pages will be needed. */
	struct passwd_file *file = malloc(sizeof(*file));

	if (file != NULL) {
		file->path = strndup(path, path_octets);
		file->read_through = false;
		userfile_start(&file->reader, -1);
	}
	if (file == NULL || file->path == NULL) {
		host->log(host->cookie, LOG_ERR, "%s", strerror(errno));
		free(file);
		return NULL;
	}
	file->cdb = -1;
	file->fd = module_file_open(host, file->path, MODULE_FILE_PRIVATE);
	if (file->fd < 0) {
		passwd_file_close(file);
		return NULL;
	}
	file->cdb = database_open(host, file);
	return file;
}

void
passwd_file_close(struct passwd_file *file)
{
	if (file == NULL)
		return;
	if (file->fd >= 0)
		(void)close(file->fd);
	if (file->cdb >= 0)
		(void)close(file->cdb);
	free(file->path);
	userfile_wipe(&file->reader);
	if (file->cdb >= 0)
		explicit_bzero(file->line, sizeof(file->line));
	free(file);
}

static void
error_log(const struct auth_host *host, const struct passwd_file *file)
{
	host->log(host->cookie, LOG_ERR, "%s: %s", file->path, strerror(errno));
}

enum userfile_status
passwd_file_find(const struct auth_host *host, struct passwd_file *file, const char *user,
	struct auth_span *line)
{
	enum userfile_status status;

	file->reader.number = 0;
	file->read_through = true;
	if (file->cdb >= 0) {
		status = usercdb_find(file->cdb, user, file->line, line);
		if (status != USERFILE_ERROR)
			return status;
		host->log(
			host->cookie, LOG_ERR, "%s.cdb: %s", file->path, strerror(errno));
	}
	userfile_wipe(&file->reader);
	userfile_start(&file->reader, file->fd);
	status = userfile_find(&file->reader, user, line);
	if (status == USERFILE_ERROR)
		error_log(host, file);
	file->read_through = status != USERFILE_LINE && status != USERFILE_LONG;
	return status;
}

bool
passwd_file_drain(const struct auth_host *host, struct passwd_file *file)
{
	enum userfile_status status;
	struct auth_span line;

	if (file->read_through)
		return true;
	do
		status = userfile_next(&file->reader, &line);
	while (status == USERFILE_LINE || status == USERFILE_LONG);
	if (status == USERFILE_ERROR)
		error_log(host, file);
	return status == USERFILE_END;
}
