/* Who writes at the source: files come, change in many ways and go, and events tell of it at once,
 * late, twice, out of order, with or without claims, or not at all until a later one does. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "tests/sim/simcheck.h"

enum { LATER_MOST = 64, KEY_BYTES = 128, SMALL = 900, MEDIUM = 2900, LARGE = 7000 };

/* An event on its way. */
struct later {
    int64_t due_ns;
    struct sim_file *file;
    int node;
    int32_t partition;
    struct wb_span value;
};

static struct later later[LATER_MOST];
static size_t later_count;
static uint32_t event_count;
static int garbage_count;

void sim_source_begin(void)
{
    later_count = 0;
    event_count = 0;
    garbage_count = 0;
}

int sim_source_garbage(void)
{
    return garbage_count;
}

/* ---- events ---- */

static void send(const struct later *one)
{
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof(key), "%s:%s", sim_nodes[one->node], one->file->path);
    int64_t offset = sim_append(sim_topic(WB_TOPIC_EVENTS), one->partition, wb_span_str(key),
                                one->value, 0, SIM_RECORD_VISIBLE);
    sim_note("event", wb_span_str(one->file->path), one->partition, offset);
}

static void fill_claims(struct wb_file_event *event, struct wb_stat *stat, char *digest,
                        bool with_digest)
{
    struct wb_span bytes;
    struct wb_hasher *hasher WB_AUTO(wb_hasher_free) = NULL;
    struct wb_sha256 sha256;
    struct wb_xxh3 xxh3;
    if (!wb_mem_peek(event->node, event->path, &bytes, stat))
        return;
    event->size_bytes = stat->version.size_bytes;
    event->mtime_ns = stat->version.mtime_ns;
    event->etag = stat->etag;
    if (!with_digest)
        return;
    hasher = wb_hasher_new(true);
    wb_hasher_update(hasher, bytes);
    wb_hasher_final(hasher, &xxh3, &sha256);
    (void)snprintf(digest, 72, "sha256:");
    wb_hex_format(wb_span_of(sha256.bytes, sizeof(sha256.bytes)), digest + 7);
    event->digest = digest;
}

/* What somebody who looks at the file now would say of it. */
static struct wb_span event_now(const struct sim_file *file, int node, bool claims,
                                bool with_digest)
{
    char id[24];
    char digest[80] = "";
    struct wb_err err;
    struct wb_stat stat;
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    bool exists = wb_mem_peek(sim_nodes[node], wb_span_str(file->path), NULL, NULL);
    (void)snprintf(id, sizeof(id), "e%u", ++event_count);
    struct wb_file_event event = {.id = id,
                                  .time_ms = wb_clock_wall_ms(),
                                  .kind = exists ? WB_EVENT_WRITTEN : WB_EVENT_DELETED,
                                  .node = sim_nodes[node],
                                  .path = wb_span_str(file->path),
                                  .size_bytes = -1,
                                  .mtime_ns = -1,
                                  .etag = "",
                                  .digest = "",
                                  .mime = ""};
    if (claims)
        fill_claims(&event, &stat, digest, with_digest);
    if (wb_codec_encode(sim.codec, WB_RECORD_FILE_EVENT, &event, &value, &err) != WB_OK)
        sim_break(SIM_I3, "an event can't be written: %s", err.text);
    return wb_arena_span(sim.arena, wb_buf_span(&value));
}

static int32_t partition_for(const struct sim_file *file)
{
    if (sim_chance(SIM_UPSTREAM, 30))
        return (int32_t)sim_below(SIM_UPSTREAM, SIM_PARTITIONS);
    return wb_home_partition(sim_nodes[0], wb_span_str(file->path), SIM_PARTITIONS);
}

static void send_later(const struct later *one)
{
    if (later_count < LATER_MOST)
        later[later_count++] = *one;
}

/* Records that are none, among the events and where only planners write. */
static void send_garbage(void)
{
    static const enum wb_topic changelogs[] = {WB_TOPIC_JOBS, WB_TOPIC_REPLICAS};
    uint8_t bytes[32];
    if (!sim_fault(SIM_FAULT_GARBAGE))
        return;
    garbage_count++;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)sim_below(SIM_UPSTREAM, 256);
    (void)sim_append(sim_topic(WB_TOPIC_EVENTS), (int32_t)sim_below(SIM_UPSTREAM, SIM_PARTITIONS),
                     wb_span_str("garbage"), wb_span_of(bytes, sizeof(bytes)), 0,
                     SIM_RECORD_VISIBLE);
    for (size_t i = 0; i < 2; i++)
        (void)sim_append(sim_topic(changelogs[i]), bytes[i] % SIM_PARTITIONS,
                         wb_span_str("garbage"), wb_span_of(bytes, sizeof(bytes)), 0,
                         SIM_RECORD_VISIBLE);
}

