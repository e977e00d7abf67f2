/* The planner alone: how many events it takes in, and how many files it brings to their end, on one
 * core, while very many files wait.
 *
 *   fill    nobody works: the window of the target fills, all else waits
 *   events  more events while these wait: half of new files, half of files that wait
 *   ends    workers answer at once, until so many files have ended
 *
 * Only turns of the stage are measured, on the clock and as time of its thread; the log in memory
 * is part of them, upstream and workers are not. Prints JSON; `run` builds, runs and shows. */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/planner/bench.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/stage/health.h"
#include "core/wire/topics.h"
#include "planner/plan.h"
#include "planner/planner.h"

enum { SLICE = 20000, LOG_ARENA = 1024 * 1024 * 1024, FOLDERS_OPEN = 8 };

struct phase {
    const char *name;
    const char *unit;
    int64_t count; /* of units */
    int64_t turns;
    int64_t steps;
    int64_t wall_ns;
    int64_t cpu_ns;
};

static int64_t steps;

void __real_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox);
void __wrap_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox);

void __wrap_wb_plan_step(const struct wb_policy *policy, struct wb_link *link,
                         const struct wb_input *input, struct wb_outbox *outbox)
{
    steps++;
    __real_wb_plan_step(policy, link, input, outbox);
}

/* ---- turns ---- */

static int64_t cpu_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void turn(void *planner, struct phase *phase)
{
    struct wb_err err;
    int64_t steps_before = steps;
    int64_t wall_ns = wb_clock_mono_ns();
    int64_t cpu_ns = cpu_now_ns();
    if (wb_planner_stage.turn(planner, 0, &err) != WB_OK)
        bench_die("the planner", &err);
    phase->cpu_ns += cpu_now_ns() - cpu_ns;
    phase->wall_ns += wb_clock_mono_ns() - wall_ns;
    phase->steps += steps - steps_before;
    phase->turns++;
}

static void turn_until_read(void *planner, struct phase *phase)
{
    char group[64];
    (void)snprintf(group, sizeof(group), "%s.planner", wb_config_text(sim.config, WB_OPT_PREFIX));
    do
        turn(planner, phase);
    while (!sim_group_idle(group));
    bench_workers_collect();
    bench_log_forget();
}

static int64_t slice_of(int64_t left)
{
    return left < SLICE ? left : SLICE;
}

static void fill(void *planner, struct phase *phase, int64_t files)
{
    for (int64_t done = 0; done < files; done += slice_of(files - done)) {
        bench_events_put(done, slice_of(files - done));
        turn_until_read(planner, phase);
    }
    phase->count = files;
}

static void take_events(void *planner, struct phase *phase, int64_t files, int64_t events)
{
    int64_t news = events / 2;
    for (int64_t done = 0; done < news; done += slice_of(news - done)) {
        bench_events_put(files + done, slice_of(news - done));
        bench_events_known(files, slice_of(news - done));
        turn_until_read(planner, phase);
    }
    phase->count = 2 * news;
}

static void end_files(void *planner, struct phase *phase, int64_t files)
{
    int64_t before = bench_committed(WB_TOPIC_REPLICAS);
    while (phase->count < files) {
        bench_workers_answer();
        turn_until_read(planner, phase);
        phase->count = bench_committed(WB_TOPIC_REPLICAS) - before;
    }
}

/* ---- the ring ---- */

static void set(enum wb_opt option, const char *value)
{
    struct wb_err err;
    if (wb_config_set(sim.config, option, value, "bench", &err) != WB_OK)
        bench_die("setting", &err);
}

static void put_node(const char *name)
{
    const struct wb_node node = {.name = name, .url = "mem://bench", .state = WB_NODE_UP};
    bench_append(WB_TOPIC_NODES, 0, wb_span_str(name), WB_RECORD_NODE, &node);
}

static void put_rule(void)
{
    const char *targets[] = {"b"};
    const struct wb_rule rule = {.name = "all",
                                 .source = "a",
                                 .pattern = wb_span_str("**"),
                                 .targets = targets,
                                 .target_count = 1,
                                 .strategy = WB_STRATEGY_AUTO,
                                 .batch_below_bytes = -1,
                                 .direct_below_bytes = -1};
    bench_append(WB_TOPIC_SETTINGS, 0, wb_span_str("rule/all"), WB_RECORD_RULE, &rule);
}

