#include "pop3d/ctl/mailbox.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "pop3d/ctl/mailbox_owner.h"
#include "pop3d/ctl/mailbox_user.h"
#include "pop3d/ctl/printable.h"
#include "pop3d/ctl/settings.h"
#include "pop3d/identity.h"
#include "pop3d/privileges.h"
#include "pop3d/sandbox.h"

void
mailbox_log(void *cookie, int priority, const char *format, ...)
{
	char text[1024], shown[1024];
	va_list args;

	(void)cookie;
	if (priority > LOG_NOTICE)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)printable_copy(shown, sizeof(shown), sizeof(shown),
		(const unsigned char *)text, strlen(text));
	ctl_error("%s", shown);
}

int
mailbox_location_read(
	const struct mailbox *m, struct mail_location *location, const char *target)
{
	char template[2 * sizeof(location->path)];
	const char *error;
	size_t n = 0;

	for (const char *p = target; *p != '\0'; p++) {
		if (n + 2 >= sizeof(template)) {
			ctl_error("the location is too long");
			return EX_USAGE;
		}
		template[n++] = *p;
		if (*p == '%')
			template[n++] = '%';
	}
	template[n] = '\0';
	if (mail_location_expand(location, template, "", m->identity.home, &error))
		return 0;
	ctl_error("%s", error);
	return EX_USAGE;
}

static bool
type_is_right(const struct mailbox *m, const struct stat *st)
{
	if (m->location.ops == &mailstore_maildir ? S_ISDIR(st->st_mode)
						  : S_ISREG(st->st_mode))
		return true;
	ctl_error("%s is no %s", m->location.path,
		m->location.ops == &mailstore_maildir ? "directory" : "regular file");
	return false;
}

/*
 * The user that owns the maildrop.  A spool may put its own group on a file, and root's
 * is nobody's: then it is the user's group that counts.
 */
static int
owner_take(struct mailbox *m, const struct stat *st)
{
	const struct passwd *entry = getpwuid(st->st_uid);
	int n = 0;

	m->identity.uid = st->st_uid;
	m->identity.gid = st->st_gid;
	if (st->st_gid == 0 && entry != NULL)
		m->identity.gid = entry->pw_gid;
	if (entry != NULL)
		n = snprintf(
			m->identity.home, sizeof(m->identity.home), "%s", entry->pw_dir);
	if (n < 0 || (size_t)n >= sizeof(m->identity.home))
		m->identity.home[0] = '\0';
	if (m->identity.uid != 0)
		return 0;
	ctl_error("%s belongs to root, whose mail pop3d never serves", m->location.path);
	return EX_NOPERM;
}

static int
location_find(struct mailbox *m, const char *target)
{
	const char *wrong;
	struct stat st;
	int status = mailbox_location_read(m, &m->location, target);

	if (status != 0)
		return status;
	wrong = mailbox_owner_find(m->location.path, &st, &status);
	if (wrong != NULL) {
		ctl_error("%s: %s", m->location.path, wrong);
		return status;
	}
	return type_is_right(m, &st) ? owner_take(m, &st) : EX_NOPERM;
}

static int
user_find(struct mailbox *m, const char *target)
{
	const char *template, *error;
	int status = mailbox_user_find(&m->service, target, &m->identity);

	if (status != 0)
		return status;
	if (m->identity.user[0] == '\0')
		(void)snprintf(m->identity.user, sizeof(m->identity.user), "%s", target);
	error = identity_complete(&m->service, &m->identity);
	template =
		m->identity.mail[0] != '\0' ? m->identity.mail : m->config->mail.location;
	if (error == NULL && mail_location_expand(&m->location, template,
				     m->identity.user, m->identity.home, &error))
		return 0;
	ctl_error("%s: %s", target, error);
	return EX_CONFIG;
}

