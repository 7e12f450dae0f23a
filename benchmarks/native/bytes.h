/* Bytes that grow. */

#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>

struct bytes {
    unsigned char *data;
    size_t size, room;
};

/* Make room for `size` bytes more. */
void reserve(struct bytes *to, size_t size);

void append(struct bytes *to, const void *data, size_t size);

/* Keep only `rest`: a part of what is there already, which is moved to the start, or other bytes, where nothing
   is there yet. Without any, nothing is allocated. */
void keep_rest(struct bytes *in, const unsigned char *rest, size_t size);

#endif
