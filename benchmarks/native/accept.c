/* The server's answer to a client's key: SHA-1 and base64. */

#include "handshake.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, DIGEST = 20 };

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static uint32_t rotate(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

static void add_block(uint32_t state[5], const unsigned char *block)
{
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++) {
        memcpy(&words[i], block + 4 * i, 4);
        words[i] = be32toh(words[i]);
    }
    for (int i = 16; i < 80; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t mix = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                       : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                       : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                : (b ^ c ^ d) + 0xCA62C1D6;
        uint32_t next = rotate(a, 5) + mix + e + words[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* Key and GUID are 60 bytes, which with their end make two blocks. */
static void digest(unsigned char *to, const char *key)
{
    unsigned char blocks[2 * BLOCK] = {0};
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    memcpy(blocks, key, 24);
    memcpy(blocks + 24, GUID, 36);
    blocks[60] = 0x80;
    uint64_t bits = htobe64(60 * 8);
    memcpy(blocks + sizeof blocks - sizeof bits, &bits, sizeof bits);
    add_block(state, blocks);
    add_block(state, blocks + BLOCK);
    for (int i = 0; i < 5; i++)
        state[i] = htobe32(state[i]);
    memcpy(to, state, DIGEST);
}

void accept_key(char answer[29], const char *key)
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[DIGEST + 1] = {0};
    digest(bytes, key);
    for (int i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
        for (int j = 0; j < 4; j++)
            answer[4 * i + j] = ALPHABET[three >> (18 - 6 * j) & 63];
    }
    memcpy(answer + 27, "=", 2);
}
