/*
 * A message on its way into an mbox and out of it again, byte by byte the same.
 *
 * Three things cannot be put into an mbox as they are: a line that begins with "From ",
 * for some program will take it for the next message; a last line without a line end;
 * and flags, which a Maildir has in the file's name.  So in an mbox, and only there:
 *
 *	if any line begins with "From ", each line of '>'s and "From " gets one more '>'
 *	(as in the variant "mboxrd");
 *	a last line without a line end gets one;
 *	flags other than those that the message's own fields Status and X-Status say are
 *	put into such fields at its beginning.
 *
 * Which of these were done stands in the sender of the From_ line, as pop3d-convert+cut
 *or the like.  On the way out only what stands there is undone: whatever other programs
 * have put into an mbox stays as it is, quoted or not.
 *
 * Pure: no file is touched here.
 */
#ifndef CONVERT_CODEC_H
#define CONVERT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONVERT_SENDER "pop3d-convert"

enum convert_form {
	CONVERT_QUOTED = 1u << 0,
	CONVERT_CUT = 1u << 1,
	CONVERT_FLAGS = 1u << 2,
};

/* Takes the next bytes; false stops, for a reason it knows. */
typedef bool convert_sink(void *cookie, const unsigned char *p, size_t n);

/* Quotes lines or takes quoting back, in chunks of any size.  Start with zeroed memory.
 */
struct convert_quote {
	bool undo;
	bool inside;     /* of a line that needs nothing any more */
	uint64_t arrows; /* '>' at the line's beginning that are held back */
	size_t matched;  /* of "From " behind them, held back too */
};

bool convert_quote_feed(struct convert_quote *quote, const unsigned char *p, size_t n,
	convert_sink *sink, void *cookie);

/* All is fed: let go what is held back. */
bool convert_quote_end(struct convert_quote *quote, convert_sink *sink, void *cookie);

/* Undoes all that `form` says.  Start with zeroed memory, but for form. */
struct convert_decoder {
	unsigned form;
	bool begun;              /* what stands at the beginning was judged */
	unsigned char head[128]; /* the beginning, while it is not */
	size_t head_octets;
	bool line_end; /* held back, for it may be the last byte */
	struct convert_quote quote;
	convert_sink *sink;
	void *cookie;
};

bool convert_decode(struct convert_decoder *decoder, const unsigned char *p, size_t n);
bool convert_decode_end(struct convert_decoder *decoder);

/* Looks for lines that begin with "From ".  Start with zeroed memory. */
struct convert_seeker {
	bool inside;
	size_t matched;
	bool found;
};

void convert_seek(struct convert_seeker *seeker, const unsigned char *p, size_t n);

/*
 * The sender for a From_ line, which says what was done; if that is nothing it is
 * `envelope` (n octets), if that is fit to stand there.
 */
#define CONVERT_SENDER_SIZE 256u
void convert_sender(unsigned form, const unsigned char *envelope, size_t n,
	char sender[CONVERT_SENDER_SIZE]);

/* What the From_ line of n octets at p says was done. */
unsigned convert_form(const char *p, size_t n);

/*
 * Octets of the fields that CONVERT_FLAGS has put at the beginning of n bytes at p; 0 if
 * some program has removed them since.
 */
size_t convert_fields(const unsigned char *p, size_t n);

/* Flags (enum mail_flag) as the header at the beginning of n bytes at p has them: with
 * any, also OLD. */
unsigned convert_flags_read(const unsigned char *p, size_t n);

/*
 * The fields for flags, with their line ends: at most 63 octets.  Without `both` there is
 * no X-Status that would be empty; it is needed before a message that begins with one.
 */
size_t convert_flags_write(unsigned flags, bool both, char fields[64]);

/* Whether the message of n bytes at p needs both. */
bool convert_flags_both(const unsigned char *p, size_t n);

#endif
