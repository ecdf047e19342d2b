/*
 * Numeric addresses of a connection.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX 64u

struct address {
	char text[ADDRESS_TEXT_MAX];    /* numeric; "" where there is none (pipes, UNIX
					   sockets) */
	char network[ADDRESS_TEXT_MAX]; /* whom limits are for: the address, /64 for IPv6
					 */
	uint16_t port;
	bool local; /* loopback, or no network at all */
};

/* From a socket address; an IPv4-mapped one counts as IPv4. */
void address_set(struct address *address, const struct sockaddr *sa, socklen_t n);

/*
 * From a numeric IPv4 or IPv6 address as text, and a port.  False, and all of it empty,
 * if the text is none.
 */
bool address_of_text(struct address *address, const char *text, uint16_t port);

/* Both ends of a socket; anything else is local without a text. */
void address_of_peer(int fd, struct address *address);
void address_of_self(int fd, struct address *address);

#endif
