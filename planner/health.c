#include "planner/health.h"

#include <string.h>

#include "core/base/clock.h"

enum {
    CUT_EVERY_MS = 1000,
    CALM_PROBES = 6,       /* a side that is up is probed so many times more rarely */
    SOON = 4,              /* after a failure the next one comes after this part of an interval */
    FADE_AT = 4096,        /* samples after which they count half */
    NOTICEABLE_US = 20000, /* slower than this is slow only if it used to be quicker */
    MILLI = 1000
};

/* ---- latency ---- */

static void latency_add(struct wb_latency *latency, int64_t took_ms)
{
    int bucket = 0;
    for (int64_t ms = took_ms; ms > 0 && bucket < WB_LATENCY_BUCKETS - 1; ms /= 2)
        bucket++;
    latency->count[bucket]++;
    if (++latency->total >= FADE_AT) {
        latency->total = 0;
        for (int i = 0; i < WB_LATENCY_BUCKETS; i++)
            latency->total += latency->count[i] /= 2;
    }
    int64_t took_us = took_ms * 1000;
    if (!latency->usual_us)
        latency->usual_us = latency->recent_us = took_us > 0 ? took_us : 1;
    latency->recent_us += (took_us - latency->recent_us) / 16;
    latency->usual_us += (took_us - latency->usual_us) / 512;
}

int64_t wb_latency_at(const struct wb_latency *latency, int percent)
{
    uint64_t below = 0;
    if (!latency->total)
        return -1;
    for (int i = 0; i < WB_LATENCY_BUCKETS; i++) {
        below += latency->count[i];
        if (below * 100 >= (uint64_t)latency->total * (unsigned)percent)
            return i ? (int64_t)1 << i : 1;
    }
    return -1;
}

static bool is_slow(const struct wb_side_state *side, const struct wb_health_policy *policy)
{
    const struct wb_latency *latency = &side->latency;
    return latency->recent_us > NOTICEABLE_US &&
           latency->recent_us > latency->usual_us * policy->slow_factor;
}

/* ---- classes ---- */

/* What a node can have as a whole; all others speak of one file. */
static bool is_nodes(const struct wb_err *err)
{
    switch (err->category) {
    case WB_CAT_UNREACHABLE:
    case WB_CAT_TIMEOUT:
    case WB_CAT_THROTTLED:
    case WB_CAT_NO_SPACE:
    case WB_CAT_READ_ONLY:
    case WB_CAT_IO:
        return true;
    default:
        return false;
    }
}

/* ---- window ---- */

static int64_t most_milli(const struct wb_health_policy *policy)
{
    return (int64_t)policy->window_most * MILLI;
}

static int64_t least_milli(const struct wb_health_policy *policy)
{
    int32_t least =
        policy->window_least < policy->window_most ? policy->window_least : policy->window_most;
    return (int64_t)(least > 0 ? least : 1) * MILLI;
}

static const char *cut(struct wb_side_state *side, const struct wb_health_policy *policy,
                       const char *why, int64_t now_ms)
{
    if (now_ms - side->cut_ms < CUT_EVERY_MS || side->window_milli <= least_milli(policy))
        return NULL;
    side->cut_ms = now_ms;
    side->window_milli /= 2;
    if (side->window_milli < least_milli(policy))
        side->window_milli = least_milli(policy);
    return why;
}

static void grow(struct wb_side_state *side, const struct wb_health_policy *policy)
{
    int64_t step = side->trial ? MILLI : (int64_t)MILLI * MILLI / (side->window_milli + 1);
    side->window_milli += step > 0 ? step : 1;
    if (side->window_milli > most_milli(policy))
        side->window_milli = most_milli(policy);
}

int64_t wb_side_window(const struct wb_side_state *side, const struct wb_health_policy *policy)
{
    int64_t milli = side->window_milli;
    if (milli > most_milli(policy))
        milli = most_milli(policy);
    return milli >= MILLI ? milli / MILLI : 1;
}

/* ---- states ---- */

static void move(struct wb_side_state *side, enum wb_node_state state, int64_t now_ms)
{
    if (side->state != state)
        side->since_ms = now_ms;
    side->state = state;
}

static int64_t hold_ms(const struct wb_side_state *side, const struct wb_health_policy *policy)
{
    int64_t hold = policy->hold_least_ms > 0 ? policy->hold_least_ms : 1;
    for (int32_t i = 0; i < side->relapses && hold < policy->hold_most_ms; i++)
        hold *= 2;
    return hold < policy->hold_most_ms ? hold : policy->hold_most_ms;
}

static struct wb_health_change fall_sick(struct wb_side_state *side,
                                         const struct wb_health_policy *policy, int64_t now_ms)
{
    /* One that was well for long enough begins anew. */
    bool relapse =
        side->trial || (side->since_ms && now_ms - side->since_ms < policy->hold_most_ms);
    side->relapses = relapse && side->hold_until_ms ? side->relapses + 1 : 0;
    side->trial = false;
    side->passes = 0;
    side->hold_until_ms = now_ms + hold_ms(side, policy);
    side->window_milli = least_milli(policy);
    if (side->probe_due_ms > side->hold_until_ms)
        side->probe_due_ms = side->hold_until_ms;
    move(side, WB_NODE_SICK, now_ms);
    return (struct wb_health_change){.state = "sick", .window = "sick"};
}

static struct wb_health_change begin_trial(struct wb_side_state *side, int64_t now_ms)
{
    side->trial = true;
    side->failures = 0;
    move(side, WB_NODE_DEGRADED, now_ms);
    return (struct wb_health_change){.state = "recovering"};
}

