/*
 * The monitor asks the listener, who counts connections by address, whether one may go on
 * now that it is known whom it really is from; and tells it when a client has logged in.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>

#include "pop3d/children.h"
#include "pop3d/connection.h"

/*
 * In the monitor: false if there are too many from that address.  Without a listener the
 * super-server counts, as well as it can; one that gives no answer, since it is executing
 * itself anew, has admitted the connection when it accepted it.
 */
bool gate_ask(const struct connection *connection);

/* In the monitor: the client has logged in, and does not count as half-open any more. */
void gate_logged_in(const struct service *service);

/*
 * In the listener: answer one question, or take one message, that has come by the
 * channel.  The child gets the address that it gives in any case, so that the next one
 * sees it.
 */
void gate_answer(int channel, struct children *children, uint64_t most);

#endif
