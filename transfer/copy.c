/* COPY: a whole file to an instance of its own, sealed. */
#include "transfer/exec.h"

struct copy {
    struct wb_exec *exec;
    const struct wb_task_file *file;
    struct wb_result *result;
    struct wb_file *from;
    struct wb_file *to;
    struct wb_stat stat; /* of the source */
};

/* Files of a batch share a folder of staging, which goes with the last of them. */
static const char *instance_name(struct wb_exec *exec, const struct wb_task_file *file,
                                 size_t index)
{
    if (exec->task->file_count == 1)
        return wb_arena_printf(exec->arena, "%s.%s", file->job, exec->nonce);
    return wb_arena_printf(exec->arena, "%s.%s/%zu", exec->task->id, exec->nonce, index);
}

static enum wb_rc seal(struct copy *copy, char tag[WB_TAG_MAX], struct wb_err *err)
{
    struct wb_meta meta;
    char range_tag[WB_TAG_MAX];
    const char *tags[] = {range_tag};
    struct wb_buf xattrs WB_AUTO(wb_buf_free) = wb_buf_make(0);
    if (wb_source_meta(copy->exec, copy->from, &copy->stat, &xattrs, &meta, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_SOURCE, "copy");
        return WB_ERROR;
    }
    if (wb_file_range_done(copy->to, 0, copy->stat.version.size_bytes, range_tag, err) == WB_OK &&
        wb_file_seal(copy->to, &meta, tags, 1, tag, err) == WB_OK)
        return WB_OK;
    wb_err_place(err, WB_SCOPE_TARGET, "copy");
    return WB_ERROR;
}

static enum wb_rc stage(struct copy *copy, const char *instance, struct wb_err *err)
{
    char tag[WB_TAG_MAX];
    struct wb_exec *exec = copy->exec;
    const struct wb_version *version = &copy->stat.version;
    if (wb_store_create(exec->target, instance, version->kind, version->size_bytes,
                        copy->stat.sparse, &copy->to, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_TARGET, "copy");
        return WB_ERROR;
    }
    enum wb_rc rc =
        wb_whole_read(exec, copy->file, copy->from, copy->to, &copy->stat, copy->result, err);
    if (rc == WB_OK)
        rc = seal(copy, tag, err);
    wb_file_close(&copy->to);
    if (rc == WB_OK) {
        copy->result->tag = wb_arena_strdup(exec->arena, tag);
        copy->result->outcome = WB_OUTCOME_COPIED;
    }
    return rc;
}

static void copy_opened(struct copy *copy, size_t index)
{
    struct wb_err err;
    struct wb_err ignored;
    struct wb_exec *exec = copy->exec;
    const char *instance = instance_name(exec, copy->file, index);
    copy->result->instance = instance;
    if (stage(copy, instance, &err) == WB_OK)
        return;
    /* Nobody heard of the instance: what a failed discard leaves is swept later. */
    (void)!wb_store_discard(exec->target, instance, &ignored);
    copy->result->instance = "";
    copy->result->range_count = 0;
    wb_exec_fail(exec, copy->result, WB_SCOPE_TRANSFER, "copy", &err);
}

void wb_exec_copy(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result)
{
    struct copy copy = {.exec = exec, .file = file, .result = result};
    if (!wb_source_open(exec, file, &copy.from, &copy.stat, result))
        return;
    if (wb_present_is_current(exec, file, &copy.stat.version)) {
        result->outcome = WB_OUTCOME_CURRENT;
    } else if (copy.stat.version.size_bytes > exec->task->max_file_bytes) {
        result->mime = wb_arena_strdup(exec->arena, wb_magic_mime(exec->magic, exec, copy.from));
        result->outcome = WB_OUTCOME_PROBED;
    } else if (!wb_present_found(exec, file, copy.from, &copy.stat, result)) {
        copy_opened(&copy, index);
    }
    wb_file_close(&copy.from);
}
