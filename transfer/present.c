/* What the target holds under the final name before anything is copied there: our file as it was
 * proved, a file that may be the same (adopted once the verifier has compared it), or a stranger.
 */
#include "transfer/exec.h"

enum { XATTRS_MAX = 64 * 1024 };

bool wb_present_is_current(struct wb_exec *exec, const struct wb_task_file *file,
                           const struct wb_version *version)
{
    struct wb_stat there;
    struct wb_err err;
    return !file->fresh && file->known && *file->tag && wb_version_same(file->known, version) &&
           wb_store_stat(exec->target, WB_PLACE_FINAL, file->path, &there, &err) == WB_OK &&
           strcmp(there.tag, file->tag) == 0;
}

/* Attributes in another order count as others: then the file is copied, which is never wrong. */
static bool same_xattrs(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from)
{
    struct wb_err err;
    struct wb_file *there = NULL;
    struct wb_buf source WB_AUTO(wb_buf_free) = wb_buf_make(XATTRS_MAX);
    struct wb_buf target WB_AUTO(wb_buf_free) = wb_buf_make(XATTRS_MAX);
    bool same =
        wb_store_read(exec->target, WB_PLACE_FINAL, file->path, false, &there, &err) == WB_OK &&
        wb_file_xattrs(from, &source, &err) == WB_OK &&
        wb_file_xattrs(there, &target, &err) == WB_OK &&
        wb_span_eq(wb_buf_span(&source), wb_buf_span(&target));
    wb_file_close(&there);
    return same;
}

/* The verifier compares bytes only: all else that a copy would bring must be there already. */
static bool same_meta(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from,
                      const struct wb_stat *stat, const struct wb_stat *there)
{
    const struct wb_options *options = &exec->task->options;
    bool modes = exec->source->caps.modes && exec->target->caps.modes;
    return (!modes || stat->mode == there->mode) && (!options->owner || stat->uid == there->uid) &&
           (!options->group || stat->gid == there->gid) &&
           (!options->xattrs || same_xattrs(exec, file, from));
}

static bool may_be_same(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from,
                        const struct wb_stat *stat, const struct wb_stat *there)
{
    return !file->fresh && wb_version_like(&stat->version, &there->version) &&
           same_meta(exec, file, from, stat, there);
}

static void report_present(struct wb_exec *exec, const struct wb_task_file *file,
                           struct wb_file *from, const struct wb_stat *stat,
                           const struct wb_stat *there, struct wb_result *result)
{
    struct wb_err err;
    if (wb_whole_read(exec, file, from, NULL, stat, result, &err) != WB_OK) {
        wb_exec_fail(exec, result, WB_SCOPE_SOURCE, "copy", &err);
        return;
    }
    result->tag = wb_arena_strdup(exec->arena, there->tag);
    result->outcome = WB_OUTCOME_PRESENT;
}

bool wb_present_found(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file *from,
                      const struct wb_stat *stat, struct wb_result *result)
{
    struct wb_err err;
    struct wb_stat there;
    if (wb_store_stat(exec->target, WB_PLACE_FINAL, file->path, &there, &err) != WB_OK)
        return false;
    if (may_be_same(exec, file, from, stat, &there)) {
        report_present(exec, file, from, stat, &there, result);
        return true;
    }
    if (!exec->task->options.keep || (file->replaces && strcmp(there.tag, file->replaces) == 0))
        return false;
    (void)wb_store_not_ours(&err);
    wb_exec_fail(exec, result, WB_SCOPE_TARGET, "copy", &err);
    return true;
}
