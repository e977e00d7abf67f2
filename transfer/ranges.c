/* OPEN, RANGE, SEAL: one large file by many workers. Only OPEN makes an instance. A block is read,
 * the source looked at again, and only then is it written: whoever comes late with an old task can
 * only write the bytes that are there. */
#include "transfer/exec.h"

static void make_instance(struct wb_exec *exec, const struct wb_task_file *file,
                          const struct wb_stat *stat, struct wb_result *result)
{
    struct wb_err err;
    struct wb_file *to = NULL;
    char tag[WB_TAG_MAX];
    const char *instance = wb_arena_printf(exec->arena, "%s.%s", file->job, exec->nonce);
    if (!exec->target->caps.random_writes) {
        (void)wb_err_set(&err, WB_CAT_UNSUPPORTED, "the target takes no ranges");
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "open", &err);
        return;
    }
    if (wb_store_create(exec->target, instance, WB_FILE_REGULAR, stat->version.size_bytes,
                        stat->sparse, &to, &err) != WB_OK) {
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "open", &err);
        return;
    }
    enum wb_rc rc = wb_file_range_done(to, 0, 0, tag, &err);
    wb_file_close(&to);
    if (rc != WB_OK) {
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "open", &err);
        return;
    }
    result->instance = instance;
    result->outcome = WB_OUTCOME_OPENED;
}

void wb_exec_open(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result)
{
    struct wb_stat stat;
    struct wb_file *from = NULL;
    (void)index;
    if (!wb_source_open(exec, file, &from, &stat, result))
        return;
    if (wb_present_is_current(exec, file, &stat.version))
        result->outcome = WB_OUTCOME_CURRENT;
    /* Only a regular file has ranges. */
    else if (stat.version.kind != WB_FILE_REGULAR)
        result->outcome = WB_OUTCOME_PROBED;
    else if (!wb_present_found(exec, file, from, &stat, result))
        make_instance(exec, file, &stat, result);
    wb_file_close(&from);
}

struct guard {
    struct wb_exec *exec;
    const struct wb_task_file *file;
    struct wb_file *from;
    const struct wb_version *version; /* that must be read */
};

static enum wb_rc same_source(const struct guard *guard, struct wb_err *err)
{
    if (wb_source_check(guard->from, guard->version, err) == WB_OK)
        return WB_OK;
    wb_err_place(err, WB_SCOPE_SOURCE, "copy");
    return WB_ERROR;
}

static enum wb_rc still_same(const struct guard *guard, struct wb_err *err)
{
    struct wb_stat staged;
    if (same_source(guard, err) != WB_OK)
        return WB_ERROR;
    /* Published or discarded meanwhile: this task is late, and its handle must not touch it. */
    if (wb_store_stat(guard->exec->target, WB_PLACE_STAGED, wb_span_str(guard->file->instance),
                      &staged, err) == WB_OK)
        return WB_OK;
    wb_err_place(err, WB_SCOPE_TARGET, "copy");
    return WB_ERROR;
}

/* Where a range is there only once it is done, a write has no effect yet. */
static enum wb_rc may_write(void *arg, struct wb_err *err)
{
    const struct guard *guard = arg;
    return guard->exec->target->caps.whole_ranges ? same_source(guard, err)
                                                  : still_same(guard, err);
}

