/* Records out: everything that a turn decided, in one transaction with the offsets it consumed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/stage/dead.h"
#include "planner/shell.h"

enum {
    TASK_BYTES_MOST = 512 * 1024, /* of an encoded task, roughly */
    TASK_FILE_BYTES = 512,        /* what a file takes besides its names and ranges */
    ID_TEXT = 40,
    KEY_MAX = 8192
};

#define LETTER_TICKET UINT64_MAX

/* Tickets of changelog records: which topic and partition, so that their places can be noted. */
static uint64_t ticket_of(int which, int32_t partition)
{
    return 1 + (uint64_t)partition * 2 + (uint64_t)which;
}

void wb_flush_delivered(void *arg, uint64_t ticket, const char *topic, int32_t partition,
                        int64_t offset, const struct wb_err *err)
{
    struct wb_shell *shell = arg;
    (void)topic;
    if (ticket == LETTER_TICKET)
        shell->bare_letters |= err && err->category == WB_CAT_LIMIT;
    if (ticket == LETTER_TICKET || err || partition >= shell->partitions)
        return;
    int64_t *written = &shell->parts[partition].written[(ticket - 1) & 1];
    if (offset + 1 > *written)
        *written = offset + 1;
}

enum wb_rc wb_shell_send(struct wb_shell *shell, enum wb_topic topic, int32_t partition,
                         struct wb_span key, enum wb_record_type type, const void *record,
                         struct wb_err *err)
{
    wb_buf_clear(&shell->value);
    if (wb_codec_encode(shell->codec, type, record, &shell->value, err) != WB_OK)
        return WB_ERROR;
    return wb_producer_send(shell->producer, shell->topics[topic], partition, key,
                            wb_buf_span(&shell->value), 0, err);
}

/* ---- tasks ---- */

static size_t encoded_size(const struct wb_task_file *file)
{
    size_t size = TASK_FILE_BYTES + file->path.len + strlen(file->instance) + strlen(file->tag);
    if (file->version)
        size += strlen(file->version->etag);
    if (file->known)
        size += strlen(file->known->etag);
    for (size_t i = 0; i < file->range_count; i++)
        size += 64 + strlen(file->ranges[i].tag);
    return size;
}

static bool same_task(const struct wb_intent *a, const struct wb_intent *b)
{
    return a->op == b->op && a->partition == b->partition &&
           a->max_file_bytes == b->max_file_bytes && strcmp(a->target, b->target) == 0 &&
           strcmp(a->source, b->source) == 0 && strcmp(a->from, b->from) == 0 &&
           memcmp(&a->options, &b->options, sizeof(a->options)) == 0;
}

/* A task that grows while intents are gathered into it. */
struct gathering {
    const struct wb_intent *like;
    struct wb_task_file *files;
    size_t count;
    size_t room;
    int64_t bytes;
    size_t encoded;
    int64_t not_after_ms;
    struct gathering *next;
};

struct tasks {
    struct wb_shell *shell;
    struct gathering *first;
    size_t files_most;
    int64_t bytes_most;
};

static bool fits(const struct tasks *tasks, const struct gathering *task,
                 const struct wb_intent *intent)
{
    return task->count < tasks->files_most && task->bytes + intent->bytes <= tasks->bytes_most &&
           task->encoded + encoded_size(&intent->file) <= TASK_BYTES_MOST &&
           same_task(task->like, intent);
}

static struct gathering *task_for(struct tasks *tasks, const struct wb_intent *intent)
{
    for (struct gathering *task = tasks->first; task && !intent->alone; task = task->next)
        if (fits(tasks, task, intent))
            return task;
    struct gathering *task = wb_arena_alloc(tasks->shell->arena, sizeof(*task));
    task->like = intent;
    task->not_after_ms = intent->not_after_ms;
    return task;
}

