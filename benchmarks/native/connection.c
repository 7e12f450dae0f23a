/* One connection of the generator: it sends messages by their numbers, and checks the replies. */

#include "connection.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "deflate.h"
#include "handshake.h"
#include "latency.h"

enum { READ_SIZE = 1 << 20, SECOND = 1000000000 };

static const unsigned char MASK[MASK_SIZE] = {0x37, 0xFA, 0x21, 0x3D};

int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

bool connect_to_server(struct connection *connection, int number, int port, const char *path, bool deflate)
{
    bool taken = deflate;
    *connection = (struct connection){.number = number};
    connection->fd = open_websocket(port, path, number, &taken);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    if (taken)
        connection->inflater = new_inflater();
    return taken == deflate;
}

/* sending */

static unsigned char *room_for(struct connection *connection, size_t size)
{
    size_t needed = connection->outgoing_size + size;
    if (needed > connection->outgoing_room) {
        connection->outgoing_room = needed;
        connection->outgoing = realloc(connection->outgoing, needed);
        if (!connection->outgoing)
            err(1, "realloc");
    }
    return connection->outgoing + connection->outgoing_size;
}

static void queue_frame(struct connection *connection, int opcode, bool rsv1, const unsigned char *data, size_t size)
{
    struct frame frame = {.size = size, .opcode = opcode, .fin = true, .rsv1 = rsv1, .masked = true};
    memcpy(frame.mask, MASK, MASK_SIZE);
    unsigned char *to = room_for(connection, MAX_HEADER_SIZE + size);
    size_t header_size = build_header(to, &frame);
    memcpy(to + header_size, data, size);
    apply_mask(to + header_size, size, MASK);
    connection->outgoing_size += header_size + size;
}

static void queue_message(struct connection *connection, uint32_t number, int opcode)
{
    static unsigned char *compressed;
    size_t size;
    const unsigned char *data = make_message(number, &size);
    if (!connection->inflater) {
        queue_frame(connection, opcode, false, data, size);
        return;
    }
    if (!compressed)
        compressed = malloc(compressed_bound(size));
    size = compress_message(compressed, data, size);
    queue_frame(connection, opcode, true, compressed, size);
}

void send_messages(struct connection *connection, uint32_t first, uint32_t count, int opcode)
{
    for (uint32_t number = first; number < first + count; number++)
        queue_message(connection, number, opcode);
    connection->asked_at = now();
    send_rest(connection);
}

bool send_rest(struct connection *connection)
{
    while (connection->sent < connection->outgoing_size) {
        ssize_t sent = send(connection->fd, connection->outgoing + connection->sent,
                            connection->outgoing_size - connection->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0)
            err(1, "connection %d: send", connection->number);
        connection->sent += (size_t)sent;
    }
    connection->sent = connection->outgoing_size = 0;
    return true;
}

/* receiving */

static void fail(const struct connection *connection, const char *what)
{
    errx(1, "connection %d, reply %u: %s", connection->number, connection->answered, what);
}

static bool take_payload(void *whose, const unsigned char *data, size_t size)
{
    struct connection *connection = whose;
    return check_piece(&connection->reply, connection->answered, data, size);
}

static void take_piece(struct connection *connection, const unsigned char *data, size_t size)
{
    if (connection->frame.opcode >= CLOSE) {
        memcpy(connection->control + connection->control_size, data, size);
        connection->control_size += size;
        return;
    }
    bool right = connection->is_deflated ? inflate_piece(connection->inflater, data, size, take_payload, connection)
                                         : take_payload(connection, data, size);
    if (!right)
        fail(connection, "other bytes than expected");
}

static void end_control(struct connection *connection)
{
    if (connection->frame.opcode == CLOSE)
        fail(connection, "the server closed the connection");
    if (connection->frame.opcode == PING) {
        queue_frame(connection, PONG, false, connection->control, connection->control_size);
        send_rest(connection);
    }
    connection->control_size = 0;
}

static void end_message(struct connection *connection, int64_t arrived_at)
{
    if (connection->is_deflated && !inflate_end(connection->inflater, take_payload, connection))
        fail(connection, "bytes after the end of a deflated message");
    if (!check_end(&connection->reply, connection->answered, connection->message_opcode))
        fail(connection, "not the reply that was expected");
    connection->answered++;
    note_latency(arrived_at - connection->asked_at);
}

static void begin_frame(struct connection *connection)
{
    const struct frame *frame = &connection->frame;
    connection->is_in_frame = true;
    connection->left = frame->size;
    if (frame->masked || (frame->rsv1 && !connection->inflater))
        fail(connection, "a frame with a mask, or compressed without leave");
    if (frame->opcode >= CLOSE && frame->size > MAX_CONTROL_SIZE)
        fail(connection, "a control frame of more than 125 bytes");
    if (frame->opcode != TEXT && frame->opcode != BINARY)
        return;
    connection->message_opcode = frame->opcode;
    connection->is_deflated = frame->rsv1;
}

static void end_frame(struct connection *connection, int64_t arrived_at)
{
    connection->is_in_frame = false;
    connection->header_size = 0;
    if (connection->frame.opcode >= CLOSE)
        end_control(connection);
    else if (connection->frame.fin)
        end_message(connection, arrived_at);
}

/* Take a byte of a header, which may come in pieces. */
static void take_header(struct connection *connection, unsigned char byte)
{
    connection->header[connection->header_size++] = byte;
    if (parse_header(connection->header, connection->header_size, &connection->frame))
        begin_frame(connection);
}

static void take(struct connection *connection, const unsigned char *data, size_t size, int64_t arrived_at)
{
    size_t at = 0;
    while (at < size) {
        if (!connection->is_in_frame) {
            take_header(connection, data[at++]);
        } else {
            size_t piece = size - at < connection->left ? size - at : connection->left;
            take_piece(connection, data + at, piece);
            connection->left -= piece;
            at += piece;
        }
        if (connection->is_in_frame && connection->left == 0)
            end_frame(connection, arrived_at);
    }
}

/* When the kernel got the last of what was read: reading later costs no latency. */
static int64_t arrival(struct msghdr *message)
{
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(each), sizeof time);
            return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
        }
    }
    return now();
}

void read_replies(struct connection *connection)
{
    static unsigned char data[READ_SIZE];
    for (;;) {
        char control[256];
        struct iovec into = {.iov_base = data, .iov_len = sizeof data};
        struct msghdr message = {
            .msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(connection->fd, &message, 0);
        if (size < 0 && errno == EAGAIN)
            return;
        if (size < 0)
            err(1, "connection %d: recv", connection->number);
        if (size == 0)
            fail(connection, "the server ended the connection");
        take(connection, data, (size_t)size, arrival(&message));
        if ((size_t)size < sizeof data)
            return;
    }
}
