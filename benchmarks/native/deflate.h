/* Compresses and decompresses messages for permessage-deflate (RFC 7692, section 7.2). */

#ifndef DEFLATE_H
#define DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

/* The compressed payload, at most compressed_bound(size) bytes, written to `to`; no message needs another one. */
size_t compress_message(unsigned char *to, const unsigned char *data, size_t size);
size_t compressed_bound(size_t size);

/* What one connection remembers of the messages before. */
z_stream *new_inflater(void);

typedef bool take_inflated(void *whose, const unsigned char *data, size_t size);

/* Inflate a piece of a message and hand on what comes of it; false: it is no deflated data, or `take` said so. */
bool inflate_piece(z_stream *inflater, const unsigned char *data, size_t size, take_inflated *take, void *whose);

/* The same for what every message leaves out at its end. */
bool inflate_end(z_stream *inflater, take_inflated *take, void *whose);

#endif