static enum wb_rc copy_range(struct guard *guard, struct wb_file *to, const struct wb_stat *stat,
                             struct wb_range *range, struct wb_err *err)
{
    struct wb_xxh3 digest;
    char tag[WB_TAG_MAX];
    struct wb_exec *exec = guard->exec;
    if (range->offset < 0 || range->length < 0 ||
        range->length > stat->version.size_bytes - range->offset)
        return wb_err_at(err, WB_SCOPE_TRANSFER, "copy", WB_CAT_INVALID,
                         "range at %lld is outside the file", (long long)range->offset);
    bool last = range->offset + range->length == stat->version.size_bytes;
    if (!last && range->length < exec->target->caps.range_least_bytes)
        return wb_err_at(err, WB_SCOPE_TARGET, "copy", WB_CAT_UNSUPPORTED,
                         "the target takes no ranges below %lld bytes",
                         (long long)exec->target->caps.range_least_bytes);
    wb_hasher_reset(exec->hasher, false);
    if (wb_bytes_copy(exec, guard->from, to, range->offset, range->length,
                      stat->sparse && exec->target->caps.sparse, !guard->file->fresh, may_write,
                      guard, err) != WB_OK)
        return WB_ERROR;
    wb_hasher_final(exec->hasher, &digest, NULL);
    if (still_same(guard, err) != WB_OK)
        return WB_ERROR;
    if (wb_file_range_done(to, range->offset, range->length, tag, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_TARGET, "copy");
        return WB_ERROR;
    }
    range->digest = wb_arena_span(exec->arena, wb_span_of(digest.bytes, WB_XXH3_SIZE));
    range->tag = wb_arena_strdup(exec->arena, tag);
    return WB_OK;
}

static enum wb_rc copy_ranges(struct guard *guard, struct wb_file *to, const struct wb_stat *stat,
                              struct wb_result *result, struct wb_err *err)
{
    for (size_t i = 0; i < result->range_count; i++) {
        if (wb_exec_check_time(guard->exec, err) != WB_OK ||
            copy_range(guard, to, stat, &result->ranges[i], err) != WB_OK)
            return WB_ERROR;
        result->bytes += result->ranges[i].length;
    }
    return WB_OK;
}

static struct wb_range *ranges_copy(struct wb_exec *exec, const struct wb_task_file *file)
{
    struct wb_range *ranges =
        wb_arena_alloc(exec->arena, (file->range_count + 1) * sizeof(*ranges));
    if (file->range_count)
        memcpy(ranges, file->ranges, file->range_count * sizeof(*ranges));
    return ranges;
}

void wb_exec_range(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *to = NULL;
    struct guard guard = {.exec = exec, .file = file};
    (void)index;
    result->instance = file->instance;
    if (!wb_source_open(exec, file, &guard.from, &stat, result))
        return;
    result->ranges = ranges_copy(exec, file);
    result->range_count = file->range_count;
    guard.version = wb_source_wanted(exec, file, &stat);
    enum wb_rc rc = wb_source_check(guard.from, guard.version, &err);
    if (rc != WB_OK)
        wb_err_place(&err, WB_SCOPE_SOURCE, "copy");
    if (rc == WB_OK)
        rc = wb_store_reopen(exec->target, file->instance, &to, &err);
    if (rc == WB_OK)
        rc = copy_ranges(&guard, to, &stat, result, &err);
    if (rc == WB_OK)
        result->outcome = WB_OUTCOME_RANGED;
    else
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "copy", &err);
    wb_file_close(&to);
    wb_file_close(&guard.from);
}

static enum wb_rc seal(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from,
                       const struct wb_stat *stat, char *tag, struct wb_err *err)
{
    struct wb_meta meta;
    struct wb_file *to = NULL;
    struct wb_buf xattrs WB_AUTO(wb_buf_free) = wb_buf_make(0);
    const char **tags = wb_arena_alloc(exec->arena, (file->range_count + 1) * sizeof(*tags));
    for (size_t i = 0; i < file->range_count; i++)
        tags[i] = file->ranges[i].tag;
    if (wb_source_check(from, wb_source_wanted(exec, file, stat), err) != WB_OK ||
        wb_source_meta(exec, from, stat, &xattrs, &meta, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_SOURCE, "seal");
        return WB_ERROR;
    }
    if (wb_store_reopen(exec->target, file->instance, &to, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_seal(to, &meta, tags, file->range_count, tag, err);
    wb_file_close(&to);
    return rc;
}

void wb_exec_seal(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    struct wb_file *from = NULL;
    (void)index;
    result->instance = file->instance;
    result->sha256 = file->sha256;
    if (!wb_source_open(exec, file, &from, &stat, result))
        return;
    if (seal(exec, file, from, &stat, tag, &err) == WB_OK) {
        result->tag = wb_arena_strdup(exec->arena, tag);
        result->outcome = WB_OUTCOME_SEALED;
    } else {
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "seal", &err);
    }
    wb_file_close(&from);
}
