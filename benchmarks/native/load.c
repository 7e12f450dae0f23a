/* The load generator: it sends messages to a server in an open loop, checks the replies, and prints lines of JSON.

   Every tick it reads all replies and sends on each connection (at a fan-out, on the first one), then sleeps
   outside of epoll: no reply wakes it, so a server that answers at once pays for nobody's waking. A connection
   that still waits for a reply is left out, and counted as late.

   After each phase it prints a line and waits for one on its standard input, so that whoever started it can
   read the server's processor time and memory at these points. */

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "connection.h"
#include "latency.h"
#include "options.h"

enum { SECOND = 1000000000, MICROSECOND = 1000, PATIENCE = 20, PING_EVERY = 5 };
enum { NO_DEFLATE = 3 }; /* exit status */

static struct options options;
static struct connection *connections;
static uint64_t ticks, late, overruns;

/* phases */

static void end_phase(const char *phase, const char *figures)
{
    char line[16];
    printf("{\"phase\": \"%s\"%s}\n", phase, figures);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(1);
}

static void sleep_until(int64_t time)
{
    struct timespec until = {.tv_sec = time / SECOND, .tv_nsec = time % SECOND};
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}

/* one pass over all connections */

static bool is_waiting(const struct connection *connection)
{
    return connection->answered != connection->asked;
}

/* Send on and read on all connections that wait; how many still do. */
static int pass(void)
{
    int waiting = 0;
    for (int i = 0; i < options.connections; i++) {
        struct connection *connection = &connections[i];
        if (!is_waiting(connection))
            continue;
        send_rest(connection);
        read_replies(connection);
        waiting += is_waiting(connection);
    }
    return waiting;
}

static void ask(struct connection *connection)
{
    uint32_t first = connection->asked;
    connection->asked += (uint32_t)options.in_flight;
    send_messages(connection, first, (uint32_t)options.in_flight, options.work.opcode);
}

static void ask_everywhere(void)
{
    for (int i = 0; i < options.connections; i++) {
        if (is_waiting(&connections[i]))
            late++;
        else
            ask(&connections[i]);
    }
}

/* What the first connection says, all hear. */
static void ask_first(int waiting)
{
    if (waiting) {
        late++;
        return;
    }
    ask(&connections[0]);
    for (int i = 1; i < options.connections; i++) {
        connections[i].asked = connections[0].asked;
        connections[i].asked_at = connections[0].asked_at;
    }
}

static void ask_all(int waiting)
{
    if (options.work.task == FAN_OUT)
        ask_first(waiting);
    else
        ask_everywhere();
}

/* Wait until all has been answered. */
static void settle(void)
{
    int64_t give_up = now() + (int64_t)PATIENCE * SECOND;
    while (pass()) {
        if (now() > give_up)
            errx(1, "some replies did not come within %d seconds", PATIENCE);
        sleep_until(now() + (int64_t)options.poll * MICROSECOND);
    }
}

static void run(double seconds)
{
    int64_t time = now(), end = time + (int64_t)(seconds * SECOND), next_tick = time;
    while (time < end) {
        int waiting = pass();
        if (time >= next_tick) {
            ticks++;
            ask_all(waiting);
            next_tick += (int64_t)options.tick * MICROSECOND;
        }
        time += (int64_t)options.poll * MICROSECOND;
        if (now() > time) {
            overruns++;
            time = now();
        }
        sleep_until(time);
    }
    settle();
}

/* the tasks */

static void open_connections(int from, int to)
{
    for (int i = from; i < to; i++) {
        if (!connect_to_server(&connections[i], i, options.port, options.path, options.deflate)) {
            warnx("the server does not take permessage-deflate");
            exit(NO_DEFLATE);
        }
    }
}

/* A server that pings drops who does not answer while others are still connecting. */
static void answer_pings(int count)
{
    static int64_t last;
    if (now() - last < (int64_t)PING_EVERY * SECOND)
        return;
    last = now();
    for (int i = 0; i < count; i++)
        read_replies(&connections[i]);
}

/* Each connection has been used once, as in life: what is made at the first message is there. */
static void open_used(int from, int to)
{
    enum { BATCH = 100 };
    for (int i = from; i < to; i += BATCH) {
        answer_pings(i);
        int end = i + BATCH < to ? i + BATCH : to;
        open_connections(i, end);
        for (int each = i; each < end; each++)
            ask(&connections[each]);
        settle();
    }
}

static void measure_idle(void)
{
    open_used(0, options.base);
    end_phase("base", "");
    open_used(options.base, options.connections);
    end_phase("idle", "");
}

static uint64_t total_answered(void)
{
    uint64_t total = 0;
    for (int i = 0; i < options.connections; i++)
        total += connections[i].answered;
    return total;
}

static void measure_load(void)
{
    char figures[512];
    open_connections(0, options.connections);
    end_phase("connected", "");
    run(options.warm);
    ticks = late = overruns = 0;
    forget_latencies();
    uint64_t before = total_answered();
    end_phase("warm", "");
    run(options.seconds);
    snprintf(figures, sizeof figures,
             ", \"messages\": %" PRIu64 ", \"ticks\": %" PRIu64 ", \"late\": %" PRIu64 ", \"overruns\": %" PRIu64
             ", \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f",
             total_answered() - before, ticks, late, overruns, latency_percentile(50), latency_percentile(90),
             latency_percentile(99), latency_percentile(100));
    end_phase("measured", figures);
}

int main(int count, char **arguments)
{
    read_options(&options, count, arguments);
    signal(SIGPIPE, SIG_IGN);
    prepare_messages(&options.work);
    connections = calloc((size_t)options.connections, sizeof *connections);
    if (options.work.task == IDLE)
        measure_idle();
    else
        measure_load();
    return 0;
}
