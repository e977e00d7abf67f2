#include "cli/follow.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/unread.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"
#include "planner/rules.h"

enum {
    KEY_MAX = 8192,
    ARENA_MOST = 64 * 1024 * 1024,
    SHOWN_MAX = 8192,
    TOPIC_MAX = 256,
    POLL_MS = 100,
    REDRAW_MS = 250,
    LINES_MS = 1000,
    STILL_MS = 5000,
    FIRST_SIZE = 1024
};

/* An end that is waited for, by the digest of its key; `offset` -1: a free place. */
struct expected {
    uint64_t key;
    int64_t offset;
    bool ended;
};

struct wb_follow {
    const struct wb_cli *cli;
    struct wb_codec *codec;
    struct wb_consumer *consumer;
    struct wb_arena *catalog;
    struct wb_arena *arena;
    struct wb_rule **rules;
    size_t rule_count;
    struct wb_policy defaults;
    struct expected *table;
    size_t size; /* a power of two */
    size_t used;
    struct wb_follow_counts counts;
    int32_t partitions;
    int64_t begin_ms;
    int64_t redraw_ms;
    int64_t still_ms; /* without an end since then: ask why at that time; 0: told */
    bool drawn;
};

/* ---- the table ---- */

static struct expected *table_new(size_t size)
{
    struct expected *table = wb_xcalloc(size, sizeof(*table));
    for (size_t i = 0; i < size; i++)
        table[i].offset = -1;
    return table;
}

static struct expected *place_of(const struct wb_follow *follow, uint64_t key)
{
    size_t at = key & (follow->size - 1);
    while (follow->table[at].offset >= 0 && follow->table[at].key != key)
        at = (at + 1) & (follow->size - 1);
    return &follow->table[at];
}

static void grow(struct wb_follow *follow)
{
    struct expected *old = follow->table;
    size_t old_size = follow->size;
    follow->size *= 2;
    follow->table = table_new(follow->size);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].offset >= 0)
            *place_of(follow, old[i].key) = old[i];
    free(old);
}

static void expect(struct wb_follow *follow, uint64_t key, int64_t offset)
{
    if (2 * follow->used >= follow->size)
        grow(follow);
    struct expected *expected = place_of(follow, key);
    if (expected->offset < 0) {
        *expected = (struct expected){.key = key, .offset = offset};
        follow->used++;
        follow->counts.expected++;
    } else if (offset > expected->offset) {
        expected->offset = offset;
    }
}

void wb_follow_expect(struct wb_follow *follow, enum wb_event_kind kind, const char *node,
                      struct wb_span path, int64_t size_bytes, int64_t offset)
{
    struct wb_err err;
    struct wb_route *routes;
    wb_arena_reset(follow->arena);
    size_t count = wb_rules_routes(follow->rules, follow->rule_count, &follow->defaults, node, path,
                                   follow->arena, &routes);
    size_t asked = 0;
    follow->counts.unmatched += count == 0;
    for (size_t i = 0; i < count; i++) {
        struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_MAX);
        if (kind == WB_EVENT_DELETED && !routes[i].policy.deletes)
            continue;
        asked++;
        if (wb_replica_key(routes[i].target, node, path, &key, &err) != WB_OK)
            continue;
        expect(follow, wb_hash64_of(wb_buf_span(&key)), offset);
        follow->counts.bytes_expected += size_bytes > 0 ? size_bytes : 0;
    }
    follow->counts.ignored += count > 0 && asked == 0;
}

/* ---- birth and end ---- */

static enum wb_rc start_at_end(struct wb_follow *follow, struct wb_err *err)
{
    char topic[TOPIC_MAX];
    const struct wb_config *config = follow->cli->config;
    (void)wb_topic_name(config, WB_TOPIC_REPLICAS, NULL, topic);
    if (wb_topics_partitions(config, &follow->partitions, err) != WB_OK ||
        wb_consumer_new(config, NULL, NULL, &follow->consumer, err) != WB_OK)
        return WB_ERROR;
    int32_t partitions = follow->partitions;
    struct wb_position *ends WB_AUTO(wb_free_ptr) = wb_xcalloc((size_t)partitions, sizeof(*ends));
    for (int32_t p = 0; p < partitions; p++) {
        int64_t low;
        ends[p] = (struct wb_position){.topic = topic, .partition = p};
        if (wb_consumer_watermarks(follow->consumer, topic, p, &low, &ends[p].offset, err) != WB_OK)
            return WB_ERROR;
    }
    return wb_consumer_assign(follow->consumer, ends, (size_t)partitions, err);
}

