/* Builds and reads the header of a frame (RFC 6455, section 5.2). */

#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { MASK_SIZE = 4, MAX_HEADER_SIZE = 10 + MASK_SIZE, MAX_CONTROL_SIZE = 125 };

struct frame {
    uint64_t size;
    int opcode;
    bool fin, rsv1, masked;
    unsigned char mask[MASK_SIZE];
};

/* The header's bytes, at most MAX_HEADER_SIZE, written to `to`. */
size_t build_header(unsigned char *to, const struct frame *frame);

/* The size of the header that starts at `data`; 0: more bytes are needed. */
size_t parse_header(const unsigned char *data, size_t size, struct frame *frame);

/* Mask or unmask in place; both are the same. */
void apply_mask(unsigned char *data, size_t size, const unsigned char *mask);

#endif
