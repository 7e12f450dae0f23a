/* Connects to a server and upgrades the connection to WebSocket; the server's answer to a key. */

#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>

/* Connect to 127.0.0.1 and upgrade. `number` spreads many connections over the addresses 127.0.0.x.
   `deflate` goes in as whether to offer permessage-deflate, out as whether the server takes it.
   Ends the process with a message if the server refuses. */
int open_websocket(int port, const char *path, int number, bool *deflate);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key of 24 characters (RFC 6455, section 4.2.2). */
void accept_key(char answer[29], const char *key);

/* What the generator's handshakes all send: the RFC's example. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#endif
