/* Connects to a server and upgrades the connection to WebSocket. */

#include "handshake.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PORTS_PER_ADDRESS = 20000, TIMEOUT = 20, MAX_ANSWER = 4096, SOCKET_BUFFER = 4 << 20 };

static void set(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof value))
        err(1, "setsockopt");
}

/* One address has no more than some 28,000 ports: the next 20,000 connections come from the next one. */
static void bind_to_address(int fd, int number)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)(number / PORTS_PER_ADDRESS));
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, (struct sockaddr *)&from, sizeof from))
        err(1, "bind");
}

static int open_socket(int port, int number)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        err(1, "socket %d", number);
    struct timeval patience = {.tv_sec = TIMEOUT};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    bind_to_address(fd, number);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to))
        err(1, "connect %d", number);
    return fd;
}

static void send_request(int fd, int port, const char *path, bool deflate)
{
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        path, port,
                        deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        err(1, "send");
}

/* Byte by byte: what follows the headers is a frame, and not for here. */
static void read_answer(int fd, char *answer)
{
    size_t size = 0;
    while (size < 4 || memcmp(answer + size - 4, "\r\n\r\n", 4) != 0) {
        if (size == MAX_ANSWER - 1 || recv(fd, answer + size, 1, 0) != 1)
            errx(1, "no answer to a handshake, but \"%.*s\"", (int)size, answer);
        size++;
    }
    answer[size] = '\0';
}

int open_websocket(int port, const char *path, int number, bool *deflate)
{
    char answer[MAX_ANSWER];
    int fd = open_socket(port, number);
    send_request(fd, port, path, *deflate);
    read_answer(fd, answer);
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0 || !strstr(answer, SAMPLE_ACCEPT))
        errx(1, "%s was not upgraded: %s", path, answer);
    *deflate = *deflate && strcasestr(answer, "permessage-deflate");
    return fd;
}
