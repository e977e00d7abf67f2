/* A failing seed made small: which of its faults does the failure need. */
#ifndef WB_TESTS_SIM_SIMSHRINK_H
#define WB_TESTS_SIM_SIMSHRINK_H

#include "tests/sim/sim.h"

/* Runs one seed in a process of its own; what it broke, or SIM_INVARIANTS when it crashed or hung.
 */
enum sim_invariant sim_run_apart(const struct sim_options *options);

/* Leaves out as many faults as the same failure allows; prints those that remain and the trace of
 * what is left. */
void sim_shrink(const struct sim_options *options, enum sim_invariant broken, FILE *out);

#endif
