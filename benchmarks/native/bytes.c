/* Bytes that grow. */

#include "bytes.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

void reserve(struct bytes *to, size_t size)
{
    if (to->size + size <= to->room)
        return;
    to->room = (to->size + size) * 2;
    to->data = realloc(to->data, to->room);
    if (!to->data)
        err(1, "realloc");
}

void append(struct bytes *to, const void *data, size_t size)
{
    reserve(to, size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

void keep_rest(struct bytes *in, const unsigned char *rest, size_t size)
{
    if (size == 0) {
        free(in->data);
        *in = (struct bytes){0};
    } else if (in->size) {
        memmove(in->data, rest, size);
        in->size = size;
    } else {
        append(in, rest, size);
    }
}
