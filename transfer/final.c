/* PUBLISH, DISCARD, DELETE: what takes effect under final names, or never will. */
#include "transfer/exec.h"

static struct wb_publish *publish_items(struct wb_exec *exec)
{
    const struct wb_task *task = exec->task;
    struct wb_publish *items = wb_arena_alloc(exec->arena, task->file_count * sizeof(*items));
    for (size_t i = 0; items && i < task->file_count; i++)
        items[i] = (struct wb_publish){.instance = task->files[i].instance,
                                       .tag = task->files[i].tag,
                                       .path = task->files[i].path,
                                       .keep = task->options.keep,
                                       .replaces = task->files[i].replaces,
                                       .rc = WB_OK};
    return items;
}

static void fail_all(struct wb_exec *exec, struct wb_result *results, const struct wb_err *err)
{
    for (size_t i = 0; i < exec->task->file_count; i++)
        wb_exec_fail(exec, &results[i], WB_SCOPE_TARGET, "publish", err);
}

void wb_exec_publish(struct wb_exec *exec, struct wb_result *results)
{
    struct wb_err err;
    size_t count = exec->task->file_count;
    struct wb_publish *items = publish_items(exec);
    for (size_t i = 0; i < count; i++) {
        results[i].instance = exec->task->files[i].instance;
        results[i].tag = exec->task->files[i].tag;
    }
    if (wb_exec_check_time(exec, &err) != WB_OK ||
        wb_store_publish(exec->target, items, count, &err) != WB_OK) {
        fail_all(exec, results, &err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].rc == WB_OK)
            results[i].outcome = WB_OUTCOME_PUBLISHED;
        else
            wb_exec_fail(exec, &results[i], WB_SCOPE_TARGET, "publish", &items[i].err);
    }
}

/* What was told to publish may have done so before its discard, unheard. */
static void look_whether_published(struct wb_exec *exec, const struct wb_task_file *file,
                                   struct wb_result *result)
{
    struct wb_stat there;
    struct wb_err err;
    if (*file->tag &&
        wb_store_stat(exec->target, WB_PLACE_FINAL, file->path, &there, &err) == WB_OK &&
        strcmp(there.tag, file->tag) == 0)
        result->tag = file->tag;
}

void wb_exec_discard(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                     struct wb_result *result)
{
    struct wb_err err;
    (void)index;
    result->instance = file->instance;
    if (wb_store_discard(exec->target, file->instance, &err) == WB_OK) {
        result->outcome = WB_OUTCOME_DISCARDED;
        look_whether_published(exec, file, result);
    } else
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "discard", &err);
}

/* Looks at the source first: only what it really lacks is removed, however old the task is. */
void wb_exec_delete(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                    struct wb_result *result)
{
    struct wb_err err;
    struct wb_stat stat;
    if (wb_store_stat(exec->source, WB_PLACE_FINAL, file->path, &stat, &err) == WB_OK) {
        wb_exec_set_version(exec, result, &stat.version);
        result->outcome = WB_OUTCOME_PROBED;
        return;
    }
    if (err.category != WB_CAT_NOT_FOUND) {
        wb_exec_fail(exec, result, WB_SCOPE_SOURCE, "delete", &err);
        return;
    }
    const char *token = wb_arena_printf(exec->arena, "%s.%s-%zu", file->job, exec->nonce, index);
    if (wb_exec_check_time(exec, &err) == WB_OK &&
        wb_store_remove(exec->target, file->path, file->tag, token, &err) == WB_OK)
        result->outcome = WB_OUTCOME_DELETED;
    else
        wb_exec_fail(exec, result, WB_SCOPE_TARGET, "delete", &err);
}

void wb_exec_probe(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                   struct wb_result *result)
{
    struct wb_stat stat;
    struct wb_file *from = NULL;
    (void)index;
    if (!wb_source_open(exec, file, &from, &stat, result))
        return;
    result->mime = wb_arena_strdup(exec->arena, wb_magic_mime(exec->magic, exec, from));
    result->outcome = WB_OUTCOME_PROBED;
    wb_file_close(&from);
}
