#include "pop3d/proxy_message.h"

#include <string.h>

static void
put_address(struct ipc_message *message, const struct address *address)
{
	ipc_put_text(message, address->text);
	ipc_put_number(message, address->port);
}

/* Made anew from its text, so that all of it fits together. */
static bool
get_address(struct ipc_message *message, struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	uint32_t port;

	ipc_get_text(message, text, sizeof(text));
	port = ipc_get_number(message);
	if (port > UINT16_MAX)
		return false;
	return address_of_text(address, text, (uint16_t)port) || text[0] == '\0';
}

static bool
get_flag(struct ipc_message *message)
{
	return ipc_get_number(message) == 1;
}

void
proxy_message_put(struct ipc_message *message, const struct proxy_header *header)
{
	ipc_put_number(message, header->health_check ? 1 : 0);
	ipc_put_number(message, header->addressed ? 1 : 0);
	if (header->addressed) {
		put_address(message, &header->peer);
		put_address(message, &header->self);
	}
	ipc_put_number(message, header->tls ? 1 : 0);
	ipc_put_number(message, header->plain ? 1 : 0);
	ipc_put_text(message, header->protocol);
	ipc_put_text(message, header->cipher);
	ipc_put_text(message, header->sni);
	ipc_put_number(message, header->verified ? 1 : 0);
	ipc_put_text(message, header->common_name);
	ipc_put_text(message, header->session);
}

bool
proxy_message_get(struct ipc_message *message, struct proxy_header *header)
{
	memset(header, 0, sizeof(*header));
	header->health_check = get_flag(message);
	header->addressed = get_flag(message);
	/* A client has an address; the socket that the proxy talks to may have none. */
	if (header->addressed &&
		(!get_address(message, &header->peer) || header->peer.text[0] == '\0' ||
			!get_address(message, &header->self)))
		return false;
	header->tls = get_flag(message);
	header->plain = get_flag(message);
	ipc_get_text(message, header->protocol, sizeof(header->protocol));
	ipc_get_text(message, header->cipher, sizeof(header->cipher));
	ipc_get_text(message, header->sni, sizeof(header->sni));
	header->verified = get_flag(message);
	ipc_get_text(message, header->common_name, sizeof(header->common_name));
	ipc_get_text(message, header->session, sizeof(header->session));
	return ipc_end(message);
}
