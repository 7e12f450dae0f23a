/* Compresses and decompresses messages for permessage-deflate (RFC 7692, section 7.2). */

#include "deflate.h"

#include <stdlib.h>

/* RFC 7692, section 7.2.1: these four bytes end every flushed block and are not sent. */
static const unsigned char TAIL[] = {0x00, 0x00, 0xFF, 0xFF};

enum { LEVEL = 6, WINDOW_BITS = 15, MEMORY_LEVEL = 8, PIECE = 65536 };

size_t compressed_bound(size_t size)
{
    return compressBound(size) + sizeof TAIL;
}

size_t compress_message(unsigned char *to, const unsigned char *data, size_t size)
{
    static z_stream *deflater;
    if (!deflater) {
        deflater = calloc(1, sizeof *deflater);
        deflateInit2(deflater, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    }
    deflateReset(deflater);
    deflater->next_in = (unsigned char *)data;
    deflater->avail_in = (unsigned)size;
    deflater->next_out = to;
    deflater->avail_out = (unsigned)compressed_bound(size);
    deflate(deflater, Z_SYNC_FLUSH);
    return deflater->total_out - sizeof TAIL;
}

z_stream *new_inflater(void)
{
    z_stream *inflater = calloc(1, sizeof *inflater);
    inflateInit2(inflater, -WINDOW_BITS);
    return inflater;
}

bool inflate_piece(z_stream *inflater, const unsigned char *data, size_t size, take_inflated *take, void *whose)
{
    static unsigned char piece[PIECE];
    inflater->next_in = (unsigned char *)data;
    inflater->avail_in = (unsigned)size;
    do {
        inflater->next_out = piece;
        inflater->avail_out = sizeof piece;
        int result = inflate(inflater, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR)
            return false;
        if (!take(whose, piece, sizeof piece - inflater->avail_out))
            return false;
    } while (inflater->avail_out == 0);
    return true;
}

bool inflate_end(z_stream *inflater, take_inflated *take, void *whose)
{
    return inflate_piece(inflater, TAIL, sizeof TAIL, take, whose);
}