static void add_file(struct tasks *tasks, struct gathering *task, const struct wb_intent *intent)
{
    if (task->count == task->room) {
        size_t room = task->room ? 2 * task->room : 4;
        struct wb_task_file *files = wb_arena_alloc(tasks->shell->arena, room * sizeof(*files));
        if (task->count)
            memcpy(files, task->files, task->count * sizeof(*files));
        task->files = files;
        task->room = room;
    }
    task->files[task->count++] = intent->file;
    task->bytes += intent->bytes;
    task->encoded += encoded_size(&intent->file);
    if (intent->not_after_ms < task->not_after_ms)
        task->not_after_ms = intent->not_after_ms;
}

static enum wb_rc send_task(struct wb_shell *shell, const struct gathering *task,
                            struct wb_err *err)
{
    char id[ID_TEXT];
    const struct wb_intent *like = task->like;
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)wb_random_u64());
    const struct wb_task record = {
        .id = id,
        .op = like->op,
        .time_ms = shell->now_ms,
        .not_after_ms = task->not_after_ms,
        .partition = like->partition,
        .source = like->source,
        .from = like->from,
        .target = like->target,
        .options = like->options,
        .max_file_bytes = like->max_file_bytes,
        .files = task->files,
        .file_count = task->count,
    };
    /* Spread by hand: a producer left to itself sends what comes together to one partition. */
    int32_t partition = (int32_t)(shell->next_task_partition++ % (uint32_t)shell->partitions);
    return wb_shell_send(shell, WB_TOPIC_TASKS, partition, wb_span_of(NULL, 0), WB_RECORD_TASK,
                         &record, err);
}

