/* The generator's messages, each made from its number, and the check that a reply is the right one. */

#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum task { ECHO, JSON, KINDS, FAN_OUT, IDLE };

struct work {
    enum task task;
    size_t size;
    int opcode;
};

enum { MAX_REPLY = 256 };

/* The part of a reply that has arrived. */
struct reply {
    size_t size;
    char text[MAX_REPLY]; /* JSON and KINDS only: others are compared as they come */
};

void prepare_messages(const struct work *work);

/* The bytes of message `number`, valid until the next call, and their size. */
const unsigned char *make_message(uint32_t number, size_t *size);

/* Whether the next piece is as it should be in the reply to message `number`. */
bool check_piece(struct reply *reply, uint32_t number, const unsigned char *data, size_t size);

/* Whether the reply was all of it; forgets it. */
bool check_end(struct reply *reply, uint32_t number, int opcode);

#endif
