/* Links: what the log says of jobs and replicas, counted as it is committed, and the reckoning at
 * the end: each event ended once on each target, and each target holds what the source holds. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "tests/sim/simcheck.h"

enum {
    LINKS_MOST = 64,
    TOLD_MOST = 32,
    ARENA_MOST = 4 * 1024 * 1024,
    OVERDUE_MOST_MS =
        1200000 /* who has been idle for long sleeps as long as that, see simconsumer.c */
};

struct link {
    struct sim_file *file;
    int source;
    int target;
    enum wb_job_state state;               /* UNKNOWN: no job */
    char told[TOLD_MOST][WB_INSTANCE_MAX]; /* instances that were told to publish */
    size_t told_count;
    uint32_t twin_txn; /* that put another job in its place; 0: none, or the first one's end came */
    int64_t due_ms;
    enum wb_end end;
    int64_t ended_offset; /* the newest event that ended; -1: none */
    int64_t ended;        /* how many */
    int64_t asked;        /* how many events there are for it */
    int64_t asked_offset;
};

static struct link links[LINKS_MOST];
static size_t link_count;
static int64_t dead_ends;
static int64_t dead_letters;
static struct wb_arena *arena;

void sim_links_begin(void)
{
    link_count = 0;
    dead_ends = dead_letters = 0;
    if (!arena)
        arena = wb_arena_new(ARENA_MOST);
}

static struct link *link_of(const char *source, const char *target, struct wb_span path)
{
    struct sim_file *file = sim_file_named(path);
    int from = sim_node_index(source);
    int to = sim_node_index(target);
    if (!file || from < 0 || to < 0)
        return NULL;
    for (size_t i = 0; i < link_count; i++)
        if (links[i].file == file && links[i].source == from && links[i].target == to)
            return &links[i];
    if (link_count == LINKS_MOST)
        abort();
    struct link *link = &links[link_count++];
    *link = (struct link){
        .file = file, .source = from, .target = to, .ended_offset = -1, .asked_offset = -1};
    return link;
}

static void *decode(enum wb_record_type type, struct wb_span bytes)
{
    void *record;
    struct wb_err err;
    wb_arena_reset(arena);
    if (wb_codec_decode_as(sim.codec, type, bytes, arena, &record, &err) != WB_OK) {
        sim_break(SIM_I3, "a record that was committed can't be read: %s", err.text);
        return NULL;
    }
    return record;
}

/* ---- as it goes ---- */

/* A late proof is published, whatever was given out in its place. */
static bool counts_in_window(enum wb_job_state state)
{
    return state == WB_JOB_PROBING || state == WB_JOB_COPYING || state == WB_JOB_OPENING ||
           state == WB_JOB_RANGING || state == WB_JOB_SEALING || state == WB_JOB_DELETING;
}

/* Shares move between planners while what they gave out is still under way: twice the window. */
static void check_window(int target)
{
    int64_t tasks = wb_config_int(sim.config, WB_OPT_WINDOW_TASKS);
    int64_t files = wb_config_int(sim.config, WB_OPT_BATCH_FILES);
    int64_t most = 2 * tasks * (files + 1) + 2 * SIM_PARTITIONS;
    int64_t count = 0;
    for (size_t i = 0; i < link_count; i++)
        count += links[i].target == target && counts_in_window(links[i].state);
    if (count > most)
        sim_break(SIM_I7, "%lld jobs in flight for %s", (long long)count, sim_nodes[target]);
}

static bool is_active(enum wb_job_state state)
{
    return state != WB_JOB_UNKNOWN && state != WB_JOB_DEAD;
}

/* Whoever was told to publish may do so late. Nothing newer of the file may be told to before it is
 * certain that the older one never will: two jobs would be at one file at once. */
static void check_alone(const struct link *link, const char *instance)
{
    for (size_t i = 0; i < link->told_count; i++)
        if (strcmp(link->told[i], instance) != 0 &&
            wb_mem_is_staged(sim_nodes[link->target], wb_span_str(link->told[i])))
            sim_break(SIM_TWO, "%s:%s: %s is told to publish, and %s still may",
                      sim_nodes[link->target], link->file->path, instance, link->told[i]);
}

static void tell_instance(struct link *link, const char *instance)
{
    check_alone(link, instance);
    if (link->told_count < TOLD_MOST)
        (void)snprintf(link->told[link->told_count++], WB_INSTANCE_MAX, "%s", instance);
}

