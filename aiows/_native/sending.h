/* In go bytes, out they go to a socket as far as it takes them at once. */
#ifndef AIOWS_SENDING_H
#define AIOWS_SENDING_H

#include <stddef.h>

#ifdef _WIN32

/* Its sockets are no file descriptors. */
static inline ptrdiff_t
aiows_send_now(int descriptor, const char *data, size_t size)
{
    (void)descriptor, (void)data, (void)size;
    return -1;
}

#else

#include <sys/socket.h>

/* How many of the bytes it took, -1 for none; an error is for the transport, which will meet it, too. Python
   has SIGPIPE ignored. Not `write`: that looks at the file's inode, for each of a thousand sockets a cache
   line that nothing else needs. */
static inline ptrdiff_t
aiows_send_now(int descriptor, const char *data, size_t size)
{
    return send(descriptor, data, size, 0);
}

#endif
#endif