static int
become(const struct mailbox *m)
{
	const char *wrong = privileges_become(
		m->identity.uid, m->identity.gid, m->service.extra_group);

	if (wrong == NULL && (!sandbox_no_new_privileges() || !sandbox_common()))
		wrong = "cannot be confined";
	if (wrong == NULL && chdir("/") != 0)
		wrong = "cannot leave the current directory";
	/* A limit on the size of files is an error like any other of writing. */
	if (wrong == NULL && signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		wrong = "cannot ignore a signal";
	if (wrong == NULL)
		return 0;
	ctl_error(
		"becoming uid %lu, the owner: %s", (unsigned long)m->identity.uid, wrong);
	return EX_NOPERM;
}

/* As the user: root has looked at a location, but at nothing of what a user's name says.
 */
static int
existence_check(const struct mailbox *m)
{
	struct stat st;

	if (lstat(m->location.path, &st) == 0)
		return type_is_right(m, &st) ? 0 : EX_NOPERM;
	if (errno == ENOENT)
		ctl_error("%s: there is no such maildrop", m->location.path);
	else
		ctl_error("%s: %s", m->location.path, strerror(errno));
	return errno == ENOENT ? EX_NOINPUT : EX_NOPERM;
}

static void
options_fill(struct mailbox *m)
{
	/* An administrator looks at maildrops that are over the limits of a session. */
	m->options.max_messages = SIZE_MAX / 4;
	m->options.max_octets = UINT64_MAX;
	m->options.lock_wait = (unsigned)m->config->limits.lock_seconds;
	m->options.lock_lease = (unsigned)m->config->limits.lock_lease_seconds;
	m->options.login_delay = 0; /* nor does an administrator have to wait */
	m->options.uidl_source = (unsigned)m->config->mail.uidl;
	m->options.dovecot_format = m->config->mail.uidl_dovecot_format;
	memcpy(m->options.mbox_locks, m->service.mbox_locks,
		sizeof(m->options.mbox_locks));
	m->options.home = m->identity.home;
	m->options.log = mailbox_log;
	m->options.cookie = m;
}

int
mailbox_find(struct mailbox *m, const struct ctl_context *context, const char *target)
{
	int status;

	m->config = settings_load(context);
	if (m->config == NULL ||
		!service_load_mail(&m->service, m->config, &settings_report))
		return EX_CONFIG;
	status = strchr(target, ':') != NULL ? location_find(m, target)
					     : user_find(m, target);
	if (status == 0)
		status = become(m);
	if (status == 0)
		status = existence_check(m);
	if (status == 0)
		options_fill(m);
	return status;
}

enum mail_status
mailbox_lock(struct mailbox *m)
{
	return m->location.ops->open(&m->store, -1, m->location.path, &m->options);
}

enum mail_status
mailbox_load(struct mailbox *m)
{
	return m->location.ops->load(m->store, &m->count);
}

void
mailbox_keep(const struct mailbox *m)
{
	/* Who reads loses nothing with it, and the driver's update() looks for itself. */
	(void)m->location.ops->keep(m->store);
}

int
mailbox_open(struct mailbox *m)
{
	enum mail_status status = mailbox_lock(m);

	if (status == MAIL_OK)
		status = mailbox_load(m);
	return status == MAIL_OK ? 0 : mailbox_status(m, status);
}

int
mailbox_status(const struct mailbox *m, enum mail_status status)
{
	const char *path = m->location.path;

	switch (status) {
	case MAIL_OK:
	case MAIL_EARLY: /* for clients only, see options_fill() */
		break;
	case MAIL_BUSY:
		ctl_error("%s: a POP3 session is using the maildrop [IN-USE]", path);
		return EX_TEMPFAIL;
	case MAIL_GONE:
		ctl_error("%s: a message has vanished meanwhile", path);
		return EX_TEMPFAIL;
	case MAIL_CHANGED:
		ctl_error("%s: another program has changed the maildrop meanwhile", path);
		return EX_TEMPFAIL;
	case MAIL_LIMIT:
		ctl_error("%s: there are too many messages", path);
		return EX_DATAERR;
	case MAIL_TEMP:
		ctl_error("%s: the maildrop cannot be read now", path);
		return EX_TEMPFAIL;
	case MAIL_PERM:
		ctl_error("%s: the maildrop cannot be used", path);
		return EX_NOPERM;
	}
	return 0;
}

void
mailbox_close(struct mailbox *m)
{
	if (m->store != NULL)
		m->location.ops->close(m->store);
	m->store = NULL;
	config_free(m->config);
	m->config = NULL;
}
