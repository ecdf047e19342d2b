#include "pop3d/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void
set_ipv4(struct address *address, const struct in_addr *in)
{
	if (inet_ntop(AF_INET, in, address->text, sizeof(address->text)) == NULL)
		address->text[0] = '\0';
	memcpy(address->network, address->text, sizeof(address->network));
	address->local = (ntohl(in->s_addr) >> 24) == IN_LOOPBACKNET;
}

static void
set_ipv6(struct address *address, const struct sockaddr_in6 *in)
{
	struct in6_addr network = in->sin6_addr;
	struct in_addr mapped;

	if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
		memcpy(&mapped, in->sin6_addr.s6_addr + 12, sizeof(mapped));
		set_ipv4(address, &mapped);
		return;
	}
	if (inet_ntop(AF_INET6, &in->sin6_addr, address->text, sizeof(address->text)) ==
		NULL)
		address->text[0] = '\0';
	/* One customer has at least so many addresses. */
	memset(network.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &network, address->network, sizeof(address->network)) ==
		NULL)
		address->network[0] = '\0';
	address->local = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
}

void
address_set(struct address *address, const struct sockaddr *sa, socklen_t n)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(address, 0, sizeof(*address));
	if (n >= sizeof(in) && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		address->port = ntohs(in.sin_port);
		set_ipv4(address, &in.sin_addr);
	} else if (n >= sizeof(in6) && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		address->port = ntohs(in6.sin6_port);
		set_ipv6(address, &in6);
	} else {
		address->local = sa->sa_family == AF_UNIX;
	}
}

bool
address_of_text(struct address *address, const char *text, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		address_set(address, (const struct sockaddr *)&in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		address_set(address, (const struct sockaddr *)&in6, sizeof(in6));
	return address->text[0] != '\0';
}

/* A pipe is local; a network socket that cannot say whom it talks to is not. */
static void
of_socket(struct address *address, const struct sockaddr_storage *ss, socklen_t n,
	int result)
{
	if (result == 0) {
		address_set(address, (const struct sockaddr *)ss, n);
		return;
	}
	int error = errno;
	memset(address, 0, sizeof(*address));
	address->local = error == ENOTSOCK;
}

void
address_of_peer(int fd, struct address *address)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	int result = getpeername(fd, (struct sockaddr *)&ss, &n);
	of_socket(address, &ss, n, result);
}

void
address_of_self(int fd, struct address *address)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	int result = getsockname(fd, (struct sockaddr *)&ss, &n);
	of_socket(address, &ss, n, result);
}