static void take_task(const struct sim_record *record)
{
    const struct wb_task *task = decode(WB_RECORD_TASK, record->value);
    if (!task || task->op != WB_OP_PUBLISH)
        return;
    for (size_t i = 0; i < task->file_count; i++) {
        struct link *link = link_of(task->source, task->target, task->files[i].path);
        if (link)
            tell_instance(link, task->files[i].instance);
    }
}

static void take_job(const struct sim_record *record)
{
    char target[64];
    char source[64];
    struct wb_span path;
    struct wb_err err;
    const struct wb_job *job = record->value.data ? decode(WB_RECORD_JOB, record->value) : NULL;
    if (wb_replica_key_parse(record->key, target, source, &path, &err) != WB_OK)
        return;
    struct link *link = link_of(source, target, path);
    if (!link)
        return;
    link->due_ms = job ? job->due_ms : 0;
    link->state = job ? job->state : WB_JOB_UNKNOWN;
    sim_note("job", record->key, (int64_t)link->state, job ? job->attempt : -1);
    check_window(link->target);
}

static void check_reason(const struct link *link, const struct wb_replica *replica)
{
    const struct wb_err *err = replica->error;
    if (sim.outage && sim.chaos && err && err->category == WB_CAT_UNREACHABLE)
        sim_break(SIM_I8, "%s:%s used up its attempts, and all that failed were the nodes",
                  sim_nodes[link->target], link->file->path);
    if (!err || err->scope == WB_SCOPE_UNKNOWN || err->category == WB_CAT_UNKNOWN || !*err->text)
        sim_break(SIM_I3, "%s:%s ended dead without scope, category or message",
                  sim_nodes[link->target], link->file->path);
}

/* A stranger's file that was proved to be the same is ours from then on. */
static void note_adopted(const struct link *link, const struct wb_replica *replica)
{
    struct wb_stat stat;
    if (replica->version && wb_mem_peek(sim_nodes[link->target], replica->path, NULL, &stat) &&
        strcmp(stat.tag, replica->tag) == 0)
        link->file->stranger[link->target] = false;
}

static void take_replica(const struct sim_record *record)
{
    const struct wb_replica *replica =
        record->value.data ? decode(WB_RECORD_REPLICA, record->value) : NULL;
    struct link *link = replica ? link_of(replica->source, replica->target, replica->path) : NULL;
    if (!link)
        return;
    sim_note("ended", record->key, replica->end, replica->event_offset);
    if (replica->event_offset < link->ended_offset)
        sim_break(SIM_I3, "%s:%s: event %lld ended after %lld", sim_nodes[link->target],
                  link->file->path, (long long)replica->event_offset,
                  (long long)link->ended_offset);
    link->end = replica->end;
    link->ended_offset = replica->event_offset;
    link->ended += replica->event_count;
    note_adopted(link, replica);
    dead_ends += replica->end == WB_END_DEAD;
    if (replica->end == WB_END_DEAD) {
        check_reason(link, replica);
        if (replica->error)
            sim_note("dead", wb_span_str(replica->error->text), 0, 0);
    }
}

void sim_check_committed(enum wb_topic topic, const struct sim_record *record)
{
    if (topic == WB_TOPIC_JOBS)
        take_job(record);
    else if (topic == WB_TOPIC_REPLICAS)
        take_replica(record);
    else if (topic == WB_TOPIC_TASKS)
        take_task(record);
    else if (topic == WB_TOPIC_DEAD)
        dead_letters++;
}

int sim_check_jobs(void)
{
    int count = 0;
    for (size_t i = 0; i < link_count; i++)
        count += is_active(links[i].state);
    return count;
}

void sim_check_deadlines(void)
{
    int64_t now_ms = wb_clock_wall_ms();
    for (size_t i = 0; i < link_count; i++) {
        const struct link *link = &links[i];
        bool due = is_active(link->state) && link->state != WB_JOB_WAITING;
        int64_t from_ms = link->due_ms > sim.healed_ms ? link->due_ms : sim.healed_ms;
        if (due && now_ms > from_ms + OVERDUE_MOST_MS)
            sim_break(SIM_DEADLINE, "%s:%s: an answer is overdue by %lld ms in state %s",
                      sim_nodes[link->target], link->file->path, (long long)(now_ms - link->due_ms),
                      wb_job_state_name(link->state));
    }
}

