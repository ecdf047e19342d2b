#include "pop3d/tls/info.h"

#include <string.h>

static void
put_binding(struct ipc_message *message, const struct tls_binding *binding)
{
	ipc_put_bytes(message, binding->data, binding->n);
}

static void
get_binding(struct ipc_message *message, struct tls_binding *binding)
{
	size_t n;
	const unsigned char *p = ipc_get_bytes(message, &n);

	if (p == NULL || n > sizeof(binding->data)) {
		message->bad = true;
		return;
	}
	memcpy(binding->data, p, n);
	binding->n = n;
}

static bool
get_flag(struct ipc_message *message)
{
	uint32_t value = ipc_get_number(message);

	if (value > 1)
		message->bad = true;
	return value == 1;
}

/* A text that goes into log lines, and is compared with names. */
static void
get_plain(struct ipc_message *message, char *buf, size_t size)
{
	ipc_get_text(message, buf, size);
	for (const char *p = buf; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			message->bad = true;
}

static void
put_certificate(struct ipc_message *message, const struct tls_certificate *certificate)
{
	ipc_put_number(message, certificate->verified ? 1 : 0);
	ipc_put_text(message, certificate->common_name);
	ipc_put_text(message, certificate->subject);
	ipc_put_text(message, certificate->fingerprint);
	ipc_put_number(message, certificate->emails_left_out ? 1 : 0);
	ipc_put_number(message, (uint32_t)certificate->n_emails);
	for (size_t i = 0; i < certificate->n_emails; i++)
		ipc_put_text(message, certificate->emails[i]);
}

/* Whoever has no verified certificate has no names of one either. */
static bool
is_consistent(const struct tls_certificate *certificate)
{
	size_t digits = strspn(certificate->fingerprint, "0123456789abcdef");

	if (certificate->verified)
		return digits == sizeof(certificate->fingerprint) - 1;
	return certificate->common_name[0] == '\0' && certificate->subject[0] == '\0' &&
	       certificate->fingerprint[0] == '\0' && certificate->n_emails == 0;
}

static void
get_certificate(struct ipc_message *message, struct tls_certificate *certificate)
{
	certificate->verified = get_flag(message);
	get_plain(message, certificate->common_name, sizeof(certificate->common_name));
	get_plain(message, certificate->subject, sizeof(certificate->subject));
	get_plain(message, certificate->fingerprint, sizeof(certificate->fingerprint));
	certificate->emails_left_out = get_flag(message);
	certificate->n_emails = ipc_get_number(message);
	if (certificate->n_emails > TLS_EMAILS_MAX || !is_consistent(certificate))
		message->bad = true;
	for (size_t i = 0; !message->bad && i < certificate->n_emails; i++)
		get_plain(
			message, certificate->emails[i], sizeof(certificate->emails[i]));
}

void
tls_info_put(struct ipc_message *message, const struct tls_info *info)
{
	ipc_put_text(message, info->protocol);
	ipc_put_text(message, info->cipher);
	ipc_put_text(message, info->sni);
	ipc_put_number(message, info->resumed ? 1 : 0);
	put_binding(message, &info->exporter);
	put_binding(message, &info->unique);
	put_binding(message, &info->end_point);
	put_certificate(message, &info->certificate);
}

bool
tls_info_get(struct ipc_message *message, struct tls_info *info)
{
	memset(info, 0, sizeof(*info));
	get_plain(message, info->protocol, sizeof(info->protocol));
	get_plain(message, info->cipher, sizeof(info->cipher));
	get_plain(message, info->sni, sizeof(info->sni));
	info->resumed = get_flag(message);
	get_binding(message, &info->exporter);
	get_binding(message, &info->unique);
	get_binding(message, &info->end_point);
	get_certificate(message, &info->certificate);
	if (message->bad)
		memset(info, 0, sizeof(*info));
	return !message->bad;
}