static struct wb_health_change be_up(struct wb_side_state *side, int64_t now_ms)
{
    bool trial = side->trial;
    side->trial = false;
    side->error = (struct wb_err){0};
    move(side, WB_NODE_UP, now_ms);
    return (struct wb_health_change){.state = "up", .window = trial ? "recovery" : NULL};
}

/* A medium error may be one file's or the disk's: only a probe tells. */
static bool may_be_one_files(const struct wb_err *err)
{
    return err->category == WB_CAT_IO && strcmp(err->phase, "check") != 0;
}

static struct wb_health_change failed(struct wb_side_state *side,
                                      const struct wb_health_policy *policy,
                                      const struct wb_err *err, int64_t now_ms)
{
    struct wb_health_change change = {0};
    side->error = *err;
    side->failures += may_be_one_files(err) ? 0 : 1;
    side->passes = 0;
    if (side->state == WB_NODE_SICK)
        return change;
    if (err->retry_after_ms > 0 && now_ms + err->retry_after_ms > side->hold_until_ms)
        side->hold_until_ms = now_ms + err->retry_after_ms;
    if (side->failures && (side->trial || side->failures >= policy->sick_after))
        return fall_sick(side, policy, now_ms);
    int64_t soon_ms = side->probed_ms + policy->probe_every_ms / SOON;
    if (side->probe_due_ms > soon_ms)
        side->probe_due_ms = soon_ms;
    change.window = cut(side, policy, "failure", now_ms);
    if (side->state != WB_NODE_DEGRADED)
        change.state = "degraded";
    move(side, WB_NODE_DEGRADED, now_ms);
    return change;
}

static struct wb_health_change succeeded(struct wb_side_state *side,
                                         const struct wb_health_policy *policy, int64_t now_ms)
{
    struct wb_health_change change = {0};
    side->ok_ms = now_ms;
    /* What was begun before it fell sick proves nothing: probes do. */
    if (side->state == WB_NODE_SICK)
        return change;
    side->failures = 0;
    if (is_slow(side, policy)) {
        change.window = cut(side, policy, "slow", now_ms);
        if (side->state == WB_NODE_UP) {
            move(side, WB_NODE_DEGRADED, now_ms);
            change.state = "degraded";
        }
        return change;
    }
    grow(side, policy);
    bool recovered = !side->trial || side->window_milli >= most_milli(policy);
    return side->state == WB_NODE_DEGRADED && recovered ? be_up(side, now_ms) : change;
}

void wb_side_init(struct wb_side_state *side, const struct wb_health_policy *policy,
                  const struct wb_side_health *known, int64_t now_ms)
{
    *side = (struct wb_side_state){.state = WB_NODE_UP,
                                   .since_ms = now_ms,
                                   .probe_due_ms = now_ms,
                                   .window_milli = most_milli(policy)};
    if (!known || known->state != WB_NODE_SICK)
        return;
    side->state = WB_NODE_SICK;
    side->since_ms = known->since_ms;
    side->window_milli = least_milli(policy);
    if (known->error)
        side->error = *known->error;
}

struct wb_health_change wb_side_outcome(struct wb_side_state *side,
                                        const struct wb_health_policy *policy,
                                        const struct wb_err *err, int64_t took_ms, int64_t now_ms)
{
    if (err && is_nodes(err))
        return failed(side, policy, err, now_ms);
    if (took_ms >= 0)
        latency_add(&side->latency, took_ms);
    return succeeded(side, policy, now_ms);
}

struct wb_health_change wb_side_probed(struct wb_side_state *side,
                                       const struct wb_health_policy *policy,
                                       const struct wb_err *err, int64_t free_bytes,
                                       int64_t took_ms, int64_t now_ms)
{
    struct wb_err full;
    bool no_room = !err && free_bytes >= 0 && free_bytes < policy->min_free_bytes;
    if (no_room) {
        char least[16];
        wb_size_format(policy->min_free_bytes, least);
        (void)wb_err_at(&full, WB_SCOPE_TARGET, "check", WB_CAT_NO_SPACE,
                        "less than %s is free (planner.min_free)", least);
        err = &full;
    }
    /* A probe looks at nothing but the node: what it meets is the node's, whatever its class. */
    if (err) {
        /* That there is no room is certain, whatever small files still found some. */
        if (no_room)
            side->failures = policy->sick_after;
        return failed(side, policy, err, now_ms);
    }
    latency_add(&side->latency, took_ms);
    side->ok_ms = now_ms;
    if (side->state != WB_NODE_SICK)
        return succeeded(side, policy, now_ms);
    if (++side->passes < policy->recover_after || now_ms < side->hold_until_ms)
        return (struct wb_health_change){0};
    return begin_trial(side, now_ms);
}

bool wb_side_probe_due(struct wb_side_state *side, const struct wb_health_policy *policy,
                       int64_t now_ms)
{
    if (now_ms < side->probe_due_ms)
        return false;
    bool calm = side->state == WB_NODE_UP && !side->failures && side->ok_ms;
    side->probed_ms = now_ms;
    side->probe_due_ms = now_ms + (calm ? CALM_PROBES : 1) * policy->probe_every_ms;
    return true;
}

bool wb_side_open(const struct wb_side_state *side, int64_t now_ms)
{
    return side->state != WB_NODE_SICK && (side->trial || now_ms >= side->hold_until_ms);
}

bool wb_side_excuses(const struct wb_side_state *side, const struct wb_err *err, int64_t begun_ms)
{
    return is_nodes(err) &&
           (side->state == WB_NODE_SICK || (side->trial && begun_ms < side->since_ms));
}

const char *wb_side_reason(const struct wb_side_state *side)
{
    if (side->state == WB_NODE_UP)
        return "";
    if (side->trial)
        return "recovering";
    return side->error.text[0] ? side->error.text : "slow";
}
