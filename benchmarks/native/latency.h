/* Percentiles of durations. */

#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

/* Note one duration in nanoseconds. */
void note_latency(int64_t nanoseconds);

void forget_latencies(void);

/* The duration in microseconds that `percent` of all did not exceed, within 1 %; 0 if there are none. */
double latency_percentile(double percent);

#endif