enum wb_rc wb_follow_new(const struct wb_cli *cli, struct wb_registry *registry,
                         struct wb_follow **ret, struct wb_err *err)
{
    struct wb_follow *follow = wb_xcalloc(1, sizeof(*follow));
    follow->cli = cli;
    follow->catalog = wb_arena_new(WB_REGISTRY_ARENA);
    follow->arena = wb_arena_new(ARENA_MOST);
    follow->defaults = wb_rules_defaults(cli->config);
    follow->size = FIRST_SIZE;
    follow->table = table_new(follow->size);
    follow->begin_ms = wb_clock_mono_ms();
    follow->drawn = cli->progress && isatty(STDERR_FILENO);
    wb_registry_rules(registry, follow->catalog, &follow->rules, &follow->rule_count);
    if (wb_codec_new(&follow->codec, err) != WB_OK || start_at_end(follow, err) != WB_OK) {
        wb_follow_free(&follow);
        return WB_ERROR;
    }
    *ret = follow;
    return WB_OK;
}

void wb_follow_free(struct wb_follow **follow)
{
    if (!*follow)
        return;
    wb_consumer_free(&(*follow)->consumer);
    wb_codec_free(&(*follow)->codec);
    wb_arena_free(&(*follow)->catalog);
    wb_arena_free(&(*follow)->arena);
    free((*follow)->table);
    free(*follow);
    *follow = NULL;
}

const struct wb_follow_counts *wb_follow_counts(const struct wb_follow *follow)
{
    return &follow->counts;
}

/* ---- progress ---- */

static int64_t rate(const struct wb_follow *follow, int64_t amount)
{
    int64_t passed_ms = wb_clock_mono_ms() - follow->begin_ms;
    return passed_ms > 0 ? amount * 1000 / passed_ms : 0;
}

/* By files or by bytes, whichever has longer to go. */
static int64_t left_ms(const struct wb_follow *follow)
{
    const struct wb_follow_counts *counts = &follow->counts;
    int64_t passed_ms = wb_clock_mono_ms() - follow->begin_ms;
    int64_t files = counts->ended ? counts->expected - counts->ended : 0;
    int64_t bytes = counts->bytes_expected - counts->bytes;
    double by_files = counts->ended ? (double)files / (double)counts->ended : 0;
    double by_bytes = counts->bytes && bytes > 0 ? (double)bytes / (double)counts->bytes : 0;
    return (int64_t)((by_files > by_bytes ? by_files : by_bytes) * (double)passed_ms);
}

static void progress_line(const struct wb_follow *follow, const char *begin, const char *end)
{
    char text[2][32];
    char size[2][16];
    char left[16];
    const struct wb_follow_counts *counts = &follow->counts;
    wb_size_format(counts->bytes, size[0]);
    wb_size_format(rate(follow, counts->bytes), size[1]);
    wb_duration_format(left_ms(follow), left);
    (void)fprintf(stderr, "%s%s of %s copies ended, %s proved, %s/s, %lld dead%s%s%s", begin,
                  wb_out_count(counts->ended, text[0]), wb_out_count(counts->expected, text[1]),
                  size[0], size[1], (long long)counts->dead, counts->ended ? ", about " : "",
                  counts->ended ? left : "", end);
}

static void status_json(const struct wb_follow *follow)
{
    const struct wb_follow_counts *counts = &follow->counts;
    json_t *line WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(line, "type", "status");
    wb_json_set_int(line, "copies", counts->expected);
    wb_json_set_int(line, "ended", counts->ended);
    wb_json_set_int(line, "dead", counts->dead);
    wb_json_set_int(line, "bytes", counts->bytes);
    wb_json_set_int(line, "bytes_per_s", rate(follow, counts->bytes));
    wb_json_set_int(line, "elapsed_ms", wb_clock_mono_ms() - follow->begin_ms);
    (void)wb_json_write(stdout, line, 0);
    (void)fflush(stdout);
}

static void draw(struct wb_follow *follow)
{
    int64_t now_ms = wb_clock_mono_ms();
    int64_t stats_ms = follow->cli->stats_ms;
    bool json = wb_out_is_json(follow->cli);
    bool lines = stats_ms > 0 || (follow->cli->progress && !follow->drawn);
    if (now_ms < follow->redraw_ms || (!follow->drawn && !lines && !json))
        return;
    follow->redraw_ms = now_ms + (stats_ms > 0 ? stats_ms : lines || json ? LINES_MS : REDRAW_MS);
    if (json)
        status_json(follow);
    else if (lines)
        progress_line(follow, "waybill: ", "\n");
    else
        progress_line(follow, "\r", "\033[K");
}

static void wipe(const struct wb_follow *follow)
{
    if (follow->drawn)
        (void)fputs("\r\033[K", stderr);
}

/* ---- ends ---- */

static void tell_dead(const struct wb_follow *follow, const struct wb_replica *replica)
{
    char shown[SHOWN_MAX];
    char why[WB_ERR_TEXT_MAX + 128] = "";
    wipe(follow);
    if (replica->error)
        wb_err_format(replica->error, why, sizeof(why));
    (void)fprintf(stderr, "waybill: cannot copy %s:%s to %s: %s\n", replica->source,
                  wb_path_show(replica->path, shown, sizeof(shown)), replica->target, why);
}