static void set_up(const char *state_dir)
{
    struct wb_err err;
    sim.config = wb_config_new();
    sim.metrics = wb_metrics_new();
    sim.arena = wb_arena_new(LOG_ARENA);
    set(WB_OPT_STATE_DIR, state_dir);
    set(WB_OPT_TASK_DEADLINE, "24h");
    if (wb_codec_new(&sim.codec, &err) != WB_OK)
        bench_die("codec", &err);
    sim_log_begin();
    put_node("a");
    put_node("b");
    put_rule();
}

static void tear_down(void)
{
    wb_codec_free(&sim.codec);
    wb_arena_free(&sim.arena);
    wb_metrics_free(&sim.metrics);
    wb_config_free(&sim.config);
}

/* ---- what came of it ---- */

static int64_t peak_bytes(void)
{
    char line[128];
    long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoll(line + 6, NULL, 10);
    if (file)
        (void)fclose(file);
    return kib * 1024;
}

static int64_t folder_bytes;

static int add_file(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)path;
    (void)ftw;
    folder_bytes += type == FTW_F ? info->st_size : 0;
    return 0;
}

static double per_second(int64_t count, int64_t ns)
{
    return ns > 0 ? (double)count * 1e9 / (double)ns : 0;
}

static void print_phase(const struct phase *phase, const char *end)
{
    (void)printf("{\"name\":\"%s\",\"unit\":\"%s\",\"count\":%lld,\"steps\":%lld,\"turns\":%lld,"
                 "\"wall_s\":%.3f,\"cpu_s\":%.3f,\"per_s\":%.0f,\"per_cpu_s\":%.0f,"
                 "\"steps_per_cpu_s\":%.0f}%s",
                 phase->name, phase->unit, (long long)phase->count, (long long)phase->steps,
                 (long long)phase->turns, (double)phase->wall_ns / 1e9, (double)phase->cpu_ns / 1e9,
                 per_second(phase->count, phase->wall_ns), per_second(phase->count, phase->cpu_ns),
                 per_second(phase->steps, phase->cpu_ns), end);
}

static int run(const char *state_dir, int64_t files, int64_t events, int64_t ends)
{
    struct wb_err err;
    void *planner;
    struct phase filling = {.name = "fill", .unit = "event"};
    struct phase taking = {.name = "events", .unit = "event"};
    struct phase ending = {.name = "ends", .unit = "file"};
    struct wb_health *health = wb_health_new("planner");
    const struct wb_stage_env env = {
        .config = sim.config, .metrics = sim.metrics, .health = health, .worker = "bench"};
    if (wb_planner_stage.open(&env, &planner, &err) != WB_OK)
        bench_die("the planner", &err);
    turn_until_read(planner, &(struct phase){0});
    fill(planner, &filling, files);
    take_events(planner, &taking, files, events);
    int64_t peak = peak_bytes();
    end_files(planner, &ending, ends);
    (void)nftw(state_dir, add_file, FOLDERS_OPEN, FTW_PHYS);
    (void)printf("{\"partitions\":%d,\"phases\":[", SIM_PARTITIONS);
    print_phase(&filling, ",");
    print_phase(&taking, ",");
    print_phase(&ending, "],");
    (void)printf("\"peak_bytes\":%lld,\"peak_ends_bytes\":%lld,\"log_bytes\":%lld,"
                 "\"ledger_bytes\":%lld}\n",
                 (long long)peak, (long long)peak_bytes(), (long long)bench_log_bytes(),
                 (long long)folder_bytes);
    wb_planner_stage.close(planner);
    wb_health_free(&health);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: bench_planner STATE_DIR FILES EVENTS ENDS\n");
        return 2;
    }
    set_up(argv[1]);
    int code = run(argv[1], strtoll(argv[2], NULL, 10), strtoll(argv[3], NULL, 10),
                   strtoll(argv[4], NULL, 10));
    tear_down();
    return code;
}
