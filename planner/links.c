/* Links in memory for one turn, and how their jobs count against the windows. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "planner/shell.h"

enum { KEY_MAX = 8192 };

void wb_turn_reset(struct wb_shell *shell)
{
    shell->turn++;
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
    }
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

/* Only we write them; a record of a stranger must not stop the planner at each look. */
static enum wb_rc decode_replica(struct wb_shell *shell, struct wb_span key, struct wb_span bytes,
                                 void **ret, struct wb_err *err)
{
    if (decode(shell, WB_RECORD_REPLICA, bytes, ret, err) == WB_OK)
        return WB_OK;
    if (err->category != WB_CAT_INVALID)
        return WB_ERROR;
    const char *text = wb_arena_printf(shell->arena, "%.*s", (int)key.len, (const char *)key.data);
    WB_LOG(WB_LOG_ERROR, "replica can't be read, taken for none", WB_LOG_STR("key", text),
           WB_LOG_STR("reason", err->text));
    *ret = NULL;
    return WB_OK;
}

static enum wb_rc fill(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_err *err)
{
    struct wb_span job;
    struct wb_span replica;
    void *job_record;
    void *replica_record;
    struct wb_link *link = &loaded->link;
    if (wb_ledger_get(loaded->part->ledger, link->key, shell->arena, &job, &replica, &loaded->known,
                      err) != WB_OK ||
        decode(shell, WB_RECORD_JOB, job, &job_record, err) != WB_OK ||
        decode_replica(shell, link->key, replica, &replica_record, err) != WB_OK)
        return WB_ERROR;
    link->job = job_record;
    link->replica = replica_record;
    if (!link->job)
        return WB_OK;
    /* It counts as the ledger has it, whatever the rules say by now. */
    loaded->queue = wb_queue_of(shell, loaded->known.queue);
    loaded->lane = loaded->known.lane;
    loaded->standing = loaded->known.standing;
    loaded->bytes = wb_plan_bytes(link->job);
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
    if (!*ret)
        return load_new(shell, part, wb_buf_span(&key), policy, ret, err);
    /* It may have been loaded before the rules were read again. */
    if (policy)
        (*ret)->policy = *policy;
    return WB_OK;
}

/* ---- other replicas ---- */

static enum wb_rc replica_at(struct wb_shell *shell, const struct wb_loaded *loaded,
                             const char *node, const struct wb_replica **ret, struct wb_err *err)
{
    void *record;
    struct wb_span bytes;
    const struct wb_link *link = &loaded->link;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_MAX);
    if (wb_replica_key(node, link->source, link->path, &key, err) != WB_OK)
        return WB_ERROR;
    const struct wb_loaded *there = wb_map_get(shell->links, wb_buf_span(&key));
    if (there) {
        *ret = there->link.replica;
        return WB_OK;
    }
    if (wb_ledger_get_replica(loaded->part->ledger, wb_buf_span(&key), shell->arena, &bytes, err) !=
            WB_OK ||
        decode_replica(shell, wb_buf_span(&key), bytes, &record, err) != WB_OK)
        return WB_ERROR;
    *ret = record;
    return WB_OK;
}

static bool serves(struct wb_shell *shell, const struct wb_loaded *loaded, const char *node)
{
    struct wb_node_view *view = wb_node_view_of(shell, node);
    return strcmp(node, loaded->link.target) != 0 && !view->held &&
           wb_side_open(&view->side[WB_SIDE_SOURCE], shell->now_ms) &&
           wb_side_open(&view->side[WB_SIDE_TARGET], shell->now_ms);
}

enum wb_rc wb_link_other(struct wb_shell *shell, const struct wb_loaded *loaded, const char *node,
                         const struct wb_replica **ret, struct wb_err *err)
{
    *ret = NULL;
    if (node)
        return replica_at(shell, loaded, node, ret, err);
    for (size_t i = 0; i < shell->rule_count; i++) {
        const struct wb_rule *rule = shell->rules[i];
        for (size_t t = 0; t < rule->target_count && !strcmp(rule->source, loaded->link.source);
             t++) {
            const struct wb_replica *replica;
            if (!serves(shell, loaded, rule->targets[t]))
                continue;
            if (replica_at(shell, loaded, rule->targets[t], &replica, err) != WB_OK)
                return WB_ERROR;
            if (replica && wb_plan_other_fits(&loaded->link, replica)) {
                *ret = replica;
                return WB_OK;
            }
        }
    }
    return WB_OK;
}

/* ---- steps ---- */

static uint64_t entropy(struct wb_shell *shell)
{
    if (!shell->entropy_left) {
        wb_random_bytes(shell->entropy, sizeof(shell->entropy));
        shell->entropy_left = WB_ENTROPY;
    }
    return shell->entropy[--shell->entropy_left];
}

static void step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input)
{
    input->now_ms = shell->now_ms;
    input->entropy = entropy(shell);
    wb_plan_step(&loaded->policy, &loaded->link, input, &shell->outbox);
    /* Counts go by what the ledger has: what is not saved counts as before, whatever the rules say.
     */
    if (loaded->link.job_dirty)
        wb_queue_recount(shell, loaded);
}