static void tell_json(const struct wb_follow *follow, const struct wb_replica *replica)
{
    if (!wb_out_is_json(follow->cli))
        return;
    json_t *line WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(line, "type", "file");
    wb_json_set_str(line, "source", replica->source);
    wb_json_set_str(line, "target", replica->target);
    wb_out_set_path(follow->cli, line, replica->path);
    wb_json_set_str(line, "end", wb_end_name(replica->end));
    wb_json_set_str(line, "reason", replica->error ? replica->error->text : replica->reason);
    (void)wb_json_write(stdout, line, 0);
}

static void count_end(struct wb_follow *follow, const struct wb_replica *replica)
{
    struct wb_follow_counts *counts = &follow->counts;
    counts->ended++;
    if (follow->still_ms)
        follow->still_ms = wb_clock_mono_ms() + STILL_MS;
    counts->verified += replica->end == WB_END_VERIFIED;
    counts->superseded += replica->end == WB_END_SUPERSEDED;
    counts->deleted += replica->end == WB_END_DELETED;
    counts->dead += replica->end == WB_END_DEAD;
    if (replica->end == WB_END_VERIFIED && replica->version)
        counts->bytes += replica->version->size_bytes;
    if (replica->end == WB_END_DEAD)
        tell_dead(follow, replica);
    tell_json(follow, replica);
}

static enum wb_rc take(struct wb_follow *follow, const struct wb_message *message,
                       struct wb_err *err)
{
    void *record;
    struct expected *expected = place_of(follow, wb_hash64_of(message->key));
    if (expected->offset < 0 || expected->ended || !message->value.data)
        return WB_OK;
    wb_arena_reset(follow->arena);
    if (wb_codec_decode_as(follow->codec, WB_RECORD_REPLICA, message->value, follow->arena, &record,
                           err) != WB_OK)
        return WB_ERROR;
    const struct wb_replica *replica = record;
    if (replica->event_offset < expected->offset)
        return WB_OK;
    expected->ended = true;
    count_end(follow, replica);
    return WB_OK;
}

/* ---- the wait ---- */

/* Nothing has ended for a while: once, and only where that is why, that no planner runs. */
static void hint(struct wb_follow *follow)
{
    struct wb_err ignored;
    struct wb_unread unread;
    if (follow->still_ms == 0 || follow->cli->quiet || wb_clock_mono_ms() < follow->still_ms)
        return;
    follow->still_ms = wb_clock_mono_ms() + STILL_MS;
    if (wb_unread_ask(follow->cli->config, follow->consumer, follow->partitions, &unread,
                      &ignored) != WB_OK ||
        unread.events < 0 || unread.planners > 0)
        return;
    follow->still_ms = 0;
    wipe(follow);
    (void)fprintf(stderr, "waybill: no planner has joined: nothing is copied before one runs "
                          "(`waybill run planner`, or `run all`)\n");
}

static enum wb_rc interrupted(const sigset_t *signals, struct wb_err *err)
{
    const struct timespec none = {0};
    int number = sigtimedwait(signals, NULL, &none);
    if (number <= 0)
        return WB_OK;
    (void)wb_err_set(err, WB_CAT_CANCELLED, "interrupted; the replication goes on without us");
    (void)snprintf(err->code, sizeof(err->code), "%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
    return WB_ERROR;
}

static enum wb_rc timed_out(const struct wb_follow *follow, struct wb_err *err)
{
    int64_t limit_ms = follow->cli->timeout_ms;
    if (limit_ms <= 0 || wb_clock_mono_ms() - follow->begin_ms < limit_ms)
        return WB_OK;
    int64_t left = follow->counts.expected - follow->counts.ended;
    char text[64];
    return wb_err_set(err, WB_CAT_TIMEOUT, "%lld of %s %s not ended within --timeout",
                      (long long)left,
                      wb_out_counted(follow->counts.expected, "copy", "copies", text),
                      left == 1 ? "has" : "have");
}

static enum wb_rc wait_all(struct wb_follow *follow, const sigset_t *signals, struct wb_err *err)
{
    while (follow->counts.ended < follow->counts.expected) {
        struct wb_message *message WB_AUTO(wb_message_free) = NULL;
        draw(follow);
        hint(follow);
        if (interrupted(signals, err) != WB_OK || timed_out(follow, err) != WB_OK ||
            wb_consumer_poll(follow->consumer, POLL_MS, &message, err) != WB_OK)
            return WB_ERROR;
        if (message && take(follow, message, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_follow_run(struct wb_follow *follow, struct wb_err *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    follow->still_ms = wb_clock_mono_ms() + STILL_MS;
    enum wb_rc rc = wait_all(follow, &signals, err);
    wipe(follow);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    return rc;
}
