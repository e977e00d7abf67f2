/* Pure decisions: strategy, lane, size of ranges, back-off. */
#include <string.h>

#include "planner/plan_parts.h"

static bool is_media(const char *mime)
{
    static const char *const kinds[] = {"video/", "audio/", "image/"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(mime, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

static enum wb_strategy by_size(const struct wb_policy *policy, int64_t size_bytes,
                                const char *mime, const char **ret_reason)
{
    if (size_bytes < policy->batch_below_bytes) {
        *ret_reason = size_bytes < 0 ? "size not known yet" : "small file";
        return WB_STRATEGY_BATCH;
    }
    if (is_media(mime)) {
        *ret_reason = "media";
        return WB_STRATEGY_STREAMING;
    }
    if (size_bytes < policy->direct_below_bytes) {
        *ret_reason = "medium size";
        return WB_STRATEGY_DIRECT;
    }
    *ret_reason = "large file";
    return WB_STRATEGY_CHUNKED;
}

enum wb_strategy wb_plan_strategy(const struct wb_policy *policy, int64_t size_bytes,
                                  const char *mime, const char **ret_reason)
{
    enum wb_strategy strategy = policy->strategy;
    if (strategy == WB_STRATEGY_UNKNOWN || strategy == WB_STRATEGY_AUTO)
        strategy = by_size(policy, size_bytes, mime, ret_reason);
    else
        *ret_reason = "the rule asks for it";
    bool ranges = strategy == WB_STRATEGY_CHUNKED || strategy == WB_STRATEGY_STREAMING;
    if (ranges && size_bytes == 0) {
        *ret_reason = "empty file";
        return WB_STRATEGY_DIRECT;
    }
    return strategy;
}

static int64_t job_size(const struct wb_job *job)
{
    return job->version ? job->version->size_bytes : job->event.claim.size_bytes;
}

int64_t wb_plan_bytes(const struct wb_job *job)
{
    const int64_t mebibyte = 1024 * 1024;
    int64_t chunk = job->chunk_bytes ? job->chunk_bytes : 16 * mebibyte;
    int64_t size = job->event.kind == WB_EVENT_DELETED ? 0 : job_size(job);
    if (size > WB_RANGES_IN_FLIGHT * chunk)
        size = WB_RANGES_IN_FLIGHT * chunk;
    return size > 0 ? size : 0;
}

enum wb_lane wb_plan_lane(const struct wb_policy *policy, const struct wb_job *job)
{
    const char *reason;
    if (job->event.kind == WB_EVENT_DELETED)
        return WB_LANE_SMALL;
    enum wb_strategy strategy = wb_plan_strategy(policy, job_size(job), job->mime, &reason);
    return strategy == WB_STRATEGY_BATCH ? WB_LANE_SMALL : WB_LANE_LARGE;
}

#define TO(state) (1U << WB_JOB_##state)

static const unsigned moves[] = {
    [WB_JOB_UNKNOWN] = TO(WAITING) | TO(FENCING),
    [WB_JOB_WAITING] = TO(WAITING) | TO(PROBING) | TO(COPYING) | TO(OPENING) | TO(RANGING) |
                       TO(PUBLISHING) | TO(DELETING) | TO(DEAD),
    [WB_JOB_PROBING] = TO(WAITING) | TO(DEAD),
    [WB_JOB_COPYING] = TO(COPYING) | TO(WAITING) | TO(PUBLISHING) | TO(DEAD),
    [WB_JOB_OPENING] = TO(WAITING) | TO(COPYING) | TO(RANGING) | TO(DEAD),
    [WB_JOB_RANGING] = TO(RANGING) | TO(WAITING) | TO(SEALING) | TO(DEAD),
    [WB_JOB_SEALING] = TO(WAITING) | TO(PUBLISHING) | TO(DEAD),
    [WB_JOB_PUBLISHING] = TO(PUBLISHING) | TO(FENCING) | TO(DEAD),
    [WB_JOB_FENCING] = TO(FENCING) | TO(WAITING) | TO(DEAD),
    [WB_JOB_DELETING] = TO(WAITING) | TO(DEAD),
    [WB_JOB_DEAD] = 0,
};

bool wb_plan_may_move(enum wb_job_state from, enum wb_job_state to)
{
    return from <= WB_JOB_DEAD && to <= WB_JOB_DEAD && (moves[from] >> to & 1U);
}

bool wb_plan_in_flight(enum wb_job_state state)
{
    switch (state) {
    case WB_JOB_PROBING:
    case WB_JOB_COPYING:
    case WB_JOB_OPENING:
    case WB_JOB_RANGING:
    case WB_JOB_SEALING:
    case WB_JOB_PUBLISHING:
    case WB_JOB_DELETING:
        return true;
    default:
        return false;
    }
}

int64_t wb_plan_chunk_bytes(const struct wb_policy *policy, int64_t size_bytes)
{
    const int64_t mebibyte = 1024 * 1024;
    int64_t least = (size_bytes + WB_RANGES_MOST - 1) / WB_RANGES_MOST;
    if (least <= policy->chunk_bytes)
        return policy->chunk_bytes;
    return (least + mebibyte - 1) / mebibyte * mebibyte;
}

int64_t wb_plan_backoff_ms(int64_t least_ms, int64_t most_ms, int32_t attempt, uint64_t entropy)
{
    int64_t ceiling = least_ms > 0 ? least_ms : 1;
    for (int32_t i = 0; i < attempt && ceiling < most_ms; i++)
        ceiling *= 2;
    if (ceiling > most_ms)
        ceiling = most_ms > 0 ? most_ms : 1;
    int64_t wait_ms = (int64_t)(entropy % ((uint64_t)ceiling + 1));
    return wait_ms > 0 ? wait_ms : 1;
}
