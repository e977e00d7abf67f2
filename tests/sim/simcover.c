/* State x input, counted at the door of the machine (the linker wraps wb_plan_step), and what of it
 * cannot be, with the reason. A job's absence counts as a state. */
#include "tests/sim/simcover.h"

#include <string.h>

#include "planner/plan.h"

void __real_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox);
void __wrap_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox);

enum { STATES = WB_JOB_DEAD + 1 };

/* A mark a state, in the order of enum wb_job_state, "none" first. `+`: any full run must meet it.
 * `.`: it may. That is an answer that is late or comes twice in a state that lasts but for a
 * moment, or something given to a job that ended earlier in the same turn. `-`: it cannot be: no
 * job is ever stored as parked, one whose node is away waits. */
struct column {
    const char *name;
    const char *marks;
    enum wb_input_kind kind;
    int op;      /* of reports and verdicts, or the event's kind */
    int outcome; /* -1: any other */
};

#define EVENT(name, marks, what)              \
    {                                         \
        name, marks, WB_INPUT_EVENT, what, -1 \
    }
#define REPORT(name, marks, op, outcome)                               \
    {                                                                  \
        name, marks, WB_INPUT_REPORT, WB_OP_##op, WB_OUTCOME_##outcome \
    }
#define VERDICT(name, marks, op, outcome)                               \
    {                                                                   \
        name, marks, WB_INPUT_VERDICT, WB_OP_##op, WB_OUTCOME_##outcome \
    }

static const struct column columns[] = {
    EVENT("event written", "++++++++++-+", WB_EVENT_WRITTEN),
    EVENT("event deleted", "++++++++.+-+", WB_EVENT_DELETED),
    {"give", ".+........-.", WB_INPUT_GIVE, -1, -1},
    {"timer", "++++++++++-+", WB_INPUT_TIMER, -1, -1},
    {"cancel", ".+++++++++-+", WB_INPUT_CANCEL, -1, -1},
    {"defer", ".+........-.", WB_INPUT_DEFER, -1, -1},
    REPORT("probe probed", "++++++.+..-+", PROBE, PROBED),
    REPORT("probe absent", "+.+.......-.", PROBE, ABSENT),
    REPORT("probe failed", "+++.+.....-+", PROBE, FAILED),
    REPORT("copy copied", "++++...++.-+", COPY, COPIED),
    REPORT("copy current", "+..+......-.", COPY, CURRENT),
    REPORT("copy present", "++.+...+..-+", COPY, PRESENT),
    REPORT("copy probed", "+..+......-.", COPY, PROBED),
    REPORT("copy absent", "++.+...+.+-+", COPY, ABSENT),
    REPORT("copy failed", "+++++..+++-+", COPY, FAILED),
    REPORT("open opened", "++.+++++..-+", OPEN, OPENED),
    REPORT("open current", "+...+.....-.", OPEN, CURRENT),
    REPORT("open present", "+...+.....-.", OPEN, PRESENT),
    REPORT("open probed", "....+.....-.", OPEN, PROBED),
    REPORT("open absent", "+...+.....-.", OPEN, ABSENT),
    REPORT("open failed", "++++++++.+-+", OPEN, FAILED),
    REPORT("range ranged", "++...+++..-+", RANGE, RANGED),
    REPORT("range absent", "+....+...+-.", RANGE, ABSENT),
    REPORT("range failed", "++.+++++..-+", RANGE, FAILED),
    REPORT("seal sealed", "++....++..-+", SEAL, SEALED),
    REPORT("seal absent", "......+...-.", SEAL, ABSENT),
    REPORT("seal failed", "++..+.++..-+", SEAL, FAILED),
    REPORT("publish published", "+++++..+++-+", PUBLISH, PUBLISHED),
    REPORT("publish failed", "++.++..+++-+", PUBLISH, FAILED),
    REPORT("discard discarded", "++++++++++-+", DISCARD, DISCARDED),
    REPORT("discard failed", "++.+...++.-+", DISCARD, FAILED),
    REPORT("delete deleted", "++.+.....+-+", DELETE, DELETED),
    REPORT("delete probed", "++.++..+.+-+", DELETE, PROBED),
    REPORT("delete failed", "++.+...+.+-+", DELETE, FAILED),
    VERDICT("copy match", "+++++..+++-+", COPY, MATCH),
    VERDICT("copy mismatch", "++.+...+..-+", COPY, MISMATCH),
    VERDICT("copy unproved", "++.+...+.+-+", COPY, FAILED),
    VERDICT("range match", "++.+++++..-+", RANGE, MATCH),
    VERDICT("range mismatch", ".+...+....-+", RANGE, MISMATCH),
    VERDICT("range unproved", "++...+....-+", RANGE, FAILED),
    VERDICT("seal match", "++.+..++..-+", SEAL, MATCH),
    VERDICT("seal mismatch", "......+...-.", SEAL, MISMATCH),
    VERDICT("seal unproved", "+.....++..-+", SEAL, FAILED),
    VERDICT("open match", "+..++.....-.", OPEN, MATCH),
    VERDICT("open mismatch", "+.........-.", OPEN, MISMATCH),
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static uint64_t none[SIM_COVER_CELLS];
static uint64_t *counts = none;

void sim_cover_begin(uint64_t *cells)
{
    counts = cells;
}

static bool fits(const struct column *column, const struct wb_input *input)
{
    if (column->kind != input->kind)
        return false;
    if (input->kind == WB_INPUT_EVENT)
        return column->op == (int)input->event->kind;
    if (input->kind == WB_INPUT_REPORT || input->kind == WB_INPUT_VERDICT)
        return column->op == (int)input->op && column->outcome == (int)input->result->outcome;
    return true;
}

static int column_of(const struct wb_input *input)
{
    for (int i = 0; i < COLUMNS; i++)
        if (fits(&columns[i], input))
            return i;
    return -1;
}

void __wrap_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox)
{
    int column = column_of(input);
    int state = link->job ? (int)link->job->state : 0;
    if (column >= 0 && state < STATES)
        __atomic_fetch_add(&counts[column * STATES + state], 1, __ATOMIC_RELAXED);
    __real_wb_plan_step(policy, link, input, outbox);
}

static const char *state_name(int state)
{
    return state ? wb_job_state_name((enum wb_job_state)state) : "none";
}

void sim_cover_print(FILE *out)
{
    (void)fprintf(out, "%-18s", "");
    for (int state = 0; state < STATES; state++)
        (void)fprintf(out, " %10s", state_name(state));
    for (int column = 0; column < COLUMNS; column++) {
        (void)fprintf(out, "\n%-18s", columns[column].name);
        for (int state = 0; state < STATES; state++)
            (void)fprintf(out, " %10llu", (unsigned long long)counts[column * STATES + state]);
    }
    (void)fprintf(out, "\n");
}

int sim_cover_missing(FILE *out)
{
    int missing = 0;
    for (int column = 0; column < COLUMNS; column++)
        for (int state = 0; state < STATES; state++) {
            bool met = counts[column * STATES + state] > 0;
            char mark = columns[column].marks[state];
            if (met ? mark != '-' : mark != '+')
                continue;
            (void)fprintf(out, "%s in state %s was %s\n", columns[column].name, state_name(state),
                          met ? "met, though it cannot be" : "never met");
            missing++;
        }
    return missing;
}
