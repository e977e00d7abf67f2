/* Runs seeds. */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/sim/sim.h"

int main(int argc, char **argv)
{
    struct sim_options options = {.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    options.calm = argc > 3 && strchr(argv[3], 'c');
    options.trace = argc > 3 && strchr(argv[3], 't') ? stdout : NULL;
    wb_log_setup(argc > 3 && strchr(argv[3], 'l') ? WB_LOG_DEBUG : WB_LOG_ERROR, WB_LOG_TEXT,
                 "sim");
    for (int i = 0; i < count; i++, options.seed++) {
        sim_run(&options);
        if (sim.broken)
            (void)printf("seed %llu: %s: %s (%d steps)\n", (unsigned long long)options.seed,
                         sim_invariant_name(sim.broken), sim.why, sim.steps);
        if (count == 1)
            (void)printf("%d steps, hash %016llx\n", sim.steps,
                         (unsigned long long)sim_trace_hash());
    }
    return 0;
}
