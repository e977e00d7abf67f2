/* Reading back and comparing. A verdict speaks of the one file that the claim names, by its tag:
 * another file under that name is no match, whatever its bytes. */
#include "verifier/judge.h"

#include "core/stage/pool.h"

bool wb_judge_concerns(const struct wb_result *claim)
{
    return claim->outcome == WB_OUTCOME_COPIED || claim->outcome == WB_OUTCOME_RANGED ||
           claim->outcome == WB_OUTCOME_SEALED || claim->outcome == WB_OUTCOME_PRESENT;
}

void wb_judge_fail(struct wb_judge *judge, struct wb_result *verdict, const struct wb_err *err)
{
    struct wb_err *copy = wb_arena_alloc(judge->arena, sizeof(*copy));
    *copy = *err;
    wb_err_place(copy, WB_SCOPE_TARGET, "prove");
    verdict->error = copy;
    if (verdict->outcome != WB_OUTCOME_MISMATCH)
        verdict->outcome = WB_OUTCOME_FAILED;
}

static void mismatch(struct wb_judge *judge, struct wb_result *verdict, const struct wb_err *err)
{
    verdict->outcome = WB_OUTCOME_MISMATCH;
    wb_judge_fail(judge, verdict, err);
}

static bool is_present(const struct wb_result *claim)
{
    return claim->outcome == WB_OUTCOME_PRESENT;
}

static enum wb_place place_of(const struct wb_result *claim)
{
    return is_present(claim) ? WB_PLACE_FINAL : WB_PLACE_STAGED;
}

static struct wb_span name_of(const struct wb_result *claim)
{
    return is_present(claim) ? claim->path : wb_span_str(claim->instance);
}

enum wb_rc wb_judge_digest(struct wb_judge *judge, struct wb_file *file, int64_t offset,
                           int64_t length, int64_t *ret_len, struct wb_err *err)
{
    uint8_t *block = wb_pool_get(judge->env->pool);
    enum wb_rc rc = WB_OK;
    int64_t done = 0;
    wb_file_expect(file, offset, length);
    while (rc == WB_OK && done < length) {
        int64_t left = length - done;
        size_t want = left < WB_POOL_BLOCK_BYTES ? (size_t)left : WB_POOL_BLOCK_BYTES;
        size_t got = 0;
        wb_hand_beat(judge->env->hand);
        rc = wb_file_read(file, offset + done, block, want, &got, err);
        if (rc != WB_OK)
            break;
        wb_hasher_update(judge->hasher, wb_span_of(block, got));
        done += (int64_t)got;
        if (got < want)
            break;
    }
    wb_pool_put(judge->env->pool, block);
    *ret_len = done;
    return rc;
}

static enum wb_rc range_matches(struct wb_judge *judge, struct wb_file *file,
                                const struct wb_range *range, struct wb_sha256 *sha256,
                                bool *ret_matches, struct wb_err *err)
{
    int64_t got;
    struct wb_xxh3 xxh3;
    wb_hasher_reset(judge->hasher, sha256 != NULL);
    if (wb_judge_digest(judge, file, range->offset, range->length, &got, err) != WB_OK)
        return WB_ERROR;
    wb_hasher_final(judge->hasher, &xxh3, sha256);
    *ret_matches =
        got == range->length && wb_span_eq(range->digest, wb_span_of(xxh3.bytes, WB_XXH3_SIZE));
    return WB_OK;
}

/* What the source is after the target was read: a copy proved of a source that went on is still a
 * good copy of what it was, and the planner looks again. What was read of a replica has an etag of
 * its own. */
