/* One seed from beginning to end: a ring is set up by the seed, chaos reigns for a while, then all
 * is healed and the backlog must drain; then the reckoning. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "tests/sim/simcheck.h"

enum {
    OUTAGE_ATTEMPTS = 3,
    BREATH_SECONDS = 3,
    LONG_BREATH_SECONDS = 120, /* a planner may hang in a commit, and then comes back */
    CHAOS_STEPS_MOST = 6000,
    HEAL_STEPS_MOST = 60000,
    SEED_ARENA = 256 * 1024 * 1024
};

struct sim_world sim;

const char *const sim_nodes[SIM_NODES] = {"a", "b", "c"};

const char *sim_invariant_name(enum sim_invariant invariant)
{
    static const char *const names[SIM_INVARIANTS] = {
        [SIM_HOLDS] = "all hold",
        [SIM_ONCE] = "fencing: a name was staged under twice",
        [SIM_I1] = "I1 a final name holds what the source never held",
        [SIM_I2] = "I2 published without proof",
        [SIM_I3] = "I3 an event did not end exactly once",
        [SIM_TWO] = "I4 two instances of a file may be published at once",
        [SIM_I4] = "I4 back to an older version",
        [SIM_I6] = "I6 outside a node's root",
        [SIM_I7] = "I7 more in flight than the window allows",
        [SIM_I8] = "I8 the backlog does not drain",
        [SIM_DEADLINE] = "I8 a deadline passed and nobody asked",
        [SIM_STRANGER] = "a stranger's file was removed",
        [SIM_PLANNER] = "the planner ended",
    };
    return names[invariant];
}

void sim_break(enum sim_invariant invariant, const char *fmt, ...)
{
    va_list args;
    if (sim.broken)
        return;
    sim.broken = invariant;
    va_start(args, fmt);
    (void)vsnprintf(sim.why, sizeof(sim.why), fmt, args);
    va_end(args);
    sim_note("BROKEN", wb_span_str(sim.why), (int64_t)invariant, 0);
}

/* ---- setting up ---- */

