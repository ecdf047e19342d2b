#include "auth/base64.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, -1 for one that is not in the alphabet. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Decode four characters of which the last `pad` are '='. */
static bool
decode_group(const char *text, unsigned pad, unsigned char out[3])
{
	unsigned long bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		int value = i < 4 - pad ? value_of(text[i]) : 0;
		if (value < 0)
			return false;
		bits = bits << 6 | (unsigned long)value;
	}
	out[0] = (unsigned char)(bits >> 16);
	out[1] = (unsigned char)(bits >> 8 & 0xff);
	out[2] = (unsigned char)(bits & 0xff);
	/* The octets that padding leaves out must be zero: one text for one value. */
	return (pad < 1 || out[2] == 0) && (pad < 2 || out[1] == 0);
}

bool
base64_decode(const char *text, size_t n, unsigned char *out, size_t cap, size_t *written)
{
	*written = 0;
	if (n % 4 != 0)
		return false;
	for (size_t i = 0; i < n; i += 4) {
		unsigned char group[3];
		unsigned pad = 0;

		if (i + 4 == n && text[i + 3] == '=')
			pad = text[i + 2] == '=' ? 2 : 1;
		if (!decode_group(text + i, pad, group) || cap - *written < 3 - pad)
			return false;
		for (unsigned k = 0; k < 3 - pad; k++)
			out[(*written)++] = group[k];
	}
	return true;
}

size_t
base64_encode(const unsigned char *p, size_t n, char *out)
{
	size_t written = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned long bits = (unsigned long)p[i] << 16;

		if (left > 1)
			bits |= (unsigned long)p[i + 1] << 8;
		if (left > 2)
			bits |= (unsigned long)p[i + 2];
		out[written++] = alphabet[bits >> 18 & 63];
		out[written++] = alphabet[bits >> 12 & 63];
		out[written++] = (char)(left > 1 ? alphabet[bits >> 6 & 63] : '=');
		out[written++] = (char)(left > 2 ? alphabet[bits & 63] : '=');
	}
	return written;
}
