/* Percentiles of durations, kept in buckets that are 1 % apart, from 1 us to some 20 s. */

#include "latency.h"

#include <math.h>
#include <string.h>

enum { BUCKETS = 1700 };
static const double STEP = 1.01;

static uint64_t counts[BUCKETS];
static uint64_t total;

void note_latency(int64_t nanoseconds)
{
    double microseconds = nanoseconds > 1000 ? (double)nanoseconds / 1000 : 1;
    int bucket = (int)(log(microseconds) / log(STEP));
    counts[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    total++;
}

void forget_latencies(void)
{
    memset(counts, 0, sizeof counts);
    total = 0;
}

double latency_percentile(double percent)
{
    double wanted = (double)total * percent / 100;
    uint64_t seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += counts[bucket];
        if (seen && (double)seen >= wanted)
            return pow(STEP, bucket + 1);
    }
    return 0;
}
