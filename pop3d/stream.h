/*
 * The client's byte stream: a connected socket, or a pair of pipes.
 *
 * All waiting is done here, against deadlines.  Nothing is ever read ahead of what the
 * caller asks for.
 */
#ifndef STREAM_H
#define STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_status {
	STREAM_OK = 0,
	STREAM_EOF,     /* closed in an orderly way */
	STREAM_TIMEOUT, /* the deadline passed */
	STREAM_ERROR,   /* reset, or another error */
	STREAM_STOPPED, /* a signal asked the process to stop, or tick() did */
};

struct stream {
	int in;
	int out;
	bool socket;
	/* Signals let in while waiting (NULL: no change), and the flag their handler
	 * sets. */
	const sigset_t *wait_mask;
	const volatile sig_atomic_t *stop;
	/*
	 * Called every tick_seconds while the peer is waited for, and when that much is
	 * overdue before; false: give up with STREAM_STOPPED.  NULL: nothing to do.
	 */
	bool (*tick)(void *cookie);
	void *tick_cookie;
	uint64_t tick_seconds;
	int64_t tick_at; /* when the next is due */
};

/* Look at what two descriptors are; they may be the same.  A socket gets TCP_NODELAY. */
void stream_init(struct stream *stream, int in, int out);

/* Read between 1 and cap octets. */
enum stream_status stream_read(
	struct stream *stream, void *buf, size_t cap, int64_t deadline, size_t *n);

/*
 * Read up to and including the next LF, or, if there is none among the octets that have
 * arrived, all of these: never an octet behind the LF, nor does buf keep one.
 */
enum stream_status stream_read_line_part(
	struct stream *stream, void *buf, size_t cap, int64_t deadline, size_t *n);

/*
 * Write all of it, giving up when the peer takes nothing for stall_seconds.  more: the
 * caller has more to send at once, so the kernel may wait to fill a packet.
 */
enum stream_status stream_write(struct stream *stream, const void *p, size_t n,
	uint64_t stall_seconds, bool more);

/*
 * The same for the first n octets of a file, which the kernel takes from there by itself;
 * *sent is how many it took.  STREAM_EOF: the file has no more, or cannot be read in this
 * way.  STREAM_ERROR, too, if the stream is no socket.  SIGPIPE must be ignored.
 */
enum stream_status stream_send_file(struct stream *stream, int fd, uint64_t n,
	uint64_t stall_seconds, uint64_t *sent);

/* True if a read would return at once. */
bool stream_has_input(const struct stream *stream);

/*
 * Before closing: say that nothing more will come, and take for a second at most what the
 * client still sends.  A socket closed with unread input would be reset, and a reset can
 * overtake the last reply.
 */
void stream_finish(struct stream *stream);

#endif
