/* The generator's options, read from its command line. */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "message.h"

struct options {
    struct work work;
    int port;
    const char *path;
    int connections;
    int base;      /* of these, how many are open before memory is first read */
    int in_flight; /* messages on each connection at each tick */
    int tick, poll; /* microseconds between sending, and between reading */
    double warm, seconds;
    bool deflate;
};

/* Ends the process with a message if they make no sense. */
void read_options(struct options *options, int count, char **arguments);

#endif