/* Tells of the file, in one of the ways in which such news travel. */
static void tell(struct sim_file *file)
{
    int64_t way = sim_below(SIM_UPSTREAM, 100);
    bool claims = sim_chance(SIM_UPSTREAM, 700);
    bool with_digest = claims && sim_chance(SIM_UPSTREAM, 150);
    struct later one = {.file = file,
                        .partition = partition_for(file),
                        .value = event_now(file, 0, claims, with_digest)};
    one.due_ns = sim_now_ns() + sim_spread(SIM_UPSTREAM, SIM_MS, 60 * SIM_SECOND);
    if (way < 15)
        return;
    if (way < 40) {
        send_later(&one);
        return;
    }
    send(&one);
    file->dirty = false;
    if (way < 55)
        send_later(&one);
}

static void send_due(int64_t until_ns)
{
    for (size_t i = 0; i < later_count;) {
        if (later[i].due_ns > until_ns) {
            i++;
            continue;
        }
        send(&later[i]);
        later[i] = later[--later_count];
    }
}

static void tell_surely(struct sim_file *file, int node)
{
    const struct later one = {
        .file = file,
        .node = node,
        .partition = wb_home_partition(sim_nodes[node], wb_span_str(file->path), SIM_PARTITIONS),
        .value = event_now(file, node, true, file->misread)};
    send(&one);
    if (node == 0)
        file->dirty = false;
}

void sim_source_settle(void)
{
    send_due(INT64_MAX);
    for (int i = 0; i < sim.file_count; i++) {
        struct sim_file *file = sim_file_at(i);
        bool lost = file->stranger[1] || file->stranger[2] || sim_fault_happened(SIM_FAULT_CANCEL);
        if (file->dirty || lost || file->misread)
            tell_surely(file, 0);
        if (sim.chain && (lost || file->misread))
            tell_surely(file, 1);
    }
}

/* ---- redriving ---- */

static int redriven;

static void redrive(struct sim_file *file, int node)
{
    tell_surely(file, node);
    redriven++;
}

int sim_source_redrive(void)
{
    redriven = 0;
    sim_check_dead(redrive);
    return redriven;
}

/* ---- changes ---- */

static int64_t new_size(void)
{
    static const int64_t most[] = {0, SMALL, SMALL, SMALL, MEDIUM, LARGE};
    return sim_spread(SIM_UPSTREAM, 0, most[sim_below(SIM_UPSTREAM, 6)]);
}

static void put(struct sim_file *file, struct wb_span bytes)
{
    bool in_place = sim_chance(SIM_UPSTREAM, 500);
    bool link = bytes.len > 0 && bytes.len <= SMALL && sim_chance(SIM_UPSTREAM, 40);
    enum wb_file_kind kind = link ? WB_FILE_SYMLINK : WB_FILE_REGULAR;
    int64_t mtime_ns = -1;
    if (sim_chance(SIM_UPSTREAM, 100))
        mtime_ns = 1000000000LL * (1 + sim_below(SIM_UPSTREAM, 3));
    wb_mem_put(sim_nodes[0], wb_span_str(file->path), kind, bytes, mtime_ns, in_place && !link);
    sim_check_source(file);
}

/* Bytes that no file ever held before, but for empty ones. */
static void write_new(struct sim_file *file)
{
    uint8_t bytes[LARGE + 1];
    size_t len = (size_t)new_size();
    uint64_t word = sim_random(SIM_UPSTREAM);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(word >> (8 * (i % 8)));
        if (i % 8 == 7)
            word = word * 6364136223846793005ULL + 1442695040888963407ULL;
    }
    put(file, wb_span_of(bytes, len));
}

/* The same bytes again: only their time is another. */
static void touch(struct sim_file *file)
{
    uint8_t copy[LARGE + 1];
    struct wb_span bytes;
    if (!wb_mem_peek(sim_nodes[0], wb_span_str(file->path), &bytes, NULL)) {
        write_new(file);
        return;
    }
    memcpy(copy, bytes.data ? bytes.data : (const uint8_t *)"", bytes.len);
    put(file, wb_span_of(copy, bytes.len));
}

static void change(struct sim_file *file)
{
    int64_t what = sim_below(SIM_UPSTREAM, 100);
    if (what < 65)
        write_new(file);
    else if (what < 75)
        touch(file);
    else if (what < 92 && wb_mem_delete(sim_nodes[0], wb_span_str(file->path)))
        sim_check_source(file);
}

void sim_source_change(int index)
{
    struct sim_file *file = sim_file_at(index);
    if (file->state_count > SIM_STATES_MOST / 2)
        return;
    change(file);
    tell(file);
}

static void flood(void)
{
    for (int i = 0; i < sim.file_count; i++) {
        write_new(sim_file_at(i));
        tell_surely(sim_file_at(i), 0);
    }
}

void sim_source_main(struct sim_proc *proc)
{
    int64_t changes = 1 + sim_spread(SIM_UPSTREAM, 1, 14);
    int64_t pace_ns = sim_spread(SIM_UPSTREAM, SIM_MS, 20 * SIM_SECOND);
    (void)proc;
    if (sim.flood)
        flood();
    while (!sim.over && sim.chaos) {
        if (changes > 0) {
            sim_source_change((int)sim_below(SIM_UPSTREAM, sim.file_count));
            send_garbage();
            changes--;
        }
        if (changes == 0 && later_count == 0)
            return;
        sim_sleep_ns(sim_spread(SIM_UPSTREAM, SIM_MS, pace_ns));
        send_due(sim_now_ns());
    }
}
