#include "pop3d/ctl/authlist.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/loader.h"
#include "auth/mechanism.h"
#include "pop3d/child.h"
#include "pop3d/clock.h"
#include "pop3d/ctl/settings.h"
#include "pop3d/descriptors.h"
#include "pop3d/ipc.h"

/* What a process that has loaded a module says of it. */
struct finding {
	bool loaded;
	uint32_t abi, size, proofs, flags;
	char error[512];
};

static const struct {
	uint32_t proof;
	const char *name;
} proofs[] = {
	{AUTH_PROOF_PASSWORD, "password"},
	{AUTH_PROOF_APOP, "apop"},
	{AUTH_PROOF_CRAM_MD5, "cram-md5"},
	{AUTH_PROOF_SCRAM_SHA_256, "scram-sha-256"},
	{AUTH_PROOF_TOKEN, "token"},
	{AUTH_PROOF_TRUSTED, "trusted"},
};

/* Code of the module runs as soon as it is loaded: here, where it can break nothing. */
_Noreturn static void
child_run(const struct config *config, const char *name, int fd)
{
	struct finding finding = {0};
	const struct auth_module *module;

	if (setsid() < 0)
		_exit(EX_OSERR);
	for (int standard = 0; standard <= 2; standard++)
		if (!descriptors_silence(standard))
			_exit(EX_OSERR);
	module = loader_load(config->auth.module_directory, name, finding.error,
		sizeof(finding.error));
	if (module != NULL && (module->flags & AUTH_FLAG_PART) != 0 &&
		loader_load_part(config->auth.module_directory, name, finding.error,
			sizeof(finding.error)) == NULL)
		module = NULL;
	if (module != NULL) {
		finding.loaded = true;
		finding.abi = module->abi;
		finding.size = module->size;
		finding.proofs = module->proofs;
		finding.flags = module->flags;
	}
	_exit(send(fd, &finding, sizeof(finding), MSG_NOSIGNAL) ==
				(ssize_t)sizeof(finding)
			? EX_OK
			: EX_IOERR);
}

static bool
finding_receive(int fd, uint64_t timeout, struct finding *finding)
{
	int64_t deadline = clock_after(timeout);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready;

	do
		ready = poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	return ready == 1 && recv(fd, finding, sizeof(*finding), MSG_DONTWAIT) ==
				     (ssize_t)sizeof(*finding);
}

static void
module_try(const struct config *config, const char *name, struct finding *finding)
{
	int fds[2], status;
	bool answered;
	pid_t pid;

	memset(finding, 0, sizeof(*finding));
	(void)fflush(stdout);
	if (!ipc_pair(fds)) {
		(void)snprintf(
			finding->error, sizeof(finding->error), "%s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		child_run(config, name, fds[1]);
	(void)close(fds[1]);
	answered = pid > 0 && finding_receive(fds[0], config->auth.timeout, finding);
	status = answered ? child_finish_group(pid) : child_end_group(pid);
	(void)close(fds[0]);
	if (answered)
		return;
	memset(finding, 0, sizeof(*finding));
	if (WIFSIGNALED(status))
		(void)snprintf(finding->error, sizeof(finding->error),
			"ended by signal %d while it was loaded", WTERMSIG(status));
	else
		(void)snprintf(finding->error, sizeof(finding->error),
			"ended the process that loaded it");
}

/* Its place in auth.modules from 1, or 0. */
static unsigned
place_find(const char *modules, const char *name)
{
	size_t length = strlen(name);
	unsigned place = 0;

	for (const char *p = modules + strspn(modules, " "); *p != '\0';
		p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		place++;
		if (n == length && strncmp(p, name, n) == 0)
			return place;
		p += n;
	}
	return 0;
}

static void
word_print(const char *word, bool *first)
{
	(void)printf("%s%s", *first ? "" : ",", word);
	*first = false;
}

static void
served_print(uint32_t mask)
{
	bool first = true;

	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++)
		if ((mask & proofs[i].proof) != 0)
			word_print(proofs[i].name, &first);
	(void)fputs(first ? "-\t" : "\t", stdout);
	first = true;
	for (size_t i = 0; auth_mechanisms[i] != NULL; i++)
		if ((mask & auth_mechanisms[i]->proof) != 0)
			word_print(auth_mechanisms[i]->name, &first);
	(void)fputs(first ? "-\n" : "\n", stdout);
}

/* False if auth.modules names it and it cannot be loaded. */
static bool
module_show(const struct config *config, const char *name)
{
	unsigned place = place_find(config->auth.modules, name);
	struct finding finding;

	module_try(config, name, &finding);
	for (const char *p = name; *p != '\0'; p++)
		(void)putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	if (place == 0)
		(void)fputs("\t-\t", stdout);
	else
		(void)printf("\t%u\t", place);
	if (!finding.loaded) {
		(void)printf("refused: %s\n", finding.error);
		return place == 0;
	}
	(void)printf("%lu\t%lu\t%s\t", (unsigned long)finding.abi,
		(unsigned long)finding.size,
		(finding.flags & AUTH_FLAG_ROOT) != 0 ? "root" : "-");
	served_print(finding.proofs);
	return true;
}

static int
entry_is_module(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && strcmp(entry->d_name + n - 3, ".so") == 0;
}

/* What auth.modules names and no file is there for. */
static bool
missing_show(const struct config *config, struct dirent **entries, int n)
{
	bool good = true;
	char name[256];

	for (const char *p = config->auth.modules; *p != '\0';) {
		size_t length = strcspn(p, " ");
		bool found = length == 0;

		for (int i = 0; i < n && !found; i++)
			found = strlen(entries[i]->d_name) == length + 3 &&
				strncmp(entries[i]->d_name, p, length) == 0;
		if (!found) {
			(void)snprintf(name, sizeof(name), "%.*s",
				(int)(length < 255 ? length : 255), p);
			good = module_show(config, name) && good;
		}
		p += length + strspn(p + length, " ");
	}
	return good;
}

static int
directory_show(const struct config *config)
{
	const char *directory = config->auth.module_directory;
	struct dirent **entries;
	int n = scandir(directory, &entries, entry_is_module, alphasort);
	bool good = true;

	if (n < 0) {
		ctl_error("%s: %s", directory, strerror(errno));
		return EX_CONFIG;
	}
	(void)puts("name\tplace\tabi\tsize\tflags\tproofs\tmechanisms");
	for (int i = 0; i < n; i++) {
		char name[256];

		(void)snprintf(name, sizeof(name), "%.*s",
			(int)strlen(entries[i]->d_name) - 3, entries[i]->d_name);
		good = module_show(config, name) && good;
	}
	good = missing_show(config, entries, n) && good;
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return good ? 0 : EX_CONFIG;
}

int
authlist_run(const struct ctl_context *context, int argc, char **argv)
{
	struct config *config;
	int status;

	if (getopt(argc, argv, "") != -1 || optind != argc)
		return CTL_USAGE;
	config = settings_load(context);
	if (config == NULL)
		return EX_CONFIG;
	status = directory_show(config);
	config_free(config);
	return status;
}