void sim_check_dead(void (*visit)(struct sim_file *file, int node))
{
    for (size_t i = 0; i < link_count; i++)
        if (links[i].end == WB_END_DEAD)
            visit(links[i].file, links[i].source);
}

/* ---- the reckoning ---- */

static void ask(const char *source, const char *target, struct wb_span path, int64_t offset)
{
    struct link *link = link_of(source, target, path);
    if (!link)
        return;
    link->asked++;
    link->asked_offset = offset;
}

static void ask_all(const struct wb_file_event *event, int64_t offset)
{
    bool of_a = strcmp(event->node, sim_nodes[0]) == 0;
    if (event->kind == WB_EVENT_DELETED && !sim.deletes)
        return;
    if (of_a)
        ask(event->node, sim_nodes[1], event->path, offset);
    if ((of_a && sim.fan_out) || (!of_a && sim.chain))
        ask(event->node, sim_nodes[2], event->path, offset);
}

static void read_events(int32_t number)
{
    const struct sim_partition *partition = &sim_topic(WB_TOPIC_EVENTS)->partitions[number];
    for (int64_t i = 0; i < partition->count; i++) {
        const struct sim_record *record = &partition->records[i];
        if (record->state != SIM_RECORD_VISIBLE)
            continue;
        if (wb_span_eq(record->key, wb_span_str("garbage")))
            continue;
        const struct wb_file_event *event = decode(WB_RECORD_FILE_EVENT, record->value);
        if (event && wb_home_partition(event->node, event->path, SIM_PARTITIONS) == number)
            ask_all(event, i);
    }
}

/* What is asked for while a target is left out is asked of it by nobody, and once it is back by the
 * planner itself. */
static bool came_and_went(const struct link *link)
{
    return sim.fan_out && link->target == 2 && sim_fault_happened(SIM_FAULT_TARGETS);
}

static void check_ended(const struct link *link)
{
    if (came_and_went(link))
        return;
    if (link->ended_offset < link->asked_offset || (link->asked && link->end == WB_END_UNKNOWN))
        sim_break(SIM_I3, "%s:%s: event %lld never ended (%lld did)", sim_nodes[link->target],
                  link->file->path, (long long)link->asked_offset, (long long)link->ended_offset);
    else if (link->ended != link->asked)
        sim_break(SIM_I3, "%s:%s: %lld events, %lld ends", sim_nodes[link->target],
                  link->file->path, (long long)link->asked, (long long)link->ended);
}

static bool same_bytes(const char *one, const char *other, struct wb_span path)
{
    struct wb_span a;
    struct wb_span b;
    bool has_a = wb_mem_peek(one, path, &a, NULL);
    bool has_b = wb_mem_peek(other, path, &b, NULL);
    return has_a == has_b && (!has_a || wb_span_eq(a, b));
}

static void check_target(const struct link *link)
{
    struct wb_span path = wb_span_str(link->file->path);
    const char *source = sim_nodes[link->source];
    const char *target = sim_nodes[link->target];
    bool exists = wb_mem_peek(source, path, NULL, NULL);
    bool stranger = link->file->stranger[link->target];
    bool kept = (!exists && (!sim.deletes || stranger)) || (stranger && sim.keep);
    /* What came to the middle of a chain goes on by itself. */
    bool unasked = link->asked == 0 && link->source == 0;
    if (unasked || kept || link->file->rotten[link->target])
        return;
    if (link->end == WB_END_DEAD)
        sim_break(SIM_I8, "%s:%s is dead after all was healed", target, link->file->path);
    else if (!same_bytes(source, target, path))
        sim_break(SIM_I8, "%s:%s is not what %s holds", target, link->file->path, source);
}

void sim_check_end(void)
{
    for (int32_t p = 0; p < SIM_PARTITIONS; p++)
        read_events(p);
    for (int i = 0; i < sim.file_count && sim.chain; i++)
        (void)link_of(sim_nodes[1], sim_nodes[2], wb_span_str(sim_file_at(i)->path));
    for (size_t i = 0; i < link_count && !sim.broken; i++)
        check_ended(&links[i]);
    for (size_t i = 0; i < link_count && !sim.broken; i++)
        check_target(&links[i]);
    /* Ends of one turn are one record, but a letter each. */
    if (!sim.broken && dead_letters < dead_ends + sim_source_garbage())
        sim_break(SIM_I3, "%lld jobs ended dead and %d records can't be read, %lld dead letters",
                  (long long)dead_ends, sim_source_garbage(), (long long)dead_letters);
}