static enum wb_rc send_tasks(struct wb_shell *shell, struct wb_err *err)
{
    const struct wb_config *config = wb_shell_config(shell);
    struct tasks tasks = {.shell = shell,
                          .files_most = (size_t)wb_config_int(config, WB_OPT_BATCH_FILES),
                          .bytes_most = wb_config_int(config, WB_OPT_BATCH_BYTES)};
    for (struct wb_intent *intent = shell->outbox.first_intent; intent; intent = intent->next) {
        struct gathering *task = task_for(&tasks, intent);
        add_file(&tasks, task, intent);
        if (intent->alone) {
            if (send_task(shell, task, err) != WB_OK)
                return WB_ERROR;
        } else if (task->count == 1) {
            task->next = tasks.first;
            tasks.first = task;
        }
    }
    for (struct gathering *task = tasks.first; task; task = task->next)
        if (send_task(shell, task, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

/* ---- changelog ---- */

static enum wb_rc save(struct wb_shell *shell, struct wb_loaded *loaded, enum wb_topic topic,
                       const void *record, struct wb_err *err)
{
    const struct wb_link *link = &loaded->link;
    bool job = topic == WB_TOPIC_JOBS;
    wb_buf_clear(&shell->value);
    if (record && wb_codec_encode(shell->codec, job ? WB_RECORD_JOB : WB_RECORD_REPLICA, record,
                                  &shell->value, err) != WB_OK)
        return WB_ERROR;
    struct wb_span bytes = record ? wb_buf_span(&shell->value) : wb_span_of(NULL, 0);
    if (wb_producer_send(shell->producer, shell->topics[topic], link->partition, link->key, bytes,
                         ticket_of(job ? 0 : 1, link->partition), err) != WB_OK)
        return WB_ERROR;
    return job ? wb_ledger_put_job(loaded->part->ledger, link->key, link->job, loaded->lane, bytes,
                                   &loaded->known, err)
               : wb_ledger_put_replica(loaded->part->ledger, link->key, bytes, &loaded->known, err);
}

static enum wb_rc save_links(struct wb_shell *shell, struct wb_err *err)
{
    for (struct wb_loaded *loaded = shell->first_link; loaded; loaded = loaded->next) {
        const struct wb_link *link = &loaded->link;
        if (link->job_dirty && save(shell, loaded, WB_TOPIC_JOBS, link->job, err) != WB_OK)
            return WB_ERROR;
        if (link->replica_dirty &&
            save(shell, loaded, WB_TOPIC_REPLICAS, link->replica, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- ends ---- */

static enum wb_rc send_dead(struct wb_shell *shell, const struct wb_ended *ended,
                            struct wb_err *err)
{
    const struct wb_replica *replica = ended->replica;
    struct wb_dead_letter letter = {
        .time_ms = shell->now_ms,
        .stage = "planner",
        .topic = shell->topics[WB_TOPIC_EVENTS],
        .partition = replica->partition,
        .offset = replica->event_offset,
        .job = replica->job,
        .source = replica->source,
        .target = replica->target,
        .path = replica->path,
        .event_id = replica->event_id,
        .attempts = replica->attempts,
        .first_error = replica->first_error,
    };
    if (replica->error)
        letter.error = *replica->error;
    return wb_shell_send(shell, WB_TOPIC_DEAD, 0, ended->link->key, WB_RECORD_DEAD_LETTER, &letter,
                         err);
}

static bool is_source_of_rule(const struct wb_shell *shell, const char *node)
{
    for (size_t i = 0; i < shell->rule_count; i++)
        if (strcmp(shell->rules[i]->source, node) == 0)
            return true;
    return false;
}

/* What was published unheard was proved, too, and lies there though the job ended otherwise. */
static bool has_landed(const struct wb_replica *replica)
{
    return replica->end != WB_END_VERIFIED && replica->end != WB_END_DELETED && !replica->version &&
           *replica->tag;
}

/* A proved replica is itself a source: the rules that start at its node hear of it. */
static enum wb_rc send_chain(struct wb_shell *shell, const struct wb_ended *ended,
                             struct wb_err *err)
{
    char id[ID_TEXT];
    const struct wb_replica *replica = ended->replica;
    bool gone = replica->end == WB_END_DELETED;
    bool proved = replica->end == WB_END_VERIFIED && replica->proved_ms == replica->ended_ms;
    if ((!gone && !proved && !has_landed(replica)) || !is_source_of_rule(shell, replica->target))
        return WB_OK;
    (void)snprintf(id, sizeof(id), "chain-%016llx", (unsigned long long)wb_random_u64());
    struct wb_file_event event = {
        .id = id,
        .time_ms = replica->event_time_ms,
        .kind = gone ? WB_EVENT_DELETED : WB_EVENT_WRITTEN,
        .node = replica->target,
        .path = replica->path,
        .size_bytes = gone || !replica->version ? -1 : replica->version->size_bytes,
        .mtime_ns = gone || !replica->version ? -1 : replica->version->mtime_ns,
        .etag = "",
        .digest = "",
        .mime = "",
    };
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_MAX);
    if (wb_file_key(event.node, event.path, &key, err) != WB_OK)
        return WB_ERROR;
    int32_t home = wb_home_partition(event.node, event.path, shell->partitions);
    return wb_shell_send(shell, WB_TOPIC_EVENTS, home, wb_buf_span(&key), WB_RECORD_FILE_EVENT,
                         &event, err);
}

static enum wb_rc send_ends(struct wb_shell *shell, struct wb_err *err)
{
    for (struct wb_ended *ended = shell->outbox.first_ended; ended; ended = ended->next) {
        if (ended->replica->end == WB_END_DEAD && send_dead(shell, ended, err) != WB_OK)
            return WB_ERROR;
        if (send_chain(shell, ended, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static bool was_copied(const struct wb_replica *replica)
{
    return replica->end == WB_END_VERIFIED && replica->proved_ms == replica->ended_ms &&
           replica->first_proved_ms && replica->copied_ms &&
           replica->strategy >= WB_STRATEGY_BATCH && replica->strategy <= WB_STRATEGY_STREAMING;
}

static void count_end(struct wb_shell *shell, const struct wb_replica *replica)
{
    const struct wb_planner_metrics *metrics = &shell->metrics;
    if (replica->end > WB_END_UNKNOWN && replica->end <= WB_END_DEAD)
        wb_metric_add(metrics->ended[replica->end], 1);
    if (!was_copied(replica))
        return;
    int64_t proof_ms = replica->first_proved_ms - replica->accepted_ms;
    int64_t gap_ms = replica->ended_ms - replica->copied_ms; /* the worker's clock may be ahead */
    wb_metric_observe(metrics->first_proof[replica->strategy], (double)proof_ms / 1000);
    wb_metric_observe(metrics->publish_gap[replica->strategy],
                      gap_ms > 0 ? (double)gap_ms / 1000 : 0);
}

static void count_ends(struct wb_shell *shell)
{
    for (struct wb_ended *ended = shell->outbox.first_ended; ended; ended = ended->next)
        count_end(shell, ended->replica);
}

/* ---- records that leave as they came ---- */

static enum wb_rc bury(struct wb_shell *shell, const struct wb_passed *passed, struct wb_err *err)
{
    struct wb_message message = passed->message;
    struct wb_err why = passed->why;
    if (shell->bare_letters)
        wb_dead_strip(&message, &why);
    return wb_dead_send(shell->producer, shell->codec, wb_shell_config(shell), "planner", &message,
                        &why, LETTER_TICKET, err);
}

/* A key that can be no file's stays behind. */
static enum wb_rc forward(struct wb_shell *shell, const struct wb_passed *passed,
                          struct wb_err *err)
{
    const struct wb_message *message = &passed->message;
    struct wb_span key = message->key.len <= KEY_MAX ? message->key : wb_span_of(NULL, 0);
    return wb_producer_send(shell->producer, shell->topics[WB_TOPIC_EVENTS], passed->home, key,
                            message->value, 0, err);
}

static enum wb_rc send_passed(struct wb_shell *shell, struct wb_err *err)
{
    for (struct wb_passed *passed = shell->first_passed; passed; passed = passed->next) {
        enum wb_rc rc = passed->dead ? bury(shell, passed, err) : forward(shell, passed, err);
        if (rc != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- the transaction ---- */

static bool any_dirty(const struct wb_shell *shell)
{
    for (const struct wb_loaded *loaded = shell->first_link; loaded; loaded = loaded->next)
        if (loaded->link.job_dirty || loaded->link.replica_dirty)
            return true;
    return false;
}

bool wb_flush_needed(const struct wb_shell *shell)
{
    return shell->consumed || shell->outbox.first_intent || any_dirty(shell);
}

/* All positions of ours, changed or not: so the transaction carries the group's generation, and
 * that of a planner that was replaced fails. */
static struct wb_position *positions_of(struct wb_shell *shell, size_t *ret_count)
{
    static const enum wb_topic inputs[WB_INPUTS] = {WB_TOPIC_EVENTS, WB_TOPIC_TRANSFERS,
                                                    WB_TOPIC_VERDICTS};
    struct wb_position *list =
        wb_arena_alloc(shell->arena, (size_t)shell->partitions * WB_INPUTS * sizeof(*list));
    *ret_count = 0;
    for (int32_t p = 0; p < shell->partitions; p++)
        for (int i = 0; i < WB_INPUTS; i++)
            if (shell->parts[p].ours && shell->parts[p].next[i] >= 0)
                list[(*ret_count)++] =
                    (struct wb_position){shell->topics[inputs[i]], p, shell->parts[p].next[i]};
    return list;
}

enum wb_rc wb_flush_ledgers(struct wb_shell *shell, struct wb_err *err)
{
    for (int32_t p = 0; p < shell->partitions; p++) {
        struct wb_part *part = &shell->parts[p];
        if (!part->ours)
            continue;
        if (part->written[0])
            wb_ledger_set_next(part->ledger, WB_TOPIC_JOBS, part->written[0]);
        if (part->written[1])
            wb_ledger_set_next(part->ledger, WB_TOPIC_REPLICAS, part->written[1]);
        if (wb_ledger_commit(part->ledger, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_flush(struct wb_shell *shell, struct wb_err *err)
{
    size_t count;
    if (wb_txn_begin(shell->producer, err) != WB_OK || send_passed(shell, err) != WB_OK ||
        send_tasks(shell, err) != WB_OK || save_links(shell, err) != WB_OK ||
        send_ends(shell, err) != WB_OK)
        return WB_ERROR;
    const struct wb_position *positions = positions_of(shell, &count);
    if (wb_txn_commit(shell->producer, shell->consumer, positions, count, err) != WB_OK)
        return WB_ERROR;
    shell->bare_letters = false;
    count_ends(shell);
    return WB_OK;
}
