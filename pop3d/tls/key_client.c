#include "pop3d/tls/key_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/clock.h"
#include "pop3d/tls/key_provider.h"

#define ANSWER_SECONDS 30

static struct {
	int channel;
	int64_t deadline;
	bool failed;
} client = {.channel = -1};

void
key_client_use(int channel, int64_t deadline)
{
	client.channel = channel;
	client.deadline = deadline;
	client.failed = false;
}

bool
key_client_failed(void)
{
	return client.failed;
}

static bool
receive(struct ipc_message *message)
{
	struct pollfd p = {.fd = client.channel, .events = POLLIN};
	int64_t deadline =
		client.deadline != 0 ? client.deadline : clock_after(ANSWER_SECONDS);
	int ready;

	do
		ready = poll(&p, 1, clock_left(deadline));
	while (ready < 0 && errno == EINTR);
	return ready > 0 && ipc_receive(client.channel, message) == 1;
}

/* Append octets to what there is. */
static bool
append(unsigned char **data, size_t *n, const unsigned char *more, size_t more_n)
{
	unsigned char *larger = realloc(*data, *n + more_n + 1);

	if (larger == NULL)
		return false;
	memcpy(larger + *n, more, more_n);
	*data = larger;
	*n += more_n;
	return true;
}

static bool
take_certificates(struct ipc_message *message, struct material_file *file)
{
	size_t n;
	const unsigned char *p = ipc_get_bytes(message, &n);

	return ipc_end(message) && append(&file->data, &file->n, p, n);
}

static bool
take_half(struct ipc_message *message, struct material_file *file)
{
	char wrong[128];
	size_t n;
	const unsigned char *p;

	ipc_get_text(message, wrong, sizeof(wrong));
	p = ipc_get_bytes(message, &n);
	if (!ipc_end(message))
		return false;
	if (wrong[0] == '\0')
		return append(&file->half, &file->n_half, p, n);
	file->wrong = strdup(wrong);
	return file->wrong != NULL;
}

const char *
key_client_open(struct material *material, size_t file)
{
	static struct ipc_message message;
	struct material_file *f = &material->files[file];
	bool good;

	if (f->half != NULL || f->wrong != NULL)
		return f->wrong;
	ipc_begin(&message, IPC_KEY_OPEN);
	ipc_put_number(&message, (uint32_t)file);
	/* One that could not begin has ended, and left word why. */
	(void)ipc_send(client.channel, &message);
	good = receive(&message);
	while (good && ipc_type(&message) == IPC_KEY_CERTIFICATES)
		good = take_certificates(&message, f) && receive(&message);
	if (!good || ipc_type(&message) != IPC_KEY_OPENED || !take_half(&message, f))
		return "the key process does not answer";
	return f->wrong;
}

EVP_PKEY *
key_client_key(const struct material *material, size_t file)
{
	const struct material_file *f = &material->files[file];

	return key_provider_key((uint32_t)file, f->half, f->n_half);
}

bool
key_client_sign(const struct key_request *request, unsigned char *signature, size_t *n)
{
	static struct ipc_message message;
	const unsigned char *p;
	size_t got;

	key_request_put(&message, request);
	if (!ipc_send(client.channel, &message) || !receive(&message) ||
		ipc_type(&message) != IPC_KEY_SIGNED) {
		client.failed = true;
		return false;
	}
	p = ipc_get_bytes(&message, &got);
	if (!ipc_end(&message) || got == 0 || got > *n)
		return false;
	memcpy(signature, p, got);
	*n = got;
	return true;
}
