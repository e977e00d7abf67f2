/* Reading back and comparing. A verdict speaks of the one instance that the claim names, by its
 * tag: another file under that name is no match, whatever its bytes. */
#include "verifier/judge.h"

#include "core/stage/pool.h"

bool wb_judge_concerns(const struct wb_result *claim)
{
    return claim->outcome == WB_OUTCOME_COPIED || claim->outcome == WB_OUTCOME_RANGED ||
           claim->outcome == WB_OUTCOME_SEALED;
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

/* Copying again may well give a good copy, so unlike other corruption this can be retried. */
static void mismatch(struct wb_judge *judge, struct wb_result *verdict, const char *what)
{
    struct wb_err err;
    (void)wb_err_at(&err, WB_SCOPE_TARGET, "prove", WB_CAT_CORRUPT, "%s", what);
    err.retryable = true;
    verdict->outcome = WB_OUTCOME_MISMATCH;
    wb_judge_fail(judge, verdict, &err);
}

/* Feeds [offset, offset + length) to the hasher; `ret_len` is less where the file ends. */
static enum wb_rc digest(struct wb_judge *judge, struct wb_file *file, int64_t offset,
                         int64_t length, int64_t *ret_len, struct wb_err *err)
{
    uint8_t *block = wb_pool_get(judge->env->pool);
    enum wb_rc rc = WB_OK;
    int64_t done = 0;
    while (rc == WB_OK && done < length) {
        int64_t left = length - done;
        size_t want = left < WB_POOL_BLOCK_BYTES ? (size_t)left : WB_POOL_BLOCK_BYTES;
        size_t got = 0;
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
    if (digest(judge, file, range->offset, range->length, &got, err) != WB_OK)
        return WB_ERROR;
    wb_hasher_final(judge->hasher, &xxh3, sha256);
    *ret_matches =
        got == range->length && wb_span_eq(range->digest, wb_span_of(xxh3.bytes, WB_XXH3_SIZE));
    return WB_OK;
}

/* What the source is after the target was read: a copy proved of a source that went on is still a
 * good copy of what it was, and the planner looks again. */
static void look_at_source(struct wb_judge *judge, const struct wb_result *claim,
                           struct wb_result *verdict)
{
    struct wb_stat now;
    struct wb_err err;
    if (!judge->source)
        return;
    if (wb_store_stat(judge->source, WB_PLACE_FINAL, claim->path, &now, &err) == WB_OK)
        verdict->source_state =
            wb_version_same(claim->version, &now.version) ? WB_SOURCE_SAME : WB_SOURCE_CHANGED;
    else if (err.category == WB_CAT_NOT_FOUND)
        verdict->source_state = WB_SOURCE_GONE;
}

static bool is_instance(struct wb_judge *judge, const struct wb_result *claim,
                        struct wb_result *verdict)
{
    struct wb_stat staged;
    struct wb_err err;
    if (wb_store_stat(judge->target, WB_PLACE_STAGED, wb_span_str(claim->instance), &staged,
                      &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return false;
    }
    bool size_fits = !claim->version || staged.version.size_bytes == claim->version->size_bytes;
    if (size_fits && (!*claim->tag || strcmp(staged.tag, claim->tag) == 0))
        return true;
    mismatch(judge, verdict,
             size_fits ? "the staged file is another one than was copied"
                       : "the staged file has another size than was copied");
    return false;
}

/* ---- by what is claimed ---- */

static void judge_copied(struct wb_judge *judge, const struct wb_result *claim,
                         struct wb_file *file, struct wb_result *verdict)
{
    struct wb_err err;
    struct wb_sha256 sha256;
    bool with_sha = claim->sha256.len > 0;
    bool matches = claim->range_count == 1;
    if (matches && range_matches(judge, file, claim->ranges, with_sha ? &sha256 : NULL, &matches,
                                 &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return;
    }
    if (matches && with_sha)
        matches = wb_span_eq(claim->sha256, wb_span_of(sha256.bytes, WB_SHA256_SIZE));
    verdict->ranges = claim->ranges;
    verdict->range_count = claim->range_count;
    verdict->sha256 = claim->sha256;
    verdict->bytes = claim->version ? claim->version->size_bytes : 0;
    look_at_source(judge, claim, verdict);
    if (matches)
        verdict->outcome = WB_OUTCOME_MATCH;
    else
        mismatch(judge, verdict, "what was read back differs from what was copied");
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
    if (bad_count)
        mismatch(judge, verdict, "what was read back of a range differs from what was copied");
    else
        verdict->outcome = WB_OUTCOME_MATCH;
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
        if (digest(judge, file, 0, claim->version->size_bytes, &got, &err) != WB_OK) {
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

void wb_judge_result(struct wb_judge *judge, const struct wb_result *claim,
                     struct wb_result *verdict)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    if (!is_instance(judge, claim, verdict))
        return;
    if (wb_store_read(judge->target, WB_PLACE_STAGED, wb_span_str(claim->instance), judge->medium,
                      &file, &err) != WB_OK) {
        wb_judge_fail(judge, verdict, &err);
        return;
    }
    if (claim->outcome == WB_OUTCOME_COPIED)
        judge_copied(judge, claim, file, verdict);
    else if (claim->outcome == WB_OUTCOME_RANGED)
        judge_ranged(judge, claim, file, verdict);
    else
        judge_sealed(judge, claim, file, verdict);
    wb_file_close(&file);
}
