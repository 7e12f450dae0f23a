/* Builds and reads the header of a frame (RFC 6455, section 5.2). */

#include "frames.h"

#include <endian.h>
#include <string.h>

enum { FIN = 0x80, RSV1 = 0x40, MASKED = 0x80, MEDIUM = 126, LONG = 127 };

static size_t build_size(unsigned char *to, uint64_t size)
{
    if (size < MEDIUM) {
        to[0] = (unsigned char)size;
        return 1;
    }
    if (size < 65536) {
        uint16_t medium = htobe16((uint16_t)size);
        to[0] = MEDIUM;
        memcpy(to + 1, &medium, sizeof medium);
        return 1 + sizeof medium;
    }
    uint64_t large = htobe64(size);
    to[0] = LONG;
    memcpy(to + 1, &large, sizeof large);
    return 1 + sizeof large;
}

size_t build_header(unsigned char *to, const struct frame *frame)
{
    to[0] = (unsigned char)(frame->opcode | (frame->fin ? FIN : 0) | (frame->rsv1 ? RSV1 : 0));
    size_t size = 1 + build_size(to + 1, frame->size);
    if (!frame->masked)
        return size;
    to[1] |= MASKED;
    memcpy(to + size, frame->mask, MASK_SIZE);
    return size + MASK_SIZE;
}

static uint64_t parse_size(const unsigned char *extended, int length)
{
    uint16_t medium;
    uint64_t large;
    switch (length) {
    case MEDIUM:
        memcpy(&medium, extended, sizeof medium);
        return be16toh(medium);
    case LONG:
        memcpy(&large, extended, sizeof large);
        return be64toh(large);
    default:
        return (uint64_t)length;
    }
}

size_t parse_header(const unsigned char *data, size_t size, struct frame *frame)
{
    if (size < 2)
        return 0;
    int length = data[1] & 0x7F;
    frame->fin = data[0] & FIN;
    frame->rsv1 = data[0] & RSV1;
    frame->opcode = data[0] & 0x0F;
    frame->masked = data[1] & MASKED;
    size_t mask_at = length == LONG ? 10 : length == MEDIUM ? 4 : 2;
    size_t needed = mask_at + (frame->masked ? MASK_SIZE : 0);
    if (size < needed)
        return 0;
    frame->size = parse_size(data + 2, length);
    if (frame->masked)
        memcpy(frame->mask, data + mask_at, MASK_SIZE);
    return needed;
}

void apply_mask(unsigned char *data, size_t size, const unsigned char *mask)
{
    uint32_t half;
    memcpy(&half, mask, sizeof half);
    uint64_t wide = (uint64_t)half << 32 | half;
    size_t at = 0;
    for (; at + sizeof wide <= size; at += sizeof wide) {
        uint64_t piece;
        memcpy(&piece, data + at, sizeof piece);
        piece ^= wide;
        memcpy(data + at, &piece, sizeof piece);
    }
    for (; at < size; at++)
        data[at] ^= mask[at % MASK_SIZE];
}