static void look_at_source(struct wb_judge *judge, const struct wb_result *claim,
                           struct wb_result *verdict)
{
    struct wb_stat now;
    struct wb_err err;
    const char *from = judge->claims->from;
    if (!judge->source)
        return;
    if (wb_store_stat(judge->source, WB_PLACE_FINAL, claim->path, &now, &err) == WB_OK) {
        bool same = from && *from ? wb_version_like(claim->version, &now.version)
                                  : wb_version_same(claim->version, &now.version);
        verdict->source_state = same ? WB_SOURCE_SAME : WB_SOURCE_CHANGED;
    } else if (err.category == WB_CAT_NOT_FOUND) {
        verdict->source_state = WB_SOURCE_GONE;
    }
}

static bool is_claimed(struct wb_judge *judge, const struct wb_result *claim,
                       struct wb_result *verdict)
{
    struct wb_stat stat;
    struct wb_err err;
    if (wb_store_stat(judge->target, place_of(claim), name_of(claim), &stat, &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return false;
    }
    bool size_fits = !claim->version || stat.version.size_bytes == claim->version->size_bytes;
    if (size_fits && (!*claim->tag || strcmp(stat.tag, claim->tag) == 0))
        return true;
    (void)wb_err_at(
        &err, WB_SCOPE_TARGET, "prove", is_present(claim) ? WB_CAT_CHANGED : WB_CAT_CORRUPT,
        "the %s file %s", is_present(claim) ? "target's" : "staged",
        size_fits ? "is another one than was reported" : "has another size than was reported");
    mismatch(judge, verdict, &err);
    return false;
}

/* ---- by what is claimed ---- */

/* True when the bytes are those of the claim's one range and have its SHA-256. */
static enum wb_rc whole_matches(struct wb_judge *judge, const struct wb_result *claim,
                                struct wb_file *file, bool *ret_matches, struct wb_err *err)
{
    struct wb_sha256 sha256;
    bool with_sha = claim->sha256.len > 0;
    if (claim->range_count != 1)
        return wb_err_at(err, WB_SCOPE_TRANSFER, "prove", WB_CAT_INVALID,
                         "a whole file is reported as one range, not %zu", claim->range_count);
    if (range_matches(judge, file, claim->ranges, with_sha ? &sha256 : NULL, ret_matches, err) !=
        WB_OK)
        return WB_ERROR;
    if (*ret_matches && with_sha)
        *ret_matches = wb_span_eq(claim->sha256, wb_span_of(sha256.bytes, WB_SHA256_SIZE));
    return WB_OK;
}

static void report_whole(const struct wb_result *claim, struct wb_result *verdict)
{
    verdict->ranges = claim->ranges;
    verdict->range_count = claim->range_count;
    verdict->sha256 = claim->sha256;
    verdict->bytes = claim->version ? claim->version->size_bytes : 0;
}

static void judge_copied(struct wb_judge *judge, const struct wb_result *claim,
                         struct wb_file *file, struct wb_result *verdict)
{
    struct wb_err err;
    bool matches;
    if (whole_matches(judge, claim, file, &matches, &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return;
    }
    report_whole(claim, verdict);
    if (matches) {
        verdict->outcome = WB_OUTCOME_MATCH;
    } else {
        wb_judge_blame(judge, claim, claim->ranges, &err);
        mismatch(judge, verdict, &err);
    }
    look_at_source(judge, claim, verdict);
}

/* The file was there before: others may change it while it is read. Nobody copied it, so nobody is
 * to blame when it differs. */
static void judge_present(struct wb_judge *judge, const struct wb_result *claim,
                          struct wb_file *file, struct wb_result *verdict)
{
    struct wb_err err;
    struct wb_stat before;
    struct wb_stat after;
    bool matches;
    if (wb_file_stat(file, &before, &err) != WB_OK ||
        whole_matches(judge, claim, file, &matches, &err) != WB_OK ||
        wb_file_stat(file, &after, &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return;
    }
    if (!is_claimed(judge, claim, verdict))
        return;
    report_whole(claim, verdict);
    look_at_source(judge, claim, verdict);
    verdict->outcome = WB_OUTCOME_MATCH;
    bool still = strcmp(before.tag, claim->tag) == 0 && strcmp(before.etag, after.etag) == 0;
    if (matches && still)
        return;
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "prove", matches ? WB_CAT_CHANGED : WB_CAT_CONFLICT,
                    matches ? "the target's file changed while it was read"
                            : "the target's file has the source's size and time but other bytes");
    mismatch(judge, verdict, &err);
}

static void judge_ranged(struct wb_judge *judge, const struct wb_result *claim,
                         struct wb_file *file, struct wb_result *verdict)
{
    struct wb_err err;
    struct wb_range *bad = wb_arena_alloc(judge->arena, (claim->range_count + 1) * sizeof(*bad));
    size_t bad_count = 0;
    for (size_t i = 0; i < claim->range_count; i++) {
        bool matches;
        if (range_matches(judge, file, &claim->ranges[i], NULL, &matches, &err) != WB_OK) {
            wb_judge_fail(judge, verdict, &err);
            return;
        }
        verdict->bytes += claim->ranges[i].length;
        if (!matches)
            bad[bad_count++] = claim->ranges[i];
    }
    verdict->ranges = bad_count ? bad : claim->ranges;
    verdict->range_count = bad_count ? bad_count : claim->range_count;
    if (bad_count == 0) {
        verdict->outcome = WB_OUTCOME_MATCH;
        return;
    }
    wb_judge_blame(judge, claim, bad, &err);
    mismatch(judge, verdict, &err);
}

/* Its ranges are proved one by one; SHA-256 takes the whole file in order. */
static void judge_sealed(struct wb_judge *judge, const struct wb_result *claim,
                         struct wb_file *file, struct wb_result *verdict)
{
    int64_t got;
    struct wb_err err;
    struct wb_xxh3 xxh3;
    struct wb_sha256 sha256;
    bool with_sha = claim->sha256.len > 0 || judge->claims->options.sha256;
    if (with_sha && claim->version) {
        wb_hasher_reset(judge->hasher, true);
        if (wb_judge_digest(judge, file, 0, claim->version->size_bytes, &got, &err) != WB_OK) {
            wb_judge_fail(judge, verdict, &err);
            return;
        }
        wb_hasher_final(judge->hasher, &xxh3, &sha256);
        verdict->bytes = got;
        verdict->sha256 = wb_arena_span(judge->arena, wb_span_of(sha256.bytes, WB_SHA256_SIZE));
    }
    look_at_source(judge, claim, verdict);
    if (claim->sha256.len == 0 || wb_span_eq(claim->sha256, verdict->sha256)) {
        verdict->outcome = WB_OUTCOME_MATCH;
        return;
    }
    /* Every range equals the source's: it is the source that lacks the claimed digest. */
    (void)wb_err_at(&err, WB_SCOPE_SOURCE, "prove", WB_CAT_CORRUPT,
                    "the source's bytes do not have the sha-256 that the event claims");
    err.retryable = false;
    wb_judge_fail(judge, verdict, &err);
}

/* What others wrote to the target may be in its cache only: it is synced before it counts. */
static bool reads_medium(const struct wb_judge *judge, const struct wb_result *claim)
{
    return judge->medium || is_present(claim);
}

void wb_judge_result(struct wb_judge *judge, const struct wb_result *claim,
                     struct wb_result *verdict)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    if (!is_claimed(judge, claim, verdict))
        return;
    if (wb_store_read(judge->target, place_of(claim), name_of(claim), reads_medium(judge, claim),
                      &file, &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return;
    }
    if (claim->outcome == WB_OUTCOME_COPIED)
        judge_copied(judge, claim, file, verdict);
    else if (claim->outcome == WB_OUTCOME_PRESENT)
        judge_present(judge, claim, file, verdict);
    else if (claim->outcome == WB_OUTCOME_RANGED)
        judge_ranged(judge, claim, file, verdict);
    else
        judge_sealed(judge, claim, file, verdict);
    wb_file_close(&file);
}