static void set(enum wb_opt option, const char *value)
{
    struct wb_err err;
    if (wb_config_set(sim.config, option, value, "simulator", &err) != WB_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

static void set_up_config(void)
{
    static const char *const deadlines[] = {"1s", "2s", "10s"};
    static const char *const windows[] = {"1", "2", "8"};
    static const char *const batches[] = {"1", "2", "8"};
    if (!sim.config)
        sim.config = wb_config_new();
    if (!sim.metrics)
        sim.metrics = wb_metrics_new();
    if (!sim.arena)
        sim.arena = wb_arena_new(SEED_ARENA);
    wb_arena_reset(sim.arena);
    set(WB_OPT_BATCH_BELOW, "1000");
    set(WB_OPT_DIRECT_BELOW, "3000");
    set(WB_OPT_BACKOFF, "20ms..2s");
    set(WB_OPT_TASK_DEADLINE, deadlines[sim_below(SIM_SCHEDULE, 3)]);
    set(WB_OPT_WINDOW_TASKS, windows[sim_below(SIM_SCHEDULE, 3)]);
    set(WB_OPT_BATCH_FILES, batches[sim_below(SIM_SCHEDULE, 3)]);
}

static void put_record(enum wb_topic topic, const char *key, enum wb_record_type type,
                       const void *record)
{
    struct wb_err err;
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    if (wb_codec_encode(sim.codec, type, record, &value, &err) != WB_OK)
        abort();
    (void)sim_append(sim_topic(topic), 0, wb_span_str(key), wb_buf_span(&value), 0,
                     SIM_RECORD_VISIBLE);
}

static void put_node(int node)
{
    char url[32];
    (void)snprintf(url, sizeof(url), "mem://%s", sim_nodes[node]);
    const struct wb_node record = {.name = sim_nodes[node], .url = url, .state = WB_NODE_UP};
    put_record(WB_TOPIC_NODES, sim_nodes[node], WB_RECORD_NODE, &record);
}

static void put_rule(const char *name, const char *source, const char *const *targets, size_t count)
{
    static const enum wb_strategy strategies[] = {WB_STRATEGY_AUTO,    WB_STRATEGY_AUTO,
                                                  WB_STRATEGY_AUTO,    WB_STRATEGY_AUTO,
                                                  WB_STRATEGY_CHUNKED, WB_STRATEGY_STREAMING};
    char key[32];
    struct wb_rule rule = {.name = name,
                           .source = source,
                           .pattern = wb_span_str("**"),
                           .targets = (const char **)(uintptr_t)targets,
                           .target_count = count,
                           .strategy = strategies[sim_below(SIM_SCHEDULE, 6)],
                           .deletes = sim.deletes,
                           .batch_below_bytes = -1,
                           .direct_below_bytes = -1};
    rule.options.keep = sim.keep;
    rule.options.sha256 = sim_chance(SIM_SCHEDULE, 250);
    rule.options.medium = sim_chance(SIM_SCHEDULE, 250);
    rule.attempts = sim.outage ? OUTAGE_ATTEMPTS : (int32_t)sim_spread(SIM_SCHEDULE, 2, 16);
    rule.updated_ms = wb_clock_wall_ms();
    (void)snprintf(key, sizeof(key), "rule/%s", name);
    put_record(WB_TOPIC_SETTINGS, key, WB_RECORD_RULE, &rule);
}

void sim_rules_set(void)
{
    const char *const to_b[] = {sim_nodes[1]};
    const char *const to_both[] = {sim_nodes[1], sim_nodes[2]};
    const char *const to_c[] = {sim_nodes[2]};
    bool both = sim.fan_out && !sim.narrow;
    put_rule("first", sim_nodes[0], both ? to_both : to_b, both ? 2 : 1);
    if (sim.chain)
        put_rule("second", sim_nodes[1], to_c, 1);
}

void sim_targets_change(void)
{
    sim.narrow = !sim.narrow;
    sim_rules_set();
}

/* ---- what operators hold up or call off ---- */

static const char *const scopes[] = {"node/a", "node/b", "link/a/b", "rule/first", "file/a:a.txt"};

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

static const char *control_key(const char *what, size_t scope, char out[64])
{
    (void)snprintf(out, 64, "%s/%s", what, scopes[scope]);
    return out;
}

static void put_control(const char *what)
{
    char key[64];
    size_t scope = (size_t)sim_below(SIM_FAULTS, SCOPES);
    const struct wb_setting record = {.key = control_key(what, scope, key),
                                      .value = "simulated",
                                      .updated_ms = wb_clock_wall_ms(),
                                      .by = "simulator"};
    put_record(WB_TOPIC_SETTINGS, key, WB_RECORD_SETTING, &record);
}

void sim_pause_set(void)
{
    put_control("pause");
}

void sim_cancel_set(void)
{
    put_control("cancel");
}

void sim_pauses_end(void)
{
    char key[64];
    const struct wb_span none = wb_span_of(NULL, 0);
    for (size_t i = 0; i < SCOPES; i++)
        if (sim_newest(WB_TOPIC_SETTINGS, 0, wb_span_str(control_key("pause", i, key))))
            (void)sim_append(sim_topic(WB_TOPIC_SETTINGS), 0, wb_span_str(key), none, 0,
                             SIM_RECORD_VISIBLE);
}

static void set_up_shape(void)
{
    int64_t shape = sim_below(SIM_SCHEDULE, 4);
    sim.fan_out = shape == 1;
    sim.narrow = false;
    sim.chain = shape == 2;
    sim.deletes = sim_chance(SIM_SCHEDULE, 750);
    sim.keep = sim_chance(SIM_SCHEDULE, 150);
    sim.flood = sim_chance(SIM_SCHEDULE, 40);
    sim.outage = sim_chance(SIM_SCHEDULE, 60);
    sim.file_count = sim.flood ? SIM_FILES_MOST : 1 + (int)sim_below(SIM_SCHEDULE, SIM_FILES_USUAL);
    if (sim.outage)
        set(WB_OPT_BACKOFF, "1s..4s");
    if (sim.flood) {
        set(WB_OPT_WINDOW_TASKS, "1");
        set(WB_OPT_BATCH_FILES, "1");
    }
    sim.planners = 1 + (int)sim_below(SIM_SCHEDULE, 3);
    sim.transfers = 1 + (int)sim_below(SIM_SCHEDULE, 3);
    sim.verifiers = 1 + (int)sim_below(SIM_SCHEDULE, 2);
}

static void spawn_all(bool calm)
{
    for (int i = 0; i < sim.planners; i++)
        (void)sim_spawn(SIM_ROLE_PLANNER, i, sim_planner_main);
    for (int i = 0; i < sim.transfers; i++)
        (void)sim_spawn(SIM_ROLE_TRANSFER, i, sim_transfer_main);
    for (int i = 0; i < sim.verifiers; i++)
        (void)sim_spawn(SIM_ROLE_VERIFIER, i, sim_verifier_main);
    (void)sim_spawn(SIM_ROLE_WORLD, 0, sim_source_main);
    if (!calm)
        (void)sim_spawn(SIM_ROLE_WORLD, 1, sim_weather_main);
}

/* ---- the course ---- */

static bool is_quiet(void)
{
    char name[3][64];
    static const char *const stages[] = {"planner", "transfer", "verifier"};
    if (sim_check_jobs() > 0)
        return false;
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name[i], sizeof(name[i]), "%s.%s", wb_config_text(sim.config, WB_OPT_PREFIX),
                       stages[i]);
        if (!sim_group_idle(name[i]))
            return false;
    }
    return true;
}

