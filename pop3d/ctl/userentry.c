#include "pop3d/ctl/userentry.h"
#include "auth/password_hash.h"
#include "auth/usercdb.h"
#include "auth/useredit.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int
edit_failed(const struct useredit *edit)
{
	ctl_error("%s", edit->error);
	return EX_TEMPFAIL;
}

static int
edit_finish(struct useredit *edit)
{
	if (!useredit_commit(edit))
		return edit_failed(edit);
	if (edit->error[0] != '\0')
		ctl_error("%s", edit->error);
	return 0;
}

static int
edit_refuse(struct useredit *edit, int status, const char *user, const char *why)
{
	useredit_abort(edit);
	ctl_error("%s: %s", user, why);
	return status;
}

/* Begin an edit and go to the first entry of the user. */
static bool
edit_begin(struct useredit *edit, const struct passwd_options *options, bool create,
	struct userfile_reader *reader, struct auth_span *line,
	enum userfile_status *status)
{
	if (!useredit_begin(edit, options->file, create))
		return false;
	*status = USERFILE_END;
	if (edit->fd < 0)
		return true;
	userfile_start(reader, edit->fd);
	*status = userfile_find(reader, options->user, line);
	return true;
}

bool
userentry_compose(const struct passwd_options *options, const char *secret,
	char text[USERFILE_LINE_MAX], size_t *n)
{
	struct userfile_entry entry;
	const char *fault;
	int length;

	length = snprintf(text, USERFILE_LINE_MAX, "%s:%s:%s:%s::%s::%s%s%s%s%s\n",
		options->user, secret, options->uid, options->gid, options->home,
		options->mail[0] != '\0' ? "userdb_mail=" : "", options->mail,
		options->mail[0] != '\0' && options->keys[0] != '\0' ? " " : "",
		options->keys[0] != '\0' ? "scram=" : "", options->keys);
	if (length < 0 || (size_t)length >= USERFILE_LINE_MAX) {
		ctl_error("the entry is too long");
		return false;
	}
	*n = (size_t)length;
	/* Whatever pop3d would not take must not get into the file. */
	fault = userfile_parse(
		(struct auth_span){(const unsigned char *)text, *n - 1}, &entry);
	if (fault != NULL)
		ctl_error("%s", fault);
	return fault == NULL;
}

/* Ends the edit, as every function below does. */
static int
edit_append(struct useredit *edit, const struct passwd_options *options, const char *text,
	size_t n)
{
	unsigned char last = '\n';
	bool good = true;

	/* An editor may have left the last line without its end. */
	if (edit->st.st_size > 0 && pread(edit->fd, &last, 1, edit->st.st_size - 1) != 1)
		return edit_refuse(edit, EX_TEMPFAIL, options->file, "cannot be read");
	if (last != '\n')
		good = useredit_splice(edit, edit->st.st_size, edit->st.st_size, "\n", 1);
	if (!good || !useredit_splice(edit, edit->st.st_size, edit->st.st_size, text, n))
		return edit_failed(edit);
	return edit_finish(edit);
}

static int
edit_replace(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const char *secret)
{
	if (!useredit_password(edit, reader, line, secret))
		return edit_failed(edit);
	return edit_finish(edit);
}

/* The user's line cannot be worked on. */
static int
edit_unfit(struct useredit *edit, const struct passwd_options *options,
	enum userfile_status status)
{
	return edit_refuse(edit, EX_TEMPFAIL, options->user,
		status == USERFILE_LONG ? "the line is too long"
					: "the file cannot be read");
}

int
userentry_add(const struct passwd_options *options, const char *text, size_t n)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;

	if (!edit_begin(&edit, options, true, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_ERROR)
		return edit_unfit(&edit, options, status);
	if (status != USERFILE_END)
		return edit_refuse(&edit, CTL_NO, options->user, "there is such a user");
	return edit_append(&edit, options, text, n);
}

int
userentry_replace(const struct passwd_options *options, const char *secret)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;

	if (!edit_begin(&edit, options, false, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_END)
		return edit_refuse(&edit, CTL_NO, options->user, "no such user");
	if (status != USERFILE_LINE)
		return edit_unfit(&edit, options, status);
	return edit_replace(&edit, &reader, line, secret);
}

/* A user whose password stands there as SCRAM keys keeps them in that place. */
static int
edit_password(struct useredit *edit, const struct userfile_reader *reader,
	struct auth_span line, const struct userentry_secret *secret)
{
	struct userfile_entry entry;
	bool both = secret->form == USERENTRY_BOTH;
	bool have = secret->keys[0] != '\0';
	bool keys = have && (secret->form == USERENTRY_KEYS ||
				    (!both && userfile_parse(line, &entry) == NULL &&
					    password_scheme_keys(entry.password).n > 0));
	const char *beside =
		keys || !have ? NULL : secret->keys + strlen(USERENTRY_SCRAM);

	if (!useredit_password(edit, reader, line, keys ? secret->keys : secret->hash) ||
		!useredit_keys(edit, reader, line, beside, both))
		return edit_failed(edit);
	return edit_finish(edit);
}

int
userentry_password(
	const struct passwd_options *options, const struct userentry_secret *secret)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;

	if (!edit_begin(&edit, options, false, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_END)
		return edit_refuse(&edit, CTL_NO, options->user, "no such user");
	if (status != USERFILE_LINE)
		return edit_unfit(&edit, options, status);
	return edit_password(&edit, &reader, line, secret);
}

int
userentry_compile(const char *file)
{
	struct useredit edit;
	char why[200];
	bool good;

	if (!useredit_begin(&edit, file, false))
		return edit_failed(&edit);
	good = usercdb_compile(edit.dirfd, edit.name, edit.fd, why, sizeof(why));
	useredit_abort(&edit);
	if (!good)
		ctl_error("%s.cdb: %s", file, why);
	return good ? 0 : EX_TEMPFAIL;
}

int
userentry_set(const struct passwd_options *options, const char *secret)
{
	char text[USERFILE_LINE_MAX];
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;
	size_t n;

	if (!userentry_compose(options, secret, text, &n))
		return EX_USAGE;
	if (!edit_begin(&edit, options, true, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_END)
		return edit_append(&edit, options, text, n);
	if (status != USERFILE_LINE)
		return edit_unfit(&edit, options, status);
	if (options->uid[0] != '\0' || options->gid[0] != '\0' ||
		options->home[0] != '\0' || options->mail[0] != '\0')
		return edit_refuse(&edit, CTL_NO, options->user,
			"there is such a user, whose entry keeps its other fields");
	return edit_replace(&edit, &reader, line, secret);
}

int
userentry_delete(const struct passwd_options *options)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;
	bool found = false;

	if (!edit_begin(&edit, options, false, &reader, &line, &status))
		return edit_failed(&edit);
	while (status == USERFILE_LINE) {
		found = true;
		if (!useredit_splice(&edit, reader.line_start, reader.line_end, "", 0))
			return edit_failed(&edit);
		status = userfile_find(&reader, options->user, &line);
	}
	if (status == USERFILE_LONG)
		return edit_refuse(
			&edit, EX_TEMPFAIL, options->user, "a line is too long");
	if (status == USERFILE_ERROR)
		return edit_refuse(&edit, EX_TEMPFAIL, options->file, "cannot be read");
	if (!found)
		return edit_refuse(&edit, CTL_NO, options->user, "no such user");
	return edit_finish(&edit);
}
