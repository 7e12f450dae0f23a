/* Parses and builds the header of a frame: RFC 6455, section 5.2. */
#ifndef AIOWS_HEADER_H
#define AIOWS_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AIOWS_FIN 0x80
#define AIOWS_RSV1 0x40
#define AIOWS_MASKED 0x80
#define AIOWS_FIRST_CONTROL 0x8
#define AIOWS_MAX_CONTROL_SIZE 125
#define AIOWS_MAX_HEADER_SIZE 14

/* Why a frame is refused; the texts are in refusals.py. */
enum {
    AIOWS_INCOMPLETE = 0,
    AIOWS_BAD_START = -1,
    AIOWS_NO_MASK = -2,
    AIOWS_LONG_CONTROL = -3,
    AIOWS_BAD_LENGTH = -4,
};

typedef struct {
    uint64_t length;
    uint8_t opcode;
    uint8_t fin;
    uint8_t rsv1;
    uint8_t key[4]; /* without a mask: zeros, which change nothing */
} aiows_header;

/* Whether a frame may begin with this byte (RFC 6455, sections 5.2 and 5.5; RFC 7692, section 6.1). */
static inline int
aiows_is_start(uint8_t first, int allow_rsv1)
{
    const uint8_t opcode = first & 0x0F, reserved = first & 0x70;
    if (opcode >= AIOWS_FIRST_CONTROL)
        return opcode <= 0xA && !reserved && (first & AIOWS_FIN);
    if (opcode > 0x2)
        return 0;
    return !reserved || (reserved == AIOWS_RSV1 && allow_rsv1 && opcode);
}

static inline uint64_t
aiows_big_endian(const uint8_t *data, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++)
        number = number << 8 | data[i];
    return number;
}

/* Whether a length needs its form of 16 or 64 bits; the highest of 64 bits must be 0. */
static inline int
aiows_is_length(uint64_t length, int form)
{
    return form == 126 ? length >= 126 : length >= 0x10000 && length < UINT64_C(1) << 63;
}

/* Parse a header into `header` and return its size. Returns AIOWS_INCOMPLETE if more bytes are needed, or why it
 * is refused, as soon as a byte shows that. Reads at most `size` bytes of `data`. */
static inline int
aiows_parse_header(aiows_header *header, const uint8_t *data, size_t size, int allow_rsv1, int require_mask)
{
    if (size < 2)
        return AIOWS_INCOMPLETE;
    const uint8_t first = data[0], masked = data[1] & AIOWS_MASKED;
    const int form = data[1] & ~AIOWS_MASKED;
    const int long_size = form < 126 ? 0 : form == 126 ? 2 : 8;
    const int header_size = 2 + long_size + (masked ? 4 : 0);
    if (!aiows_is_start(first, allow_rsv1))
        return AIOWS_BAD_START;
    if (!masked && require_mask)
        return AIOWS_NO_MASK;
    if (form > AIOWS_MAX_CONTROL_SIZE && (first & AIOWS_FIRST_CONTROL))
        return AIOWS_LONG_CONTROL;
    if (size < (size_t)header_size)
        return AIOWS_INCOMPLETE;
    header->opcode = first & 0x0F;
    header->fin = (first & AIOWS_FIN) != 0;
    header->rsv1 = (first & AIOWS_RSV1) != 0;
    header->length = long_size ? aiows_big_endian(data + 2, long_size) : (uint64_t)form;
    if (long_size && !aiows_is_length(header->length, form))
        return AIOWS_BAD_LENGTH;
    memset(header->key, 0, 4);
    if (masked)
        memcpy(header->key, data + header_size - 4, 4);
    return header_size;
}

/* Write the shortest header for `length` bytes and return its size; `key`: NULL without a mask. */
static inline int
aiows_build_header(uint8_t header[AIOWS_MAX_HEADER_SIZE], uint8_t first, uint64_t length, const uint8_t *key)
{
    const uint8_t masked = key ? AIOWS_MASKED : 0;
    const int long_size = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
    header[0] = first;
    header[1] = masked | (uint8_t)(long_size == 0 ? length : long_size == 2 ? 126 : 127);
    for (int i = 0; i < long_size; i++)
        header[2 + i] = (uint8_t)(length >> 8 * (long_size - 1 - i));
    if (!key)
        return 2 + long_size;
    memcpy(header + 2 + long_size, key, 4);
    return 6 + long_size;
}

#endif