static void run_chaos(void)
{
    int64_t most = 500 + sim_spread(SIM_SCHEDULE, 1, CHAOS_STEPS_MOST);
    for (int64_t i = 0; i < most && !sim.broken; i++, sim.steps++)
        if (!sim_step(INT64_MAX))
            break;
}

/* What was remembered of a fault for a moment is forgotten. */
static void breathe(int64_t seconds)
{
    int64_t until_ns = sim_now_ns() + seconds * SIM_SECOND;
    while (sim_now_ns() < until_ns && !sim.broken && sim_step(until_ns))
        sim.steps++;
    sim_time_set(until_ns);
}

static void drain(void)
{
    int64_t until_ns = sim_now_ns() + 2 * SIM_HOUR;
    for (int i = 0; i < HEAL_STEPS_MOST && !sim.broken; i++, sim.steps++) {
        if (i % 16 == 0 && is_quiet())
            return;
        if (i % 16 == 0)
            sim_check_deadlines();
        if (!sim_step(until_ns))
            break;
    }
    if (!sim.broken)
        sim_break(SIM_I8, "%d jobs are left when all has been well for a long time",
                  sim_check_jobs());
}

static void heal(void)
{
    sim_note_plain("healed", 0, 0);
    sim_faults_end();
    sim.chaos = false;
    sim.healed_ms = wb_clock_wall_ms();
    sim_weather_heal();
    sim_wake_all();
    if (sim.narrow)
        sim_targets_change();
    for (int i = 0; i < SIM_PROCS_MOST; i++)
        if (sim_proc_at(i))
            sim_proc_at(i)->skew_ms = 0;
    /* What it misses nobody asks for but a planner that has read the rules. */
    bool returned = sim.fan_out && sim_fault_happened(SIM_FAULT_TARGETS);
    breathe(returned ? LONG_BREATH_SECONDS : BREATH_SECONDS);
    sim_source_settle();
    drain();
    if (!sim.broken && sim_source_redrive() > 0) {
        sim_note_plain("redriven", 0, 0);
        drain();
    }
}

void sim_run(const struct sim_options *options)
{
    sim.seed = options->seed;
    sim.over = false;
    sim.chaos = true;
    sim.broken = SIM_HOLDS;
    sim.steps = 0;
    sim_random_begin(options->seed);
    sim_time_begin();
    sim_procs_begin();
    sim_trace_begin(options->trace);
    set_up_config();
    sim_share_begin();
    set_up_shape();
    sim_faults_begin(options);
    sim_log_begin();
    sim_store_begin();
    sim_check_begin();
    sim_source_begin();
    for (int node = 0; node < SIM_NODES; node++)
        put_node(node);
    sim_rules_set();
    spawn_all(options->calm);
    run_chaos();
    if (!sim.broken)
        heal();
    if (!sim.broken)
        sim_check_end();
    sim.over = true;
    sim_procs_end();
    sim_log_end();
}
