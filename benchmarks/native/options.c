/* Reads the generator's options from its command line. */

#include "options.h"

#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

static const struct options defaults = {
    .work = {.size = 32, .opcode = BINARY},
    .path = "/",
    .connections = 64,
    .base = 1,
    .in_flight = 1,
    .tick = 5000,
    .warm = 0.5,
    .seconds = 1,
};

static const struct option known[] = {
    {"port", 1, NULL, 'p'},        {"path", 1, NULL, 'a'},    {"task", 1, NULL, 'k'},
    {"connections", 1, NULL, 'c'}, {"base", 1, NULL, 'b'},    {"size", 1, NULL, 's'},
    {"in-flight", 1, NULL, 'f'},   {"tick", 1, NULL, 't'},    {"poll", 1, NULL, 'o'},
    {"warm", 1, NULL, 'w'},        {"seconds", 1, NULL, 'd'}, {"text", 0, NULL, 'x'},
    {"deflate", 0, NULL, 'z'},     {NULL, 0, NULL, 0},
};

static enum task task_named(const char *name)
{
    static const char *const names[] = {"echo", "json", "kinds", "fan-out", "idle"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum task)i;
    errx(2, "no task is called %s", name);
}

static void read_option(struct options *options, int which)
{
    switch (which) {
    case 'p': options->port = atoi(optarg); break;
    case 'a': options->path = optarg; break;
    case 'k': options->work.task = task_named(optarg); break;
    case 'c': options->connections = atoi(optarg); break;
    case 'b': options->base = atoi(optarg); break;
    case 's': options->work.size = (size_t)atol(optarg); break;
    case 'f': options->in_flight = atoi(optarg); break;
    case 't': options->tick = atoi(optarg); break;
    case 'o': options->poll = atoi(optarg); break;
    case 'w': options->warm = atof(optarg); break;
    case 'd': options->seconds = atof(optarg); break;
    case 'x': options->work.opcode = TEXT; break;
    case 'z': options->deflate = true; break;
    default: exit(2);
    }
}

void read_options(struct options *options, int count, char **arguments)
{
    *options = defaults;
    for (int which; (which = getopt_long(count, arguments, "", known, NULL)) != -1;)
        read_option(options, which);
    if (options->port <= 0 || options->connections <= 0 || options->in_flight <= 0 || options->tick <= 0)
        errx(2, "--port, --connections, --in-flight and --tick (microseconds) are positive numbers");
    if (options->base > options->connections)
        errx(2, "--base is at most --connections");
    if (options->poll <= 0)
        options->poll = options->tick;
}
