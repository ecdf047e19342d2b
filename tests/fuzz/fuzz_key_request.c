/*
 * Requests for a signature, as a relay that was taken over may write them: whatever is
 * taken must be a text of TLS, whole and no longer than the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/tls/key_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
look_at(const struct key_request *request, const struct ipc_message *message)
{
	check(request->padding <= KEY_PADDING_PSS);
	check(memchr(request->digest, '\0', KEY_DIGEST_MAX) != NULL);
	check(request->text >= message->data && request->n <= message->n);
	check(request->text + request->n == message->data + message->n);
	/* Two randoms at least, or as many blanks. */
	check(request->n > 64);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ipc_message message, again;
	struct key_request request, same;
	uint8_t *text;

	if (size == 0 || size > sizeof(message.data))
		return 0;
	/* The text itself, in memory that ends with it. */
	text = malloc(size);
	check(text != NULL);
	memcpy(text, data, size);
	(void)key_text_is_of_tls(text, size, true);
	free(text);
	memcpy(message.data, data, size);
	message.n = size;
	message.at = 1;
	message.bad = false;
	if (!key_request_get(&message, &request, true))
		return 0;
	look_at(&request, &message);
	/* What was taken can be said again. */
	key_request_put(&again, &request);
	check(key_request_get(&again, &same, true));
	check(same.n == request.n && same.file == request.file &&
		strcmp(same.digest, request.digest) == 0);
	return 0;
}
