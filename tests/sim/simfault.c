/* Whether something goes wrong now. Each seed has a mixture of faults of its own, so that some
 * histories meet one kind often and others meet many; each decision has a number, the how-manyeth
 * of its kind it is, so that a history can be run again without some of them. */
#include <string.h>

#include "core/base/hash.h"
#include "tests/sim/sim.h"

enum { HAPPENED_MOST = 4096, KIND_SHIFT = 20, STRONGEST = 300000 };

struct row {
    const char *name;
    int per_million; /* at the usual strength, a call */
};

static const struct row rows[SIM_FAULT_COUNT] = {
    [SIM_FAULT_KILL_WORKER] = {"kill worker", 1500},
    [SIM_FAULT_KILL_PLANNER] = {"kill planner", 1500},
    [SIM_FAULT_STOP] = {"stop", 2000},
    [SIM_FAULT_STOP_LONG] = {"stop long", 700},
    [SIM_FAULT_LOSE_LEDGER] = {"lose ledger", 200000},
    [SIM_FAULT_SLOT_TWICE] = {"slot twice", 50000},
    [SIM_FAULT_SKEW] = {"skew", 50000},
    [SIM_FAULT_TXN_ABORTED] = {"txn aborted", 20000},
    [SIM_FAULT_TXN_IN_DOUBT] = {"txn in doubt", 20000},
    [SIM_FAULT_ABORT_REFUSED] = {"abort refused", 100000},
    [SIM_FAULT_REPORT_LOST] = {"report lost", 15000},
    [SIM_FAULT_REDELIVER] = {"redeliver", 50000},
    [SIM_FAULT_DUPLICATE] = {"duplicate", 150000},
    [SIM_FAULT_COMPACT] = {"compact", 150000},
    [SIM_FAULT_KICK] = {"kick", 60000},
    [SIM_FAULT_LOG_DOWN] = {"log down", 40000},
    [SIM_FAULT_IO] = {"io", 6000},
    [SIM_FAULT_IO_AFTER] = {"io after", 6000},
    [SIM_FAULT_NODE_AWAY] = {"node away", 60000},
    [SIM_FAULT_NODE_BARE] = {"node bare", 60000},
    [SIM_FAULT_NODE_FULL] = {"node full", 50000},
    [SIM_FAULT_NODE_READ_ONLY] = {"node read-only", 50000},
    [SIM_FAULT_FLIP_WRITE] = {"flip write", 20000},
    [SIM_FAULT_FLIP_PROOF] = {"flip proof", 15000},
    [SIM_FAULT_TORN_WRITE] = {"torn write", 15000},
    [SIM_FAULT_SLOW] = {"slow", 5000},
    [SIM_FAULT_STRANGER] = {"stranger", 60000},
    [SIM_FAULT_PAUSE] = {"pause", 30000},
    [SIM_FAULT_CANCEL] = {"cancel", 20000},
    [SIM_FAULT_RULE] = {"rule", 30000},
    [SIM_FAULT_GARBAGE] = {"garbage", 30000},
    [SIM_FAULT_STOP_AT_EFFECT] = {"stop at effect", 30000},
    [SIM_FAULT_CHANGE_AT_READ] = {"change at read", 20000},
    [SIM_FAULT_LATE_READ] = {"late read", 50000},
    [SIM_FAULT_TAMPER] = {"tamper", 30000},
    [SIM_FAULT_REFUSED] = {"refused", 100000},
    [SIM_FAULT_SLOW_MARKERS] = {"slow markers", 100000},
    [SIM_FAULT_ROT] = {"rot", 100000},
    [SIM_FAULT_TARGETS] = {"targets", 60000},
    [SIM_FAULT_FLIP_SOURCE] = {"flip source", 10000},
    [SIM_FAULT_FLIP_LOOK] = {"flip look", 20000},
    [SIM_FAULT_RETENTION] = {"retention", 100000},
};

struct faults {
    bool on;
    int64_t per_million[SIM_FAULT_COUNT];
    uint32_t decisions[SIM_FAULT_COUNT]; /* so far, of each kind */
    uint32_t happened[HAPPENED_MOST];
    enum sim_fault kinds[HAPPENED_MOST];
    size_t happened_count;
    const uint32_t *suppressed;
    size_t suppressed_count;
};

static struct faults faults;

const char *sim_fault_name(enum sim_fault fault)
{
    return rows[fault].name;
}

enum sim_fault sim_fault_named(const char *name, size_t len)
{
    int fault = 0;
    while (fault < SIM_FAULT_COUNT &&
           (strlen(rows[fault].name) != len || memcmp(rows[fault].name, name, len) != 0))
        fault++;
    return (enum sim_fault)fault;
}

/* Half of the kinds are left out; the others come at a third, once or three times the rate. */
static int64_t strength(enum sim_fault fault, bool strong)
{
    static const int64_t tenths[] = {3, 10, 30};
    bool none = sim_chance(SIM_FAULTS, 500);
    int64_t drawn = tenths[sim_below(SIM_FAULTS, 3)];
    if (sim.outage)
        return 0;
    if (strong)
        return rows[fault].per_million < STRONGEST / 10 ? 10LL * rows[fault].per_million
                                                        : STRONGEST;
    return none ? 0 : rows[fault].per_million * drawn / 10;
}

void sim_faults_begin(const struct sim_options *options)
{
    faults = (struct faults){.on = !options->calm,
                             .suppressed = options->suppressed,
                             .suppressed_count = options->suppressed_count};
    for (int fault = 0; fault < SIM_FAULT_COUNT; fault++)
        faults.per_million[fault] = strength((enum sim_fault)fault, options->strong >> fault & 1);
}

void sim_faults_end(void)
{
    faults.on = false;
}

static bool is_suppressed(uint32_t decision)
{
    for (size_t i = 0; i < faults.suppressed_count; i++)
        if (faults.suppressed[i] == decision)
            return true;
    return false;
}

/* By the seed and the decision's number alone: what is left out does not change the others. */
static int64_t drawn(uint32_t decision)
{
    uint64_t key[] = {sim.seed, decision};
    return (int64_t)(wb_hash64_of(wb_span_of(key, sizeof(key))) % 1000000);
}

bool sim_fault(enum sim_fault fault)
{
    if (!faults.on || faults.per_million[fault] == 0)
        return false;
    uint32_t decision = ((uint32_t)fault << KIND_SHIFT) + ++faults.decisions[fault];
    if (drawn(decision) >= faults.per_million[fault] || is_suppressed(decision) ||
        faults.happened_count == HAPPENED_MOST)
        return false;
    sim_note("fault", wb_span_str(rows[fault].name), decision, 0);
    faults.happened[faults.happened_count] = decision;
    faults.kinds[faults.happened_count++] = fault;
    return true;
}

size_t sim_faults_happened(const uint32_t **ret_decisions, const enum sim_fault **ret_faults)
{
    *ret_decisions = faults.happened;
    *ret_faults = faults.kinds;
    return faults.happened_count;
}

bool sim_fault_happened(enum sim_fault fault)
{
    for (size_t i = 0; i < faults.happened_count; i++)
        if (faults.kinds[i] == fault)
            return true;
    return false;
}
