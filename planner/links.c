/* Links in memory for one turn, and how their jobs count against the windows. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "planner/shell.h"

enum { KEY_MAX = 8192 };

void wb_turn_reset(struct wb_shell *shell)
{
    wb_map_clear(shell->links);
    wb_arena_reset(shell->arena);
    wb_outbox_init(&shell->outbox, shell->arena);
    shell->first_link = NULL;
    shell->last_link = &shell->first_link;
    shell->link_count = 0;
    shell->first_passed = NULL;
    shell->last_passed = &shell->first_passed;
    shell->consumed = 0;
    shell->caught_up = false;
    shell->consumed_bytes = 0;
    for (int32_t p = 0; p < shell->partitions; p++) {
        struct wb_part *part = &shell->parts[p];
        memcpy(part->begun, part->next, sizeof(part->begun));
        part->written[0] = part->written[1] = 0;
        part->touched = false;
    }
}

/* ---- counts ---- */

static struct wb_load *load_of(struct wb_shell *shell, const char *target)
{
    struct wb_load *load = wb_map_get(shell->loads, wb_span_str(target));
    if (load)
        return load;
    load = wb_xcalloc(1, sizeof(*load));
    memcpy(load->target, target, strnlen(target, sizeof(load->target) - 1));
    wb_map_put(shell->loads, wb_span_str(target), load);
    return load;
}

static void count_one(void *arg, const char *target, enum wb_lane lane, enum wb_standing standing,
                      int64_t count)
{
    if (target)
        load_of(arg, target)->count[lane][standing] += count;
}

enum wb_rc wb_loads_count(struct wb_shell *shell, struct wb_err *err)
{
    wb_map_clear(shell->loads);
    for (int32_t p = 0; p < shell->partitions; p++)
        if (shell->parts[p].ours &&
            wb_ledger_count(shell->parts[p].ledger, count_one, shell, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

/* The window of a target is shared by all planners, by their share of the partitions. */
static int64_t window(const struct wb_shell *shell, enum wb_lane lane)
{
    const struct wb_config *config = wb_shell_config(shell);
    int64_t tasks = wb_config_int(config, WB_OPT_WINDOW_TASKS);
    int64_t files = lane == WB_LANE_SMALL ? wb_config_int(config, WB_OPT_BATCH_FILES) : 1;
    int64_t share = tasks * files * shell->ours / (shell->partitions ? shell->partitions : 1);
    return share > 0 ? share : 1;
}

int64_t wb_load_room(struct wb_shell *shell, const char *target, enum wb_lane lane)
{
    return window(shell, lane) - load_of(shell, target)->count[lane][WB_STANDING_FLIGHT];
}

static void recount(struct wb_shell *shell, struct wb_loaded *loaded)
{
    struct wb_load *load = load_of(shell, loaded->link.target);
    enum wb_standing standing = wb_standing_of(loaded->link.job);
    enum wb_lane lane =
        loaded->link.job ? wb_plan_lane(&loaded->policy, loaded->link.job) : loaded->lane;
    load->count[loaded->lane][loaded->standing]--;
    load->count[lane][standing]++;
    loaded->standing = standing;
    loaded->lane = lane;
}

/* ---- loading ---- */

static enum wb_rc decode(struct wb_shell *shell, enum wb_record_type type, struct wb_span bytes,
                         void **ret, struct wb_err *err)
{
    *ret = NULL;
    if (!bytes.data)
        return WB_OK;
    return wb_codec_decode_as(shell->codec, type, bytes, shell->arena, ret, err);
}

static enum wb_rc fill(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_err *err)
{
    struct wb_span job;
    struct wb_span replica;
    void *job_record;
    void *replica_record;
    struct wb_link *link = &loaded->link;
    if (wb_ledger_get(loaded->part->ledger, link->key, shell->arena, &job, &replica, err) !=
            WB_OK ||
        decode(shell, WB_RECORD_JOB, job, &job_record, err) != WB_OK ||
        decode(shell, WB_RECORD_REPLICA, replica, &replica_record, err) != WB_OK)
        return WB_ERROR;
    link->job = job_record;
    link->replica = replica_record;
    return WB_OK;
}

static enum wb_rc load_new(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                           const struct wb_policy *policy, struct wb_loaded **ret,
                           struct wb_err *err)
{
    char target[64];
    char source[64];
    struct wb_loaded *loaded = wb_arena_alloc(shell->arena, sizeof(*loaded));
    struct wb_link *link = &loaded->link;
    link->key = wb_arena_span(shell->arena, key);
    if (wb_replica_key_parse(link->key, target, source, &link->path, err) != WB_OK)
        return WB_ERROR;
    link->target = wb_arena_strdup(shell->arena, target);
    link->source = wb_arena_strdup(shell->arena, source);
    link->partition = (int32_t)(part - shell->parts);
    loaded->part = part;
    loaded->policy =
        policy ? *policy : wb_catalog_policy(shell, link->target, link->source, link->path);
    if (fill(shell, loaded, err) != WB_OK)
        return WB_ERROR;
    loaded->standing = wb_standing_of(link->job);
    loaded->lane = link->job ? wb_plan_lane(&loaded->policy, link->job) : WB_LANE_SMALL;
    wb_map_put(shell->links, link->key, loaded);
    *shell->last_link = loaded;
    shell->last_link = &loaded->next;
    shell->link_count++;
    *ret = loaded;
    return WB_OK;
}

enum wb_rc wb_link_load_key(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                            struct wb_loaded **ret, struct wb_err *err)
{
    *ret = wb_map_get(shell->links, key);
    return *ret ? WB_OK : load_new(shell, part, key, NULL, ret, err);
}

enum wb_rc wb_link_load(struct wb_shell *shell, struct wb_part *part, const char *target,
                        const char *source, struct wb_span path, const struct wb_policy *policy,
                        struct wb_loaded **ret, struct wb_err *err)
{
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_MAX);
    if (wb_replica_key(target, source, path, &key, err) != WB_OK)
        return WB_ERROR;
    *ret = wb_map_get(shell->links, wb_buf_span(&key));
    return *ret ? WB_OK : load_new(shell, part, wb_buf_span(&key), policy, ret, err);
}

/* ---- steps ---- */

static void step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input)
{
    input->now_ms = shell->now_ms;
    input->entropy = wb_random_u64();
    wb_plan_step(&loaded->policy, &loaded->link, input, &shell->outbox);
    recount(shell, loaded);
}

void wb_link_step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input)
{
    step(shell, loaded, input);
    /* While others wait, the dispatcher keeps the order; else there is nobody to overtake. */
    struct wb_load *load = load_of(shell, loaded->link.target);
    bool ready = loaded->standing == WB_STANDING_WAITING &&
                 loaded->link.job->due_ms <= shell->now_ms &&
                 load->count[loaded->lane][WB_STANDING_WAITING] == 1;
    if (!ready || wb_load_room(shell, loaded->link.target, loaded->lane) <= 0)
        return;
    struct wb_input give = {.kind = WB_INPUT_GIVE};
    step(shell, loaded, &give);
}
