/* Faults that last for a while: nodes that are away, full or read-only, the log that is down; and
 * those that nobody's call brings about: late duplicates, compaction, rebalances, strangers. */
#include <string.h>

#include "tests/sim/simcheck.h"

static void lasts(void)
{
    sim_sleep_ns(sim_spread(SIM_FAULTS, 10 * SIM_MS, 60 * SIM_SECOND));
}

/* Only a node whose marker the ring knows can be told from the folder below its mount. */
static bool has_known_marker(int node)
{
    void *health;
    char key[32];
    struct wb_err err;
    (void)snprintf(key, sizeof(key), "health/%s", sim_nodes[node]);
    const struct sim_record *record = sim_newest(WB_TOPIC_NODES, 0, wb_span_str(key));
    int64_t age_ms = record ? sim_now_ns() / SIM_MS - record->timestamp_ms : 0;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(1024 * 1024);
    return age_ms > 5000 &&
           wb_codec_decode_as(sim.codec, WB_RECORD_NODE_HEALTH, record->value, arena, &health,
                              &err) == WB_OK &&
           *((const struct wb_node_health *)health)->marker;
}

static void node_trouble(void)
{
    int node = (int)sim_below(SIM_FAULTS, SIM_NODES);
    if (has_known_marker(node) && sim_fault(SIM_FAULT_NODE_BARE)) {
        wb_mem_mount(sim_nodes[node], WB_MEM_BARE);
        lasts();
        wb_mem_mount(sim_nodes[node], WB_MEM_MOUNTED);
    }
    if (sim_fault(SIM_FAULT_NODE_AWAY)) {
        wb_mem_mount(sim_nodes[node], WB_MEM_AWAY);
        lasts();
        wb_mem_mount(sim_nodes[node], WB_MEM_MOUNTED);
    }
    if (sim_fault(SIM_FAULT_NODE_FULL)) {
        sim_store_weather(node, true, false);
        lasts();
    }
    if (sim_fault(SIM_FAULT_NODE_READ_ONLY)) {
        sim_store_weather(node, false, true);
        lasts();
    }
    sim_store_weather(node, false, false);
}

static void log_trouble(void)
{
    if (sim_fault(SIM_FAULT_DUPLICATE))
        sim_log_duplicate();
    if (sim_fault(SIM_FAULT_COMPACT))
        sim_log_compact();
    if (sim_fault(SIM_FAULT_RETENTION))
        sim_log_retain();
    if (sim_fault(SIM_FAULT_KICK))
        sim_groups_kick();
    if (sim_fault(SIM_FAULT_LOG_DOWN)) {
        sim_log_set_down(true);
        lasts();
        sim_log_set_down(false);
    }
}

/* What operators do. */
static void operator(void)
{
    if (sim_fault(SIM_FAULT_RULE))
        sim_rules_set();
    if (sim.fan_out && sim_fault(SIM_FAULT_TARGETS))
        sim_targets_change();
    if (sim_fault(SIM_FAULT_CANCEL))
        sim_cancel_set();
    if (sim_fault(SIM_FAULT_PAUSE)) {
        sim_pause_set();
        lasts();
        sim_pauses_end();
    }
}

/* On the middle of a chain it would be the source of the next copy. */
static int end_of_rules(void)
{
    return sim.chain ? 2 : 1 + (int)sim_below(SIM_FAULTS, SIM_NODES - 1);
}

/* The medium forgets: nobody is told, and nothing but the bytes shows it. */
static void rot(void)
{
    int node = end_of_rules();
    struct sim_file *file = sim_file_at((int)sim_below(SIM_FAULTS, sim.file_count));
    if (!file->stranger[node] && sim_fault(SIM_FAULT_ROT))
        file->rotten[node] |=
            wb_mem_flip(sim_nodes[node], WB_PLACE_FINAL, wb_span_str(file->path), true);
}

/* Somebody puts a file of his own where a copy belongs: other bytes, or the very same ones. */
static void stranger(void)
{
    int node = end_of_rules();
    struct sim_file *file = sim_file_at((int)sim_below(SIM_FAULTS, sim.file_count));
    struct wb_span path = wb_span_str(file->path);
    struct wb_span bytes = wb_span_str("a stranger's");
    struct wb_stat stat = {.version = {.mtime_ns = -1}};
    uint8_t copy[SIM_BYTES_MOST];
    if (!sim_fault(SIM_FAULT_STRANGER))
        return;
    if (sim_chance(SIM_FAULTS, 500) && wb_mem_peek(sim_nodes[0], path, &bytes, &stat) &&
        bytes.len) {
        memcpy(copy, bytes.data, bytes.len);
        bytes.data = copy;
    }
    wb_mem_put(sim_nodes[node], path, WB_FILE_REGULAR, bytes, stat.version.mtime_ns, false);
    file->stranger[node] = true;
    file->rotten[node] = false;
    sim_note("stranger", path, node, (int64_t)bytes.len);
}

/* One node is away once. */
static void outage(void)
{
    int node = (int)sim_below(SIM_FAULTS, SIM_NODES);
    sim_sleep_ns(sim_spread(SIM_FAULTS, SIM_MS, 10 * SIM_SECOND));
    if (!sim.chaos)
        return;
    wb_mem_mount(sim_nodes[node], WB_MEM_AWAY);
    sim_sleep_ns(sim_spread(SIM_FAULTS, 10 * SIM_SECOND, 60 * SIM_SECOND));
    wb_mem_mount(sim_nodes[node], WB_MEM_MOUNTED);
}

void sim_weather_main(struct sim_proc *proc)
{
    int64_t pace_ns = sim_spread(SIM_FAULTS, 10 * SIM_MS, 10 * SIM_SECOND);
    (void)proc;
    if (sim.outage) {
        outage();
        return;
    }
    while (!sim.over && sim.chaos) {
        sim_sleep_ns(sim_spread(SIM_FAULTS, SIM_MS, pace_ns));
        node_trouble();
        log_trouble();
        stranger();
        rot();
        operator();
    }
}

void sim_weather_heal(void)
{
    for (int node = 0; node < SIM_NODES; node++) {
        wb_mem_mount(sim_nodes[node], WB_MEM_MOUNTED);
        sim_store_weather(node, false, false);
    }
    sim_log_set_down(false);
    sim_pauses_end();
}
