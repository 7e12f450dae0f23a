/* One connection of the generator: it sends messages by their numbers, and checks the replies. */

#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "frames.h"
#include "message.h"

struct connection {
    int fd;
    int number;
    uint32_t asked, answered; /* messages; at a fan-out all count as asked that will come */
    int64_t asked_at;         /* nanoseconds of the clock that the kernel stamps packets by */
    unsigned char *outgoing;  /* frames, of which the first `sent` bytes have gone */
    size_t outgoing_size, outgoing_room, sent;
    unsigned char header[MAX_HEADER_SIZE];
    size_t header_size;
    struct frame frame; /* the one that is arriving; `left` bytes of it have not */
    uint64_t left;
    bool is_in_frame;
    int message_opcode;
    bool is_deflated;
    z_stream *inflater; /* NULL: not negotiated */
    unsigned char control[MAX_CONTROL_SIZE];
    size_t control_size;
    struct reply reply;
};

/* Connect; false: the server does not take the permessage-deflate that was asked for. */
bool connect_to_server(struct connection *connection, int number, int port, const char *path, bool deflate);

/* Send messages `first` to `first + count - 1`, as much as the socket takes. */
void send_messages(struct connection *connection, uint32_t first, uint32_t count, int opcode);

/* Send on what the socket did not take; whether all has gone. */
bool send_rest(struct connection *connection);

/* Read all that has arrived; ends the process with a message if it is not what should come. */
void read_replies(struct connection *connection);

int64_t now(void);

#endif
