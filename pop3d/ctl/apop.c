#include "pop3d/ctl/apop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/apop_seal.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/userentry.h"
#include "pop3d/ctl/userlist.h"

static int
path_failed(const char *path)
{
	ctl_error("%s: %s", path, strerror(errno));
	return EX_TEMPFAIL;
}

/* The name of a new file lasts only once its directory is written. */
static bool
directory_sync(const char *path)
{
	char *copy = strdup(path), *slash;
	int fd = -1;
	bool good = false;

	if (copy == NULL)
		return false;
	slash = strrchr(copy, '/');
	if (slash != NULL)
		slash[slash == copy ? 1 : 0] = '\0';
	fd = open(slash != NULL ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		good = fsync(fd) == 0;
		(void)close(fd);
	}
	free(copy);
	return good;
}

/* Never over another key: that would make every secret unreadable. */
static int
key_make(const char *path)
{
	unsigned char key[APOP_KEY_OCTETS];
	bool good;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST) {
		ctl_error("%s: there is a key", path);
		return CTL_NO;
	}
	if (fd < 0)
		return path_failed(path);
	good = getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
	       write(fd, key, sizeof(key)) == (ssize_t)sizeof(key) && fsync(fd) == 0;
	explicit_bzero(key, sizeof(key));
	good = close(fd) == 0 && good && directory_sync(path);
	if (good)
		return 0;
	(void)path_failed(path);
	(void)unlink(path);
	return EX_TEMPFAIL;
}

int
apop_init(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "apop", argc, argv, "k:", 1, &options);
	if (status == 0 && options.user[0] != '\0')
		status = CTL_USAGE;
	if (status == 0)
		status = key_make(options.key);
	passwd_options_free(&options);
	return status;
}

static bool
is_missing(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 && errno == ENOENT;
}

/* A key is made only where no secret can have been sealed with one that is lost. */
static int
key_get(const struct passwd_options *options, unsigned char key[APOP_KEY_OCTETS])
{
	const struct auth_host host = {.abi = POP3D_AUTH_ABI,
		.size = sizeof(host),
		.log = ctl_module_log,
		.wipe = explicit_bzero};
	int status = 0;

	if (!apop_seal_start()) {
		ctl_error("libsodium cannot be initialised");
		return EX_TEMPFAIL;
	}
	if (is_missing(options->key) && is_missing(options->file))
		status = key_make(options->key);
	if (status == 0 && !apop_seal_read_key(&host, options->key, key))
		status = EX_CONFIG;
	return status;
}

/* Ask for the secret and seal it. */
static int
secret_ask(const char *user, const unsigned char key[APOP_KEY_OCTETS],
	char text[APOP_SEALED_SIZE])
{
	struct prompt_password secret;
	const char *fault;
	bool good;

	fault = prompt_password("New secret: ", true, &secret);
	if (fault != NULL) {
		ctl_error("%s", fault);
		return EX_USAGE;
	}
	good = apop_seal_close(text, key, user, (struct auth_span){secret.p, secret.n});
	explicit_bzero(&secret, sizeof(secret));
	if (good)
		return 0;
	ctl_error("the secret cannot be sealed");
	return EX_USAGE;
}

int
apop_set(const struct ctl_context *context, int argc, char **argv)
{
	unsigned char key[APOP_KEY_OCTETS];
	char sealed[APOP_SEALED_SIZE], text[USERFILE_LINE_MAX];
	struct passwd_options options;
	size_t n;
	int status;

	status = passwd_options_read(
		context, "apop", argc, argv, "d:f:g:k:m:u:", 0, &options);
	/* Say what is wrong with the rest before a secret is typed in. */
	if (status == 0 && !userentry_compose(&options, "", text, &n))
		status = EX_USAGE;
	if (status == 0)
		status = key_get(&options, key);
	if (status == 0)
		status = secret_ask(options.user, key, sealed);
	explicit_bzero(key, sizeof(key));
	if (status == 0)
		status = userentry_set(&options, sealed);
	passwd_options_free(&options);
	return status;
}

int
apop_delete(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "apop", argc, argv, "f:", 0, &options);
	if (status == 0)
		status = userentry_delete(&options);
	passwd_options_free(&options);
	return status;
}

static void
sealed_print(struct auth_span secret)
{
	const char *unsealed = secret.n == 0 ? "none" : "unknown";

	(void)printf("%s\t", apop_seal_is_sealed(secret) ? "sealed" : unsealed);
}

int
apop_list(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, "apop", argc, argv, "f:", 1, &options);
	if (status == 0)
		status = userlist_show(&options, sealed_print);
	passwd_options_free(&options);
	return status;
}
