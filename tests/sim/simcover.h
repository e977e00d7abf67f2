/* Which inputs the planner's machine met in which states. */
#ifndef WB_TESTS_SIM_SIMCOVER_H
#define WB_TESTS_SIM_SIMCOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SIM_COVER_CELLS = 1024 };

/* Counts go to this place from now on: SIM_COVER_CELLS of them, shared by processes. */
void sim_cover_begin(uint64_t *cells);
/* The whole table. */
void sim_cover_print(FILE *out);
/* How many cells that must be met were not, or cannot be and were; tells each of them. */
int sim_cover_missing(FILE *out);

#endif
