/* In goes a text piece by piece, out comes whether it can still be UTF-8: RFC 3629, section 4. */
#ifndef AIOWS_UTF8_H
#define AIOWS_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "masking.h"

/* The character in whose midst the last piece ended: how many of its bytes are missing, and between
 * what the next one must be. All 0: none. */
typedef struct {
    uint8_t missing;
    uint8_t lowest;
    uint8_t highest;
} aiows_utf8;

/* What the first byte of a character demands of the others; 0: no character begins with it. */
static inline int
aiows_utf8_begin(aiows_utf8 *state, uint8_t first)
{
    if (first < 0xC2 || first > 0xF4)
        return 0; /* a continuation, an overlong form, or beyond U+10FFFF */
    state->missing = (uint8_t)(1 + (first >= 0xE0) + (first >= 0xF0));
    state->lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;  /* lower is overlong */
    state->highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF; /* a surrogate, or beyond */
    return 1;
}

/* How many bytes from `data` on are ASCII, counted in steps of eight. */
static inline size_t
aiows_ascii_words(const uint8_t *data, size_t size)
{
    size_t at = 0;
    uint64_t word;
    while (size - at >= 8) {
        memcpy(&word, data + at, 8);
        if (word & AIOWS_HIGH_BITS)
            break;
        at += 8;
    }
    return at;
}

/* Take the next piece; 0 at the first byte that no text could have. */
static inline int
aiows_utf8_check(aiows_utf8 *state, const uint8_t *data, size_t size)
{
    aiows_utf8 now = *state; /* in registers */
    size_t at = 0;
    while (at < size) {
        uint8_t byte = data[at];
        if (now.missing) {
            if (byte < now.lowest || byte > now.highest)
                return 0;
            now.missing--;
            now.lowest = 0x80;
            now.highest = 0xBF;
            at++;
        } else if (byte < 0x80) {
            size_t skipped = aiows_ascii_words(data + at, size - at);
            at += skipped ? skipped : 1;
        } else if (aiows_utf8_begin(&now, byte)) {
            at++;
        } else {
            return 0;
        }
    }
    *state = now;
    return 1;
}

#endif
