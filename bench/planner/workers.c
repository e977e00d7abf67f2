/* Transfer and verifier in one, as quick as can be: each task has its answer at once, and a copy
 * its proof as well. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/planner/bench.h"
#include "core/base/clock.h"
#include "core/base/hash.h"

enum { ARENA_MOST = 512 * 1024 * 1024, TEXT = 64 };

struct kept {
    struct wb_span task;
    struct kept *next;
};

static struct wb_arena *keeper; /* of tasks that wait for their answer */
static struct kept *first_kept;
static struct kept **last_kept = &first_kept;
static struct wb_arena *arena; /* of one answer */
static int64_t next[SIM_PARTITIONS];

void bench_workers_collect(void)
{
    if (!keeper)
        keeper = wb_arena_new(ARENA_MOST);
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        const struct sim_partition *partition = &sim_topic(WB_TOPIC_TASKS)->partitions[p];
        for (; next[p] < partition->count; next[p]++) {
            const struct sim_record *record = &partition->records[next[p]];
            if (record->state != SIM_RECORD_VISIBLE)
                continue;
            struct kept *kept = wb_arena_alloc(keeper, sizeof(*kept));
            kept->task = wb_arena_span(keeper, record->value);
            *last_kept = kept;
            last_kept = &kept->next;
        }
    }
}

static void fill(struct wb_result *result, const struct wb_task *task,
                 const struct wb_task_file *file)
{
    static const uint8_t digest[16] = {1};
    struct wb_range *range = wb_arena_alloc(arena, sizeof(*range));
    *result = (struct wb_result){.job = file->job,
                                 .attempt = file->attempt,
                                 .path = file->path,
                                 .version = file->version,
                                 .instance = file->instance,
                                 .tag = file->tag,
                                 .started_ms = wb_clock_wall_ms(),
                                 .free_bytes = -1};
    if (task->op == WB_OP_CHECK) {
        result->outcome = WB_OUTCOME_CHECKED;
    } else if (task->op == WB_OP_PUBLISH) {
        result->outcome = WB_OUTCOME_PUBLISHED;
    } else if (task->op == WB_OP_COPY) {
        *range = (struct wb_range){.length = file->version->size_bytes,
                                   .digest = wb_span_of(digest, sizeof(digest)),
                                   .tag = ""};
        result->outcome = WB_OUTCOME_COPIED;
        result->instance = wb_arena_printf(arena, ".waybill/%s.%016llx", file->job,
                                           (unsigned long long)wb_random_u64());
        result->tag = wb_arena_printf(arena, "%016llx", (unsigned long long)wb_random_u64());
        result->ranges = range;
        result->range_count = 1;
        result->bytes = range->length;
    } else {
        bench_die(wb_op_name(task->op), NULL);
    }
}

static void answer(const struct wb_task *task)
{
    struct wb_report report = {.task = task->id,
                               .op = task->op,
                               .time_ms = wb_clock_wall_ms(),
                               .partition = task->partition,
                               .source = task->source,
                               .from = task->from,
                               .target = task->target,
                               .worker = "bench",
                               .options = task->options,
                               .result_count = task->file_count};
    report.results = wb_arena_alloc(arena, task->file_count * sizeof(*report.results));
    for (size_t i = 0; i < task->file_count; i++)
        fill(&report.results[i], task, &task->files[i]);
    bench_append(WB_TOPIC_TRANSFERS, task->partition, wb_span_of(NULL, 0), WB_RECORD_TRANSFER,
                 &report);
    if (task->op != WB_OP_COPY)
        return;
    for (size_t i = 0; i < task->file_count; i++)
        report.results[i].outcome = WB_OUTCOME_MATCH;
    bench_append(WB_TOPIC_VERDICTS, task->partition, wb_span_of(NULL, 0), WB_RECORD_VERDICT,
                 &report);
}

void bench_workers_answer(void)
{
    struct wb_err err;
    if (!arena)
        arena = wb_arena_new(ARENA_MOST);
    for (const struct kept *kept = first_kept; kept; kept = kept->next) {
        void *task;
        wb_arena_reset(arena);
        if (wb_codec_decode_as(sim.codec, WB_RECORD_TASK, kept->task, arena, &task, &err) != WB_OK)
            bench_die("cannot read a task", &err);
        answer(task);
    }
    first_kept = NULL;
    last_kept = &first_kept;
    if (keeper)
        wb_arena_reset(keeper);
}