static bool fails_at_source(const struct wb_input *input)
{
    const struct wb_err *err = input->result ? input->result->error : NULL;
    return err && err->scope == WB_SCOPE_SOURCE;
}

/* Who was read instead of the source, or could be. */
static enum wb_rc find_other(struct wb_shell *shell, struct wb_loaded *loaded,
                             struct wb_input *input, struct wb_err *err)
{
    const struct wb_job *job = loaded->link.job;
    const char *node = input->from && *input->from ? input->from : NULL;
    if (!job || input->other)
        return WB_OK;
    if (input->kind == WB_INPUT_GIVE && *job->from)
        node = job->from;
    if (!node && !fails_at_source(input))
        return WB_OK;
    return wb_link_other(shell, loaded, node, &input->other, err);
}

/* Fences on a node that was removed can't be acknowledged. Should the node come back, the dead job
 * still has them. */
static void check_reachable(struct wb_shell *shell, const struct wb_loaded *loaded,
                            struct wb_input *input)
{
    struct wb_err err;
    struct wb_node *node;
    const struct wb_job *job = loaded->link.job;
    if (!job || job->state != WB_JOB_FENCING || job->due_ms > shell->now_ms)
        return;
    if (wb_registry_node(shell->registry, loaded->link.target, shell->arena, &node, &err) != WB_OK)
        *input = (struct wb_input){.kind = WB_INPUT_CANCEL,
                                   .until_ms = INT64_MAX,
                                   .cancel_end = WB_END_DEAD,
                                   .reason = "its target was removed"};
}

/* What is about to be given out may not be wanted any more, or not now. */
static void check_wanted(struct wb_shell *shell, const struct wb_loaded *loaded,
                         struct wb_input *input)
{
    enum { PAUSED_MS = 5000 };
    if (!loaded->link.job || input->kind != WB_INPUT_GIVE)
        return;
    int64_t cancelled_ms = wb_link_cancelled_ms(shell, loaded);
    if (!*loaded->policy.rule)
        *input = (struct wb_input){.kind = WB_INPUT_CANCEL,
                                   .until_ms = INT64_MAX,
                                   .cancel_end = WB_END_SUPERSEDED,
                                   .reason = "no rule sends it there any more"};
    else if (loaded->link.job->event.accepted_ms < cancelled_ms)
        *input = (struct wb_input){.kind = WB_INPUT_CANCEL,
                                   .until_ms = cancelled_ms,
                                   .cancel_end = WB_END_DEAD,
                                   .reason = "called off by an operator"};
    else if (wb_link_is_paused(shell, loaded))
        *input = (struct wb_input){.kind = WB_INPUT_DEFER, .until_ms = shell->now_ms + PAUSED_MS};
}

bool wb_link_stands_in(struct wb_shell *shell, struct wb_loaded *loaded, enum wb_lane lane)
{
    if (loaded->standing == WB_STANDING_WAITING &&
        wb_plan_lane(&loaded->policy, loaded->link.job) != loaded->lane) {
        loaded->link.job_dirty = true;
        wb_queue_recount(shell, loaded);
    }
    return loaded->lane == lane;
}

/* Whether those whose answer is missing have answered others since. */
static bool is_staffed(const struct wb_shell *shell, const struct wb_job *job)
{
    bool transfers = shell->answered_ms > job->updated_ms;
    bool verifiers = shell->judged_ms > job->updated_ms;
    if (job->state == WB_JOB_COPYING)
        return *job->instance || *job->tag ? verifiers : transfers;
    if (job->state == WB_JOB_RANGING || job->state == WB_JOB_SEALING)
        return transfers && verifiers;
    return transfers;
}

enum wb_rc wb_link_step(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_input *input,
                        struct wb_err *err)
{
    check_wanted(shell, loaded, input);
    if (input->kind == WB_INPUT_TIMER)
        check_reachable(shell, loaded, input);
    if (input->kind == WB_INPUT_TIMER && loaded->link.job)
        input->excused = !is_staffed(shell, loaded->link.job);
    if (find_other(shell, loaded, input, err) != WB_OK)
        return WB_ERROR;
    step(shell, loaded, input);
    /* While others wait, the dispatcher keeps the order; else there is nobody to overtake. */
    const struct wb_queue *queue = loaded->queue;
    bool ready = queue && loaded->standing == WB_STANDING_WAITING &&
                 loaded->link.job->due_ms <= shell->now_ms &&
                 queue->count[loaded->lane][WB_STANDING_WAITING] == 1;
    if (!ready || wb_queue_room(shell, queue, loaded->lane) <= 0)
        return WB_OK;
    struct wb_input give = {.kind = WB_INPUT_GIVE};
    check_wanted(shell, loaded, &give);
    if (find_other(shell, loaded, &give, err) != WB_OK)
        return WB_ERROR;
    step(shell, loaded, &give);
    return WB_OK;
}
