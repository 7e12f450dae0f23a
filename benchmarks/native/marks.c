/* Lets a program in Python start callgrind's counters and write them down under a name. */

#include <valgrind/callgrind.h>

void start_counting(void)
{
    CALLGRIND_START_INSTRUMENTATION;
}

void begin_count(void)
{
    CALLGRIND_ZERO_STATS;
}

void end_count(const char *name)
{
    CALLGRIND_DUMP_STATS_AT(name);
}
