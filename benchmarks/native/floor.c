/* A server in C on epoll that shows what this work costs at the least.

   It serves /echo, /json, /kinds and /fan-out. What one read brings is answered in one write, what one read brings
   for all leaves each connection in one write, and is deflated once. It trusts its client. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "deflate.h"
#include "frames.h"
#include "handshake.h"

enum { MAX_EVENTS = 256, MAX_FD = 1 << 20, READ_SIZE = 1 << 18, MAX_REPLY = 256, LARGE = 1 << 28 };

struct client {
    int fd;
    char task; /* the letter after the slash; 0: no handshake yet */
    bool deflate;
    z_stream *inflater;
    struct bytes in, out; /* what is incomplete, and what the socket did not take: the first `sent` bytes have gone */
    size_t sent;
};

static struct client *clients[MAX_FD]; /* by descriptor */
static int highest, poller;
static struct bytes replies, message, published[2]; /* plain, and deflated */

static void append_frame(struct bytes *to, int opcode, bool rsv1, const unsigned char *data, size_t size)
{
    unsigned char header[MAX_HEADER_SIZE];
    struct frame frame = {.size = size, .opcode = opcode, .fin = true, .rsv1 = rsv1};
    append(to, header, build_header(header, &frame));
    append(to, data, size);
}

/* writing */

static void watch(struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = client->fd};
    epoll_ctl(poller, operation, client->fd, &event);
}

static void drop(struct client *client)
{
    if (client->inflater) {
        inflateEnd(client->inflater);
        free(client->inflater);
    }
    clients[client->fd] = NULL;
    close(client->fd);
    free(client->in.data);
    free(client->out.data);
    free(client);
}

