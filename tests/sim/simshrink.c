#include "tests/sim/simshrink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED_SECONDS_MOST = 60, RUNS_MOST = 400, LINES_SHOWN = 60, LINE_BYTES = 512 };

/* What a run tells its parent. */
struct told {
    enum sim_invariant broken;
    char why[512];
    uint32_t decisions[SIM_SUPPRESSED_MOST];
    enum sim_fault faults[SIM_SUPPRESSED_MOST];
    size_t count;
};

static struct told *told;

static void tell(void)
{
    const uint32_t *decisions;
    const enum sim_fault *faults;
    told->broken = sim.broken;
    memcpy(told->why, sim.why, sizeof(told->why));
    told->count = sim_faults_happened(&decisions, &faults);
    if (told->count > SIM_SUPPRESSED_MOST)
        told->count = SIM_SUPPRESSED_MOST;
    memcpy(told->decisions, decisions, told->count * sizeof(*decisions));
    memcpy(told->faults, faults, told->count * sizeof(*faults));
}

enum sim_invariant sim_run_apart(const struct sim_options *options)
{
    int status;
    if (!told)
        told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    told->broken = SIM_INVARIANTS;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        (void)alarm(SEED_SECONDS_MOST);
        sim_run(options);
        tell();
        (void)fflush(NULL);
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
    return told->broken;
}

/* ---- delta debugging: leave out halves, quarters … of what is still there ---- */

struct shrinking {
    struct sim_options options;
    enum sim_invariant broken;
    uint32_t out[SIM_SUPPRESSED_MOST]; /* decisions that are left out */
    size_t out_count;
    uint32_t kept[SIM_SUPPRESSED_MOST];
    enum sim_fault kinds[SIM_SUPPRESSED_MOST];
    size_t kept_count;
    int runs;
};

static bool still_fails(struct shrinking *shrinking)
{
    shrinking->runs++;
    shrinking->options.suppressed = shrinking->out;
    shrinking->options.suppressed_count = shrinking->out_count;
    return sim_run_apart(&shrinking->options) == shrinking->broken;
}

/* Faults that happen now are those that may be left out next. */
static void look_again(struct shrinking *shrinking)
{
    shrinking->kept_count = told->count;
    memcpy(shrinking->kept, told->decisions, told->count * sizeof(told->decisions[0]));
    memcpy(shrinking->kinds, told->faults, told->count * sizeof(told->faults[0]));
}

static bool try_without(struct shrinking *shrinking, size_t first, size_t count)
{
    size_t before = shrinking->out_count;
    for (size_t i = first; i < first + count && i < shrinking->kept_count; i++)
        if (shrinking->out_count < SIM_SUPPRESSED_MOST)
            shrinking->out[shrinking->out_count++] = shrinking->kept[i];
    if (still_fails(shrinking)) {
        look_again(shrinking);
        return true;
    }
    shrinking->out_count = before;
    return false;
}

static void leave_out(struct shrinking *shrinking)
{
    size_t size = shrinking->kept_count;
    while (size > 0 && shrinking->runs < RUNS_MOST) {
        bool any = false;
        for (size_t first = 0; first < shrinking->kept_count && shrinking->runs < RUNS_MOST;)
            if (try_without(shrinking, first, size))
                any = true;
            else
                first += size;
        if (!any)
            size /= 2;
    }
}

static void print_tail(FILE *trace, FILE *out)
{
    static char lines[LINES_SHOWN][LINE_BYTES];
    size_t count = 0;
    rewind(trace);
    while (fgets(lines[count % LINES_SHOWN], LINE_BYTES, trace))
        count++;
    for (size_t i = count > LINES_SHOWN ? count - LINES_SHOWN : 0; i < count; i++)
        (void)fprintf(out, "  %s", lines[i % LINES_SHOWN]);
}

void sim_shrink(const struct sim_options *options, enum sim_invariant broken, FILE *out)
{
    static struct shrinking shrinking;
    FILE *trace = tmpfile();
    shrinking = (struct shrinking){.options = *options, .broken = broken};
    if (sim_run_apart(&shrinking.options) != broken || !trace) {
        (void)fprintf(out, "it does not fail the same way again: %s\n", told->why);
        return;
    }
    look_again(&shrinking);
    size_t all = shrinking.kept_count;
    leave_out(&shrinking);
    (void)fprintf(out, "%zu of %zu faults are needed (%d runs):\n", shrinking.kept_count, all,
                  shrinking.runs);
    for (size_t i = 0; i < shrinking.kept_count; i++)
        (void)fprintf(out, "  %u %s\n", shrinking.kept[i], sim_fault_name(shrinking.kinds[i]));
    shrinking.options.trace = trace;
    (void)still_fails(&shrinking);
    (void)fprintf(out, "then: %s: %s\nthe end of that history:\n",
                  sim_invariant_name(told->broken % SIM_INVARIANTS), told->why);
    print_tail(trace, out);
    (void)fclose(trace);
}
