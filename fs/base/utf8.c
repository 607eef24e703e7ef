/* utf8.c: one UTF-8 sequence. The first byte says how many follow and narrows the second; all later
 * ones are 0x80 to 0xbf (RFC 3629, section 4). */
#include <qxfs/base/utf8.h>

#include <string.h>

static bool start(struct utf8 *u, unsigned char byte)
{
	*u = (struct utf8){ .low = 0x80, .high = 0xbf };
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;

	u->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	if (byte == 0xe0)
		u->low = 0xa0;
	if (byte == 0xed)
		u->high = 0x9f;
	if (byte == 0xf0)
		u->low = 0x90;
	if (byte == 0xf4)
		u->high = 0x8f;
	return true;
}

bool utf8_step(struct utf8 *u, unsigned char byte)
{
	if (u->left == 0)
		return start(u, byte);
	if (byte < u->low || byte > u->high)
		return false;
	u->left--;
	u->low = 0x80;
	u->high = 0xbf;
	return true;
}

size_t utf8_valid(const char *text, size_t len)
{
	struct utf8 u = { 0 };
	for (size_t i = 0; i < len; i++) {
		if (!utf8_step(&u, (unsigned char)text[i]))
			return 0;
		if (u.left == 0)
			return i + 1;
	}
	return 0;
}

bool utf8_is_control(const char *text)
{
	unsigned char c = (unsigned char)text[0];
	return c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

void utf8_trim(char *text)
{
	size_t len = strlen(text);
	size_t tail = 0; /* continuation bytes at the end */
	while (tail < len && tail < 4 && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == len || (unsigned char)text[len - 1 - tail] < 0x80)
		return;
	if (utf8_valid(text + len - 1 - tail, tail + 1) == 0)
		text[len - 1 - tail] = '\0';
}
