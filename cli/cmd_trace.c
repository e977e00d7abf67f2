/* The life of a file as the log has it: every record that names it, by time. The home partition
 * holds all but tasks, which are spread, and events that came to a wrong partition. */
#include <stdarg.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/view.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum {
    SHOWN_MAX = 8192,
    ENTRIES_MOST = 100000,
    RECORD_ARENA = 64 << 20,
    DETAIL_MAX = 1024,
    PARTITIONS_MOST = 4096
};

struct entry {
    int64_t time_ms;
    int order; /* among equal times: as data goes round the ring */
    int32_t partition;
    int64_t offset;
    const char *topic; /* name without prefix, static */
    char *target;
    char *what;
};

struct trace {
    struct wb_cli *cli;
    struct wb_codec *codec;
    struct wb_arena *arena;
    char node[64];
    struct wb_span path;
    char source[64]; /* of the file, where `node` turned out to be a target */
    struct entry *entries;
    size_t count;
    bool cut;
    int order;
    const struct wb_topic_row *row;
    enum wb_record_type type;
};

/* ---- what a record says of the file ---- */

static void add(struct trace *trace, const struct wb_message *message, int64_t time_ms,
                const char *target, const char *fmt, ...) WB_PRINTF(5, 6);

static void add(struct trace *trace, const struct wb_message *message, int64_t time_ms,
                const char *target, const char *fmt, ...)
{
    char text[DETAIL_MAX];
    va_list args;
    if (trace->count == ENTRIES_MOST) {
        trace->cut = true;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    trace->entries[trace->count++] = (struct entry){time_ms > 0 ? time_ms : message->timestamp_ms,
                                                    trace->order,
                                                    message->partition,
                                                    message->offset,
                                                    trace->row->name,
                                                    wb_xstrdup(target),
                                                    wb_xstrdup(text)};
}

static const char *error_text(const struct wb_err *err, char out[DETAIL_MAX / 2])
{
    out[0] = 0;
    if (!err)
        return out;
    size_t used = (size_t)snprintf(out, DETAIL_MAX / 2, ": ");
    wb_err_format(err, out + used, DETAIL_MAX / 2 - used);
    return out;
}

static bool is_file(const struct trace *trace, const char *node, struct wb_span path)
{
    return strcmp(node, trace->node) == 0 && wb_span_eq(path, trace->path);
}

static void tell_event(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_file_event *event = record;
    char size[32] = "";
    if (!is_file(trace, event->node, event->path))
        return;
    if (event->size_bytes >= 0)
        (void)snprintf(size, sizeof(size), ", %lld bytes", (long long)event->size_bytes);
    add(trace, message, event->time_ms, "", "%s%s, event %s", wb_event_kind_name(event->kind), size,
        event->id);
}

static void tell_task(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_task *task = record;
    char count[64];
    if (strcmp(task->source, trace->node) != 0)
        return;
    for (size_t i = 0; i < task->file_count; i++)
        if (wb_span_eq(task->files[i].path, trace->path))
            add(trace, message, task->time_ms, task->target, "%s, job %s, attempt %d, one of %s",
                wb_op_name(task->op), task->files[i].job, task->files[i].attempt + 1,
                wb_out_counted((int64_t)task->file_count, "file", "files", count));
}

static void tell_report(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_report *report = record;
    char error[DETAIL_MAX / 2];
    if (strcmp(report->source, trace->node) != 0)
        return;
    for (size_t i = 0; i < report->result_count; i++) {
        const struct wb_result *result = &report->results[i];
        if (wb_span_eq(result->path, trace->path))
            add(trace, message, report->time_ms, report->target,
                "%s: %s, %lld bytes in %lld ms by %s%s", wb_op_name(report->op),
                wb_outcome_name(result->outcome), (long long)result->bytes,
                (long long)result->duration_ms, report->worker, error_text(result->error, error));
    }
}

static void tell_job(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_job *job = record;
    char error[DETAIL_MAX / 2];
    char count[64];
    if (is_file(trace, job->source, job->path))
        add(trace, message, job->updated_ms, job->target, "%s, %s, job %s, %d of %s made%s",
            wb_job_state_name(job->state), wb_strategy_name(job->strategy), job->id,
            wb_render_attempts(job),
            wb_out_counted(job->max_attempts, "attempt", "attempts", count),
            error_text(job->error, error));
}

static void tell_replica(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_replica *replica = record;
    char error[DETAIL_MAX / 2];
    char count[64];
    if (is_file(trace, replica->source, replica->path))
        add(trace, message, replica->ended_ms, replica->target, "%s, event %s, %s%s%s%s",
            wb_end_name(replica->end), replica->event_id,
            wb_out_counted(replica->attempts, "attempt", "attempts", count),
            *replica->reason ? ", " : "", replica->reason, error_text(replica->error, error));
}

static void tell_dead(struct trace *trace, const struct wb_message *message, const void *record)
{
    const struct wb_dead_letter *dead = record;
    char error[DETAIL_MAX / 2];
    char count[64];
    if (is_file(trace, dead->source, dead->path))
        add(trace, message, dead->time_ms, dead->target, "dead, job %s, %s%s", dead->job,
            wb_out_counted(dead->attempts, "attempt", "attempts", count),
            error_text(&dead->error, error));
}

/* ---- scanning ---- */

struct source {
    enum wb_topic topic;
    enum wb_record_type type;
    void (*tell)(struct trace *trace, const struct wb_message *message, const void *record);
};

static const struct source sources[] = {
    {WB_TOPIC_EVENTS, WB_RECORD_FILE_EVENT, tell_event},
    {WB_TOPIC_TASKS, WB_RECORD_TASK, tell_task},
    {WB_TOPIC_TRANSFERS, WB_RECORD_TRANSFER, tell_report},
    {WB_TOPIC_VERDICTS, WB_RECORD_VERDICT, tell_report},
    {WB_TOPIC_JOBS, WB_RECORD_JOB, tell_job},
    {WB_TOPIC_REPLICAS, WB_RECORD_REPLICA, tell_replica},
    {WB_TOPIC_DEAD, WB_RECORD_DEAD_LETTER, tell_dead},
};
enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

/* A tombstone says that the job ended; its key names the file. */
static void tell_tombstone(struct trace *trace, const struct wb_message *message)
{
    char target[64];
    char source[64];
    struct wb_span path;
    struct wb_err ignored;
    if (trace->type == WB_RECORD_JOB &&
        wb_replica_key_parse(message->key, target, source, &path, &ignored) == WB_OK &&
        is_file(trace, source, path))
        add(trace, message, 0, target, "ended");
}

static enum wb_rc visit(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct trace *trace = arg;
    struct wb_err unreadable;
    void *record;
    (void)err;
    if (!message->value.data) {
        tell_tombstone(trace, message);
        return WB_OK;
    }
    wb_arena_reset(trace->arena);
    if (wb_codec_decode_as(trace->codec, trace->type, message->value, trace->arena, &record,
                           &unreadable) == WB_OK)
        sources[trace->order].tell(trace, message, record);
    return WB_OK;
}

static enum wb_rc scan(struct trace *trace, const char *site, int32_t home, struct wb_err *err)
{
    char topic[256];
    int64_t from[PARTITIONS_MOST];
    bool all = wb_cli_flag(trace->cli, "all") || !trace->row->home;
    for (int32_t i = 0; i < PARTITIONS_MOST; i++)
        from[i] = all || i == home ? -1 : INT64_MAX;
    (void)wb_topic_name(trace->cli->config, trace->row->topic, site, topic);
    return wb_log_scan(trace->cli->config, topic, from, PARTITIONS_MOST, visit, trace, err);
}

static enum wb_rc scan_all(struct trace *trace, struct wb_err *err)
{
    int32_t partitions;
    if (wb_topics_partitions(trace->cli->config, &partitions, err) != WB_OK)
        return WB_ERROR;
    int32_t home = wb_home_partition(trace->node, trace->path, partitions);
    for (int i = 0; i < SOURCES; i++) {
        trace->order = i;
        trace->row = wb_topic_row(sources[i].topic);
        trace->type = sources[i].type;
        if (scan(trace, wb_config_text(trace->cli->config, WB_OPT_SITE), home, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- showing ---- */

static int by_time(const void *a, const void *b)
{
    const struct entry *one = a;
    const struct entry *other = b;
    if (one->time_ms != other->time_ms)
        return one->time_ms < other->time_ms ? -1 : 1;
    if (one->order != other->order)
        return one->order - other->order;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static void entry_row(struct wb_list *list, const struct entry *entry, int64_t first_ms)
{
    char time[32];
    char since[16];
    if (wb_list_is_json(list)) {
        json_t *object = json_object();
        wb_json_set_time(object, "time", entry->time_ms);
        wb_json_set_str(object, "topic", entry->topic);
        wb_json_set_int(object, "partition", entry->partition);
        wb_json_set_int(object, "offset", entry->offset);
        wb_json_set_str(object, "target", entry->target);
        wb_json_set_str(object, "what", entry->what);
        wb_list_object(list, object);
        return;
    }
    wb_clock_format(entry->time_ms, time);
    wb_duration_format(entry->time_ms - first_ms, since);
    wb_list_cell(list, "%s", time);
    wb_list_cell(list, "+%s", since);
    wb_list_cell(list, "%s", entry->topic);
    wb_list_cell(list, "%d/%lld", entry->partition, (long long)entry->offset);
    wb_list_cell(list, "%s", *entry->target ? entry->target : "-");
    wb_list_cell(list, "%s", entry->what);
}

static void show(struct trace *trace)
{
    static const struct wb_column columns[] = {{"TIME", false, false},   {"AFTER", true, false},
                                               {"TOPIC", false, false},  {"PLACE", true, true},
                                               {"TARGET", false, false}, {"WHAT", false, false}};
    qsort(trace->entries, trace->count, sizeof(*trace->entries), by_time);
    struct wb_list *list WB_AUTO(wb_list_end) = wb_list_new(trace->cli, "records", columns, 6);
    for (size_t i = 0; i < trace->count; i++)
        entry_row(list, &trace->entries[i], trace->entries[0].time_ms);
}

static void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        free(trace->entries[i].target);
        free(trace->entries[i].what);
    }
    free(trace->entries);
    wb_arena_free(&trace->arena);
    wb_codec_free(&trace->codec);
}

static enum wb_rc note_source(void *arg, const struct wb_view_row *row, struct wb_err *err)
{
    struct trace *trace = arg;
    struct wb_span path = row->job ? row->job->path : row->replica->path;
    (void)err;
    if (wb_span_eq(path, trace->path))
        (void)snprintf(trace->source, sizeof(trace->source), "%s",
                       row->job ? row->job->source : row->replica->source);
    return WB_OK;
}

/* The log knows a file by its source; somebody who has found it on a target need not. */
static int fail_unknown(struct trace *trace)
{
    struct wb_err err;
    struct wb_err ignored;
    char shown[SHOWN_MAX];
    char hint[SHOWN_MAX + 128];
    struct wb_view *view WB_AUTO(wb_view_free) = NULL;
    const struct wb_view_filter there = {.target = trace->node, .path = trace->path};
    (void)wb_path_show(trace->path, shown, sizeof(shown));
    (void)wb_err_set(&err, WB_CAT_NOT_FOUND, "the log has nothing of \"%s:%s\"", trace->node,
                     shown);
    if (wb_view_open(trace->cli->config, &view, &ignored) != WB_OK ||
        wb_view_each(view, &there, note_source, trace, &ignored) != WB_OK || !*trace->source)
        return wb_cli_fail(trace->cli, &err);
    (void)snprintf(hint, sizeof(hint), "it is a copy of another node's file: `waybill trace %s:%s`",
                   trace->source, shown);
    return wb_cli_fail_hint(trace->cli, &err, hint);
}

static int run_trace(struct wb_cli *cli)
{
    struct wb_err err;
    struct trace trace WB_AUTO(trace_free) = {.cli = cli};
    if (wb_path_split(cli->words[0], trace.node, &trace.path, &err) != WB_OK ||
        wb_path_check(trace.path, &err) != WB_OK || wb_codec_new(&trace.codec, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    trace.arena = wb_arena_new(RECORD_ARENA);
    trace.entries = wb_xcalloc(ENTRIES_MOST, sizeof(*trace.entries));
    if (scan_all(&trace, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (trace.count == 0)
        return fail_unknown(&trace);
    show(&trace);
    if (trace.cut)
        (void)fprintf(stderr, "waybill: only the first %d records are shown\n", ENTRIES_MOST);
    return 0;
}

static const struct wb_flag flags[] = {
    {"all", 0, NULL, "read every partition, for events sent by other partitioners"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_trace = {
    .name = "trace",
    .words = "NODE:PATH",
    .group = "observe",
    .summary = "the life of a file: every record of the log that names it, by time",
    .help = "NODE is the source. Compacted topics (jobs, replicas) show what is left of them.\n\n"
            "example:\n  waybill trace a:raw/x.bin -o wide\n",
    .least_words = 1,
    .most_words = 1,
    .flags = flags,
    .run = run_trace,
};
