#include "pop3d/ctl/passwd.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/password_hash.h"
#include "auth/userfile.h"
#include "pop3d/ctl/passwd_options.h"
#include "pop3d/ctl/prompt.h"
#include "pop3d/ctl/useredit.h"

/* Ask for a new password and hash it.  Returns 0 or an exit status. */
static int
hash_ask(char hash[PASSWORD_HASH_SIZE])
{
	struct prompt_password password;
	const char *fault;
	bool made;

	if (!password_hash_start()) {
		ctl_error("libsodium cannot be initialised");
		return EX_TEMPFAIL;
	}
	fault = prompt_password("New password: ", true, &password);
	if (fault != NULL) {
		ctl_error("%s", fault);
		return EX_USAGE;
	}
	made = password_hash_make(hash, (struct auth_span){password.p, password.n});
	explicit_bzero(&password, sizeof(password));
	if (made)
		return 0;
	ctl_error("not enough memory to hash a password");
	return EX_TEMPFAIL;
}

static int
edit_failed(const struct useredit *edit)
{
	ctl_error("%s", edit->error);
	return EX_TEMPFAIL;
}

static int
edit_finish(struct useredit *edit)
{
	return useredit_commit(edit) ? 0 : edit_failed(edit);
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

static bool
line_compose(const struct passwd_options *options, const char *hash,
	char text[USERFILE_LINE_MAX], size_t *n)
{
	struct userfile_entry entry;
	const char *fault;
	int length;

	length = snprintf(text, USERFILE_LINE_MAX, "%s:%s:%s:%s::%s::%s%s\n",
		options->user, hash, options->uid, options->gid, options->home,
		options->mail[0] != '\0' ? "userdb_mail=" : "", options->mail);
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

static int
entry_append(const struct passwd_options *options, const char *text, size_t n)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;
	unsigned char last = '\n';
	bool good = true;

	if (!edit_begin(&edit, options, true, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_ERROR)
		return edit_refuse(&edit, EX_TEMPFAIL, options->file, "cannot be read");
	if (status != USERFILE_END)
		return edit_refuse(&edit, CTL_NO, options->user, "there is such a user");
	/* An editor may have left the last line without its end. */
	if (edit.st.st_size > 0 && pread(edit.fd, &last, 1, edit.st.st_size - 1) != 1)
		return edit_refuse(&edit, EX_TEMPFAIL, options->file, "cannot be read");
	if (last != '\n')
		good = useredit_splice(&edit, edit.st.st_size, edit.st.st_size, "\n", 1);
	if (!good || !useredit_splice(&edit, edit.st.st_size, edit.st.st_size, text, n))
		return edit_failed(&edit);
	return edit_finish(&edit);
}

int
passwd_add(const struct ctl_context *context, int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE], text[USERFILE_LINE_MAX];
	struct passwd_options options;
	size_t n;
	int status;

	status = passwd_options_read(context, argc, argv, "d:f:g:m:u:", 0, &options);
	/* Say what is wrong with the rest before a password is typed in. */
	if (status == 0 && !line_compose(&options, "", text, &n))
		status = EX_USAGE;
	if (status == 0)
		status = hash_ask(hash);
	if (status == 0) {
		status = line_compose(&options, hash, text, &n)
				 ? entry_append(&options, text, n)
				 : EX_USAGE;
		explicit_bzero(hash, sizeof(hash));
		explicit_bzero(text, sizeof(text));
	}
	passwd_options_free(&options);
	return status;
}

/* Put the hash where the old one is; everything else in the line stays as it is. */
static int
hash_replace(const struct passwd_options *options, const char *hash)
{
	struct userfile_reader reader;
	enum userfile_status status;
	struct useredit edit;
	struct auth_span line;
	const unsigned char *start, *end;
	off_t from, to;

	if (!edit_begin(&edit, options, false, &reader, &line, &status))
		return edit_failed(&edit);
	if (status == USERFILE_END)
		return edit_refuse(&edit, CTL_NO, options->user, "no such user");
	if (status != USERFILE_LINE)
		return edit_refuse(&edit, EX_TEMPFAIL, options->user,
			status == USERFILE_LONG ? "the line is too long"
						: "the file cannot be read");
	start = memchr(line.p, ':', line.n);
	from = reader.line_start + (off_t)line.n;
	to = from;
	if (start != NULL) {
		start++;
		from = reader.line_start + (start - line.p);
		end = memchr(start, ':', line.n - (size_t)(start - line.p));
		to = end != NULL ? from + (end - start) : to;
	} else if (!useredit_splice(&edit, from, from, ":", 1)) {
		return edit_failed(&edit);
	}
	if (!useredit_splice(&edit, from, to, hash, strlen(hash)))
		return edit_failed(&edit);
	return edit_finish(&edit);
}

int
passwd_change(const struct ctl_context *context, int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE];
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, argc, argv, "f:", 0, &options);
	if (status == 0)
		status = hash_ask(hash);
	if (status == 0) {
		status = hash_replace(&options, hash);
		explicit_bzero(hash, sizeof(hash));
	}
	passwd_options_free(&options);
	return status;
}

/* All entries of the name: a second one would come to life when the first is gone. */
static int
entries_delete(const struct passwd_options *options)
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

int
passwd_delete(const struct ctl_context *context, int argc, char **argv)
{
	struct passwd_options options;
	int status;

	status = passwd_options_read(context, argc, argv, "f:", 0, &options);
	if (status == 0)
		status = entries_delete(&options);
	passwd_options_free(&options);
	return status;
}
