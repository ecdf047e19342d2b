#include "pop3d/ctl/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A range of characters that do something in the place of being seen. */
struct range {
	uint32_t first, last;
};

static const struct range harmful[] = {
	{0x00, 0x1F},        /* C0 */
	{0x7F, 0x9F},        /* DEL and C1 */
	{0xAD, 0xAD},        /* soft hyphen */
	{0x61C, 0x61C},      /* Arabic letter mark */
	{0x180E, 0x180E},    /* Mongolian vowel separator */
	{0x200B, 0x200F},    /* no width, direction */
	{0x2028, 0x202E},    /* line and paragraph ends, direction */
	{0x2060, 0x206F},    /* no width, direction */
	{0xD800, 0xF8FF},    /* surrogates, private use */
	{0xFE00, 0xFE0F},    /* variants */
	{0xFEFF, 0xFEFF},    /* byte order mark */
	{0xFFF0, 0xFFFF},    /* specials */
	{0xE0000, 0x10FFFF}, /* tags, private use */
};

static bool
is_harmful(uint32_t character)
{
	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
		if (character >= harmful[i].first && character <= harmful[i].last)
			return true;
	return false;
}

/* The bytes of the character at p, of n bytes; 0 if it is not UTF-8 (RFC 3629). */
static size_t
character_read(const unsigned char *p, size_t n, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80   ? 1
			: p[0] < 0xC2 ? 0
			: p[0] < 0xE0 ? 2
			: p[0] < 0xF0 ? 3
			: p[0] < 0xF5 ? 4
				      : 0;

	if (length == 0 || length > n)
		return 0;
	*character = length == 1 ? p[0] : p[0] & (0xFFu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*character = *character << 6 | (p[i] & 0x3F);
	}
	return *character >= least[length] && *character <= 0x10FFFF ? length : 0;
}

size_t
printable_copy(char *text, size_t size, size_t max, const unsigned char *p, size_t n)
{
	size_t used = 0, count = 0;

	while (n > 0 && count < max) {
		uint32_t character = 0;
		const size_t length = character_read(p, n, &character);
		const bool good = length > 0 && !is_harmful(character);
		const size_t room = good ? length : 1;

		if (used + room >= size)
			break;
		if (good)
			memcpy(text + used, p, length);
		else
			text[used] = '?';
		used += room;
		count++;
		p += length > 0 ? length : 1;
		n -= length > 0 ? length : 1;
	}
	text[used] = '\0';
	return count;
}
