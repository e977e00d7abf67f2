/* What the rules demand beside what the ledgers hold: a page a turn, until nothing differs. Jobs
 * that no rule asks for, or that an operator called off, are called off; a file that is known from
 * one link and that a rule sends to another target, too, is asked for there ("add a node, and it
 * fills"). Which state of the rules a ledger was compared with is kept in it. */
#include "core/base/hash.h"
#include "core/base/log.h"
#include "planner/shell.h"

enum { PAGE = 256 };

static enum wb_rc call_off(struct wb_shell *shell, struct wb_loaded *loaded, struct wb_err *err)
{
    struct wb_input input = {.kind = WB_INPUT_CANCEL};
    int64_t cancelled_ms = wb_link_cancelled_ms(shell, loaded);
    if (!loaded->link.job)
        return WB_OK;
    if (!*loaded->policy.rule) {
        input.until_ms = INT64_MAX;
        input.cancel_end = WB_END_SUPERSEDED;
        input.reason = "no rule sends it there any more";
    } else if (cancelled_ms) {
        input.until_ms = cancelled_ms;
        input.cancel_end = WB_END_DEAD;
        input.reason = "called off by an operator";
    } else {
        return WB_OK;
    }
    return wb_link_step(shell, loaded, &input, err);
}

/* Whether the target was asked for as much as the one that is known. What ended because no rule
 * asked for it any more may not have been, and a target that was left out for a while may have
 * missed what came meanwhile. */
static bool is_asked(const struct wb_link *link, const struct wb_link *known,
                     const struct wb_event_ref *ref)
{
    /* What a job is about is a claim only. */
    const struct wb_version *proved = known->job ? NULL : known->replica->version;
    const struct wb_job *job = link->job;
    const struct wb_replica *replica = link->replica;
    if (job)
        return (job->pending ? job->pending : &job->event)->offset >= ref->offset;
    if (!replica)
        return false;
    bool same = replica->version && proved && wb_version_same(replica->version, proved);
    bool called_off = replica->end == WB_END_SUPERSEDED && !same;
    return replica->event_offset >= ref->offset && !called_off;
}

/* What was deleted while a target was left out. */
static bool may_have_kept(const struct wb_loaded *other, const struct wb_policy *policy)
{
    return policy->deletes && other->link.replica && other->link.replica->version;
}

/* Asks for a file at all targets of which it was not asked yet. `ref` is how it was seen last; the
 * copies will see what it is now. */
static enum wb_rc fill(struct wb_shell *shell, const struct wb_loaded *known,
                       const struct wb_event_ref *ref, struct wb_err *err)
{
    struct wb_route *routes;
    const struct wb_link *link = &known->link;
    size_t count = wb_rules_routes(shell->rules, shell->rule_count, &shell->defaults, link->source,
                                   link->path, shell->arena, &routes);
    for (size_t i = 0; i < count; i++) {
        struct wb_loaded *other;
        struct wb_event_ref own = *ref;
        bool gone = ref->kind == WB_EVENT_DELETED;
        struct wb_input input = {.kind = WB_INPUT_EVENT, .event = &own};
        if (wb_link_load(shell, known->part, routes[i].target, link->source, link->path,
                         &routes[i].policy, &other, err) != WB_OK)
            return WB_ERROR;
        if (is_asked(&other->link, link, ref) || (gone && !may_have_kept(other, &routes[i].policy)))
            continue;
        own.id = wb_arena_printf(shell->arena, "fill-%016llx", (unsigned long long)wb_random_u64());
        own.accepted_ms = shell->now_ms;
        own.count = 1;
        if (other->link.replica && other->link.replica->event_offset >= own.offset) {
            own.offset = other->link.replica->event_offset;
            own.count = 0; /* it ended there once */
        }
        if (wb_link_step(shell, other, &input, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static const struct wb_version unknown = {.size_bytes = -1, .mtime_ns = -1, .etag = ""};

/* What is under way or dead at one target is wanted at the others as well. Whether it is gone, only
 * a look will tell. */
static enum wb_rc fill_as(struct wb_shell *shell, const struct wb_loaded *known,
                          const struct wb_job *job, struct wb_err *err)
{
    struct wb_event_ref ref = job->pending ? *job->pending : job->event;
    if (ref.kind == WB_EVENT_DELETED)
        ref.claim = unknown;
    ref.kind = WB_EVENT_WRITTEN;
    return fill(shell, known, &ref, err);
}

static enum wb_rc check_job(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                            struct wb_err *err)
{
    struct wb_loaded *loaded;
    if (wb_link_load_key(shell, part, key, &loaded, err) != WB_OK)
        return WB_ERROR;
    const struct wb_job *job = loaded->link.job;
    if (job && fill_as(shell, loaded, job, err) != WB_OK)
        return WB_ERROR;
    return call_off(shell, loaded, err);
}

static enum wb_rc check_replica(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                                struct wb_err *err)
{
    struct wb_loaded *loaded;
    if (wb_link_load_key(shell, part, key, &loaded, err) != WB_OK)
        return WB_ERROR;
    const struct wb_replica *replica = loaded->link.replica;
    bool gone = replica && replica->end == WB_END_DELETED;
    if (!replica || (!replica->version && !gone))
        return WB_OK;
    const struct wb_event_ref ref = {
        .time_ms = replica->event_time_ms,
        .offset = replica->event_offset,
        .kind = gone ? WB_EVENT_DELETED : WB_EVENT_WRITTEN,
        .claim = gone ? unknown : *replica->version,
        .sha256 = replica->sha256,
        .mime = wb_mime_of(shell->mime, replica->path),
    };
    return fill(shell, loaded, &ref, err);
}

static enum wb_rc page(struct wb_shell *shell, struct wb_part *part, struct wb_err *err)
{
    size_t count;
    struct wb_span *keys = wb_arena_alloc(shell->arena, PAGE * sizeof(*keys));
    if (wb_ledger_walk(part->ledger, part->replicas, PAGE, shell->arena, &part->walk, keys, &count,
                       err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if ((part->replicas ? check_replica : check_job)(shell, part, keys[i], err) != WB_OK)
            return WB_ERROR;
    if (count == PAGE)
        return WB_OK;
    part->walk = (struct wb_ledger_place){0};
    part->compared = part->replicas;
    part->replicas = !part->replicas;
    if (!part->compared)
        return WB_OK;
    return wb_ledger_set_seen(part->ledger, shell->demands, err);
}

enum wb_rc wb_reconcile(struct wb_shell *shell, struct wb_err *err)
{
    for (int32_t p = 0; p < shell->partitions; p++) {
        struct wb_part *part = &shell->parts[p];
        if (part->ours && !part->compared && !wb_turn_is_heavy(shell))
            return page(shell, part, err);
    }
    return WB_OK;
}
