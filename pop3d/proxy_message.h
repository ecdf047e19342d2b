/*
 * What a proxy said, on its way from the process that has parsed it to the monitor.
 */
#ifndef PROXY_MESSAGE_H
#define PROXY_MESSAGE_H

#include "pop3d/ipc.h"
#include "pop3d/proxy.h"

void proxy_message_put(struct ipc_message *message, const struct proxy_header *header);

/* False if it is not well formed: the sender may have been taken over. */
bool proxy_message_get(struct ipc_message *message, struct proxy_header *header);

#endif
