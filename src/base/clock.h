/* clock.h -- the two clocks, in one place so that a test can read them too. */
#ifndef IFL_BASE_CLOCK_H
#define IFL_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, by the system's wall clock: for dates and token lifetimes. */
int64_t ifl_clock_wall_ms(void);
/* Milliseconds of a clock that never jumps: for timeouts and durations. */
int64_t ifl_clock_mono_ms(void);

/* Writes "2026-05-04T08:15:30.123Z" (25 bytes with NUL). */
void ifl_clock_iso8601(char out[25], int64_t wall_ms);

#endif
