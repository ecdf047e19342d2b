#include "pop3d/capability.h"

#include <string.h>

#include "pop3d/multiline.h"

static void
put_line(struct multiline *m, struct output *output, const char *text)
{
	multiline_put(m, output, text, strlen(text));
	multiline_put(m, output, "\n", 1);
}

void
capability_write(const struct connection *connection, struct output *output)
{
	struct multiline m = {0};

	output_reply(output, 1, NULL, "Capability list follows");
	put_line(&m, output, "TOP");
	put_line(&m, output, "UIDL");
	if (connection->plaintext)
		put_line(&m, output, "USER");
	put_line(&m, output, "RESP-CODES");
	put_line(&m, output, "AUTH-RESP-CODE");
	put_line(&m, output, "PIPELINING");
	put_line(&m, output, "IMPLEMENTATION pop3d");
	multiline_close(&m, output);
}
