#include "pop3d/tls/setup.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t texts[] = {
	offsetof(struct tls_setup, log),
	offsetof(struct tls_setup, run_directory),
	offsetof(struct tls_setup, root_directory),
	offsetof(struct tls_setup, certificate),
	offsetof(struct tls_setup, key),
	offsetof(struct tls_setup, ocsp),
	offsetof(struct tls_setup, sni),
	offsetof(struct tls_setup, protocols),
	offsetof(struct tls_setup, ciphers),
	offsetof(struct tls_setup, ciphersuites),
	offsetof(struct tls_setup, groups),
	offsetof(struct tls_setup, client_ca),
	offsetof(struct tls_setup, client_crl),
	offsetof(struct tls_setup, ticket_keys),
};

static const size_t numbers[] = {
	offsetof(struct tls_setup, log_level),
	offsetof(struct tls_setup, client_certificate),
	offsetof(struct tls_setup, ticket_lifetime),
	offsetof(struct tls_setup, handshake_seconds),
	offsetof(struct tls_setup, output_seconds),
	offsetof(struct tls_setup, connections),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
put(struct ipc_message *message, const struct tls_setup *setup)
{
	const char *base = (const char *)setup;

	/* A relay of another version would take the fields for others. */
	ipc_put_text(message, POP3D_VERSION);
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *text;
		memcpy(&text, base + texts[i], sizeof(text));
		ipc_put_text(message, text);
	}
	/* Each is below 2^32: the configuration's table sees to that. */
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint64_t number;
		memcpy(&number, base + numbers[i], sizeof(number));
		ipc_put_number(message, (uint32_t)number);
	}
	ipc_put_number(message, setup->root ? 1 : 0);
	ipc_put_number(message, setup->uid);
	ipc_put_number(message, setup->gid);
}

int
tls_setup_write(const struct tls_setup *setup)
{
	struct ipc_message message;
	int fd;

	ipc_begin(&message, IPC_RELAY);
	put(&message, setup);
	if (message.bad) {
		errno = EMSGSIZE;
		return -1;
	}
	fd = memfd_create("pop3d-tls-setup", MFD_CLOEXEC);
	if (fd >= 0 && pwrite(fd, message.data, message.n, 0) != (ssize_t)message.n) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* A text in place, moved over its own length: so there is room for the NUL it lacks. */
static const char *
take_text(struct ipc_message *message)
{
	size_t n;
	const unsigned char *p = ipc_get_bytes(message, &n);
	unsigned char *to;

	if (p == NULL || memchr(p, '\0', n) != NULL) {
		message->bad = true;
		return "";
	}
	to = message->data + (p - message->data) - sizeof(uint32_t);
	memmove(to, p, n);
	to[n] = '\0';
	return (const char *)to;
}

static void
take(struct ipc_message *message, struct tls_setup *setup)
{
	char *base = (char *)setup;

	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *text = take_text(message);
		memcpy(base + texts[i], &text, sizeof(text));
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint64_t number = ipc_get_number(message);
		memcpy(base + numbers[i], &number, sizeof(number));
	}
	setup->root = ipc_get_number(message) == 1;
	setup->uid = ipc_get_number(message);
	setup->gid = ipc_get_number(message);
}

const char *
tls_setup_read(int fd, struct ipc_message *message, struct tls_setup *setup)
{
	char version[64];
	ssize_t n = pread(fd, message->data, sizeof(message->data), 0);

	memset(setup, 0, sizeof(*setup));
	if (n <= 0)
		return "there is no setup; this program is started by pop3d";
	message->n = (size_t)n;
	message->at = 1;
	message->bad = false;
	ipc_get_text(message, version, sizeof(version));
	if (message->bad || strcmp(version, POP3D_VERSION) != 0)
		return "pop3d and pop3d-tls are of different versions";
	take(message, setup);
	return ipc_end(message) ? NULL : "the setup is malformed";
}
