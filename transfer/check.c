/* CHECK: how a node is, one side a result. Its target side takes a write where it is staged; its
 * source side is only looked at. */
#include "transfer/exec.h"

static enum wb_rc check_marker(struct wb_exec *exec, const struct wb_task_file *file,
                               struct wb_result *result, struct wb_err *err)
{
    char have[WB_MARKER_MAX];
    bool known = file->tag && *file->tag;
    if (wb_store_marker(exec->target, !known, have, err) != WB_OK) {
        if (err->category == WB_CAT_NOT_FOUND)
            (void)wb_err_set(err, WB_CAT_UNREACHABLE, "the root lacks its marker; is it mounted?");
        err->retryable = true;
        return WB_ERROR;
    }
    result->tag = wb_arena_strdup(exec->arena, have);
    if (known && strcmp(have, file->tag) != 0)
        return wb_err_set(err, WB_CAT_UNREACHABLE,
                          "the root has another marker; is the right one mounted?");
    return WB_OK;
}

static enum wb_rc write_tiny(struct wb_exec *exec, struct wb_file *to, struct wb_err *err)
{
    char tag[WB_TAG_MAX];
    const struct wb_meta meta = {.mtime_ns = 0};
    struct wb_span bytes = wb_span_str(exec->nonce);
    if (wb_file_write(to, 0, bytes, err) != WB_OK ||
        wb_file_range_done(to, 0, (int64_t)bytes.len, tag, err) != WB_OK)
        return WB_ERROR;
    return wb_file_seal(to, &meta, NULL, 0, tag, err);
}

static enum wb_rc check_write(struct wb_exec *exec, size_t index, struct wb_err *err)
{
    struct wb_err ignored;
    struct wb_file *to = NULL;
    const char *instance = wb_arena_printf(exec->arena, "check.%s-%zu", exec->nonce, index);
    if (wb_exec_check_time(exec, err) != WB_OK ||
        wb_store_create(exec->target, instance, WB_FILE_REGULAR, (int64_t)strlen(exec->nonce),
                        false, &to, err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = write_tiny(exec, to, err);
    wb_file_close(&to);
    if (rc == WB_OK)
        return wb_store_discard(exec->target, instance, err);
    (void)!wb_store_discard(exec->target, instance, &ignored);
    return WB_ERROR;
}

/* The task's marker counts, not the one that this worker has heard of. */
static enum wb_rc check_target(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                               struct wb_result *result, struct wb_err *err)
{
    struct wb_stores *stores = exec->env->stores;
    if (wb_stores_get(stores, exec->task->target, WB_ACCESS_LOOK, &exec->target, err) != WB_OK)
        return WB_ERROR;
    if (wb_store_check(exec->target, &result->free_bytes, err) != WB_OK ||
        check_marker(exec, file, result, err) != WB_OK)
        return WB_ERROR;
    return check_write(exec, index, err);
}

static enum wb_rc check_source(struct wb_exec *exec, struct wb_result *result, struct wb_err *err)
{
    struct wb_stores *stores = exec->env->stores;
    if (wb_stores_get(stores, exec->task->source, WB_ACCESS_READ, &exec->source, err) != WB_OK)
        return WB_ERROR;
    return wb_store_check(exec->source, &result->free_bytes, err);
}

void wb_exec_check(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result)
{
    struct wb_err err;
    enum wb_rc rc;
    bool target = wb_span_eq(file->path, wb_span_str("target"));
    if (target)
        rc = check_target(exec, file, index, result, &err);
    else if (wb_span_eq(file->path, wb_span_str("source")))
        rc = check_source(exec, result, &err);
    else
        rc = wb_err_at(&err, WB_SCOPE_TRANSFER, "check", WB_CAT_UNSUPPORTED,
                       "this worker does not know that side of a node");
    wb_exec_close(exec);
    if (rc == WB_OK) {
        result->outcome = WB_OUTCOME_CHECKED;
        return;
    }
    (void)wb_err_prefix(&err, "node \"%s\"", target ? exec->task->target : exec->task->source);
    wb_exec_fail(exec, result, target ? WB_SCOPE_TARGET : WB_SCOPE_SOURCE, "check", &err);
}