static void write_out(struct client *client, const unsigned char *data, size_t size)
{
    ssize_t sent = client->out.size ? 0 : send(client->fd, data, size, MSG_NOSIGNAL);
    sent = sent < 0 ? 0 : sent;
    if ((size_t)sent == size)
        return;
    append(&client->out, data + sent, size - (size_t)sent);
    watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void write_rest(struct client *client)
{
    ssize_t sent = send(client->fd, client->out.data + client->sent, client->out.size - client->sent, MSG_NOSIGNAL);
    client->sent += sent < 0 ? 0 : (size_t)sent;
    if (client->sent < client->out.size)
        return;
    free(client->out.data);
    client->out = (struct bytes){0};
    client->sent = 0;
    watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

/* tasks */

static void deflate_to(struct bytes *to, int opcode, const unsigned char *data, size_t size)
{
    static struct bytes room;
    reserve(&room, compressed_bound(size));
    append_frame(to, opcode, true, room.data, compress_message(room.data, data, size));
}

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtod(at + strlen(key), NULL) : 0;
}

/* `key`: what the reply repeats of the object that came. */
static void answer_object(const char *kind, const char *key, const unsigned char *data, size_t size)
{
    const char *count = "\"count\":", *price = "\"price\":";
    char text[MAX_REPLY], reply[MAX_REPLY];
    size = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    int reply_size = snprintf(reply, sizeof reply, "{\"kind\":\"%s\",%s%.0f,\"total\":%.2f}", kind, key,
                              number_after(text, key), number_after(text, count) * number_after(text, price));
    append_frame(&replies, TEXT, false, (unsigned char *)reply, (size_t)reply_size);
}

static void publish(int opcode, const unsigned char *data, size_t size, bool deflate)
{
    append_frame(&published[false], opcode, false, data, size);
    if (deflate)
        deflate_to(&published[true], opcode, data, size);
}

static void take_message(struct client *client, int opcode, unsigned char *data, size_t size)
{
    if (client->task == 'j')
        answer_object("reply", "\"ref\":", data, size);
    else if (client->task == 'k')
        answer_object("order.priced", "\"number\":", data, size);
    else if (client->task == 'f')
        publish(opcode, data, size, client->deflate);
    else if (client->deflate)
        deflate_to(&replies, opcode, data, size);
    else
        append_frame(&replies, opcode, false, data, size);
}

static bool take_inflated_piece(void *whose, const unsigned char *data, size_t size)
{
    append(whose, data, size);
    return true;
}

static void take_deflated(struct client *client, int opcode, const unsigned char *data, size_t size)
{
    if (!client->inflater)
        client->inflater = new_inflater();
    message.size = 0;
    inflate_piece(client->inflater, data, size, take_inflated_piece, &message);
    inflate_end(client->inflater, take_inflated_piece, &message);
    take_message(client, opcode, message.data, message.size);
}

static void write_replies(struct client *client)
{
    if (replies.size)
        write_out(client, replies.data, replies.size);
    for (int fd = 0; published[false].size && fd <= highest; fd++) {
        if (clients[fd] && clients[fd]->task == 'f') {
            struct bytes *frames = &published[clients[fd]->deflate];
            write_out(clients[fd], frames->data, frames->size);
        }
    }
    replies.size = published[false].size = published[true].size = 0;
}

/* reading */

static size_t upgrade(struct client *client, const unsigned char *data, size_t size)
{
    char request[4096], answer[512], accept[29];
    if (size >= sizeof request)
        errx(1, "a handshake of %zu bytes", size);
    memcpy(request, data, size);
    request[size] = '\0';
    const char *end = strstr(request, "\r\n\r\n"), *key = strstr(request, "Sec-WebSocket-Key: ");
    if (!end || !key)
        return 0;
    accept_key(accept, key + strlen("Sec-WebSocket-Key: "));
    client->task = request[5];
    client->deflate = strstr(request, "permessage-deflate") != NULL;
    int answer_size = snprintf(answer, sizeof answer,
                               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                               accept,
                               client->deflate ? "Sec-WebSocket-Extensions: permessage-deflate; "
                                                 "server_no_context_takeover\r\n"
                                               : "");
    write_out(client, (unsigned char *)answer, (size_t)answer_size);
    return (size_t)(end - request) + 4;
}

/* The bytes of the frame at the start of `data`, after taking it; 0: it is incomplete. */
static size_t take_frame(struct client *client, unsigned char *data, size_t size)
{
    struct frame frame;
    if (!client->task)
        return upgrade(client, data, size);
    size_t header_size = parse_header(data, size, &frame);
    if (!header_size || size - header_size < frame.size)
        return 0;
    unsigned char *payload = data + header_size;
    apply_mask(payload, frame.size, frame.mask);
    if (frame.rsv1)
        take_deflated(client, frame.opcode, payload, frame.size);
    else if (frame.opcode == TEXT || frame.opcode == BINARY)
        take_message(client, frame.opcode, payload, frame.size);
    return header_size + frame.size;
}

/* How much of `data` was whole frames. */
static size_t take_frames(struct client *client, unsigned char *data, size_t size)
{
    size_t at = 0, taken;
    while (at < size && (taken = take_frame(client, data + at, size - at)))
        at += taken;
    return at;
}

/* A connection has a buffer of its own only while a frame is incomplete. */
static void read_from(struct client *client)
{
    static unsigned char shared[READ_SIZE];
    struct bytes *in = &client->in;
    if (in->size)
        reserve(in, READ_SIZE);
    ssize_t got = recv(client->fd, in->size ? in->data + in->size : shared, READ_SIZE, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        drop(client);
        return;
    }
    if (got < 0)
        return;
    in->size += in->size ? (size_t)got : 0;
    unsigned char *data = in->size ? in->data : shared;
    size_t size = in->size ? in->size : (size_t)got;
    size_t taken = take_frames(client, data, size);
    keep_rest(in, data + taken, size - taken);
    write_replies(client);
}

static void accept_client(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (fd < 0 || fd >= MAX_FD)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients[fd] = calloc(1, sizeof **clients);
    clients[fd]->fd = fd;
    highest = fd > highest ? fd : highest;
    watch(clients[fd], EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024))
        err(1, "port %d", port);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

int main(int count, char **arguments)
{
    if (count != 2)
        errx(2, "one argument: the port");
    mallopt(M_MMAP_THRESHOLD, LARGE); /* what is freed is used again, without the kernel's clearing it */
    mallopt(M_TRIM_THRESHOLD, LARGE);
    poller = epoll_create1(0);
    int listener = listen_on(atoi(arguments[1]));
    for (;;) {
        struct epoll_event events[MAX_EVENTS];
        int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_client(listener);
            else if (events[i].events & EPOLLOUT)
                write_rest(clients[fd]);
            if (fd != listener && clients[fd] && events[i].events & ~(uint32_t)EPOLLOUT)
                read_from(clients[fd]);
        }
    }
}
