/* Sends bytes to a socket, as many as it takes at once. */
#ifndef AIOWS_SENDING_H
#define AIOWS_SENDING_H

#include <stddef.h>

#ifdef _WIN32

/* On Windows sockets are not file descriptors. */
static inline ptrdiff_t
aiows_send_now(int descriptor, const char *data, size_t size)
{
    (void)descriptor, (void)data, (void)size;
    return -1;
}

#else

#include <sys/socket.h>

/* Return how many bytes the socket took, -1 for none. Errors are left to the transport, which will get them, too.
   Python ignores SIGPIPE. `send` and not `write`: `write` reads the file's inode, which costs a cache miss for each
   of a thousand sockets. */
static inline ptrdiff_t
aiows_send_now(int descriptor, const char *data, size_t size)
{
    return send(descriptor, data, size, 0);
}

#endif
#endif
