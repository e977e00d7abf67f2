/* Reading a whole file once: its bytes go to an instance or nowhere, its digests into the result.
 */
#include "transfer/exec.h"

struct whole {
    struct wb_exec *exec;
    const struct wb_task_file *file;
    const struct wb_stat *stat;
    struct wb_xxh3 xxh3;
    struct wb_sha256 sha256;
};

static bool wants_sha256(const struct whole *whole)
{
    return whole->exec->task->options.sha256 || whole->file->sha256.len > 0;
}

static enum wb_rc read_all(struct whole *whole, struct wb_file *from, struct wb_file *to,
                           struct wb_err *err)
{
    struct wb_exec *exec = whole->exec;
    int64_t size = whole->stat->version.size_bytes;
    bool sparse = whole->stat->sparse && (!to || exec->target->caps.sparse);
    wb_hasher_reset(exec->hasher, wants_sha256(whole));
    if (wb_bytes_copy(exec, from, to, 0, size, sparse, false, NULL, NULL, err) != WB_OK)
        return WB_ERROR;
    wb_hasher_final(exec->hasher, &whole->xxh3, wants_sha256(whole) ? &whole->sha256 : NULL);
    if (wb_source_check(from, &whole->stat->version, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_SOURCE, "copy");
        return WB_ERROR;
    }
    return WB_OK;
}

/* The claim speaks of the version that the event names; another one may well differ. What a replica
 * is has been compared with that version already. */
static enum wb_rc check_claim(const struct whole *whole, struct wb_err *err)
{
    const struct wb_version *claim = whole->file->version;
    struct wb_span have = wb_span_of(whole->sha256.bytes, WB_SHA256_SIZE);
    bool other = !whole->exec->replica && claim && claim->size_bytes >= 0 && claim->mtime_ns >= 0 &&
                 !wb_version_same(claim, &whole->stat->version);
    if (whole->file->sha256.len == 0 || other || wb_span_eq(whole->file->sha256, have))
        return WB_OK;
    (void)wb_err_at(err, WB_SCOPE_SOURCE, "copy", WB_CAT_CORRUPT,
                    "the source's bytes do not have the sha-256 that the event claims");
    err->retryable = false;
    return WB_ERROR;
}

static void report(struct whole *whole, struct wb_result *result)
{
    struct wb_arena *arena = whole->exec->arena;
    struct wb_range *range = wb_arena_alloc(arena, sizeof(*range));
    *range = (struct wb_range){.length = whole->stat->version.size_bytes, .tag = ""};
    range->digest = wb_arena_span(arena, wb_span_of(whole->xxh3.bytes, WB_XXH3_SIZE));
    result->ranges = range;
    result->range_count = 1;
    if (wants_sha256(whole))
        result->sha256 = wb_arena_span(arena, wb_span_of(whole->sha256.bytes, WB_SHA256_SIZE));
    result->bytes = whole->stat->version.size_bytes;
}

enum wb_rc wb_whole_read(struct wb_exec *exec, const struct wb_task_file *file,
                         struct wb_file *from, struct wb_file *to, const struct wb_stat *stat,
                         struct wb_result *result, struct wb_err *err)
{
    struct whole whole = {.exec = exec, .file = file, .stat = stat};
    if (read_all(&whole, from, to, err) != WB_OK || check_claim(&whole, err) != WB_OK)
        return WB_ERROR;
    report(&whole, result);
    return WB_OK;
}
