#include "pop3d/tls/key_request.h"

#include <string.h>

#define PADDING_OCTETS 64u /* of blanks before a CertificateVerify's text */
#define RANDOMS_OCTETS 64u
#define HASH_LEAST 32u
#define HASH_MOST 64u
#define NAMED_CURVE 3u
#define UNCOMPRESSED 4u

void
key_request_put(struct ipc_message *message, const struct key_request *request)
{
	ipc_begin(message, IPC_KEY_SIGN);
	ipc_put_number(message, request->file);
	ipc_put_number(message, (uint32_t)request->padding);
	ipc_put_text(message, request->digest);
	ipc_put_bytes(message, request->text, request->n);
}

bool
key_request_get(struct ipc_message *message, struct key_request *request, bool old)
{
	uint32_t padding;

	request->file = ipc_get_number(message);
	padding = ipc_get_number(message);
	ipc_get_text(message, request->digest, sizeof(request->digest));
	request->text = ipc_get_bytes(message, &request->n);
	if (!ipc_end(message) || padding > KEY_PADDING_PSS)
		return false;
	request->padding = (enum key_padding)padding;
	return key_text_is_of_tls(request->text, request->n, old);
}

static bool
is_certificate_verify(const unsigned char *text, size_t n)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	const size_t start = PADDING_OCTETS + sizeof(context); /* its NUL included */

	if (n < start + HASH_LEAST || n > start + HASH_MOST)
		return false;
	for (size_t i = 0; i < PADDING_OCTETS; i++)
		if (text[i] != ' ')
			return false;
	return memcmp(text + PADDING_OCTETS, context, sizeof(context)) == 0;
}

/* A curve's number and a point of it, or what stands for one: nothing else fits. */
static bool
is_curve(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char number, octets;
	} curves[] = {{23, 65}, {24, 97}, {25, 133}, {26, 65}, {27, 97}, {28, 129},
		{29, 32}, {30, 56}};
	enum { X25519 = 29 };

	if (n < 5 || p[0] != NAMED_CURVE || p[1] != 0 || n != 4 + (size_t)p[3])
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (p[2] == curves[i].number)
			return p[3] == curves[i].octets &&
			       (p[2] >= X25519 || p[4] == UNCOMPRESSED);
	return false;
}

bool
key_text_is_of_tls(const unsigned char *text, size_t n, bool old)
{
	if (is_certificate_verify(text, n))
		return true;
	return old && n > RANDOMS_OCTETS &&
	       is_curve(text + RANDOMS_OCTETS, n - RANDOMS_OCTETS);
}
