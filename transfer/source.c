/* Looking at the source: what it holds, and whether it still does. */
#include "core/base/clock.h"
#include "transfer/exec.h"

enum { XATTRS_MAX = 64 * 1024 };

/* Two changes within one tick of the clock look alike. A file that old is read as it is. */
static void wait_out_grain(const struct wb_exec *exec, const struct wb_stat *stat)
{
    int64_t age_ns = wb_clock_wall_ns() - stat->changed_ns;
    int64_t left_ns = exec->grain_ms * 1000000 - age_ns;
    if (stat->changed_ns < 0 || age_ns < 0 || left_ns <= 0)
        return;
    wb_clock_sleep_ns(left_ns);
}

static enum wb_rc look(struct wb_exec *exec, struct wb_file *file, struct wb_stat *ret,
                       struct wb_err *err)
{
    if (wb_file_stat(file, ret, err) != WB_OK)
        return WB_ERROR;
    wait_out_grain(exec, ret);
    return wb_file_stat(file, ret, err);
}

/* A source may lack its file and be well; a replica that is gone or another one is a fault. */
static bool source_failed(struct wb_exec *exec, struct wb_result *result, struct wb_err *err)
{
    if (exec->replica)
        (void)wb_err_prefix(err, "replica on node \"%s\"", exec->source->name);
    else if (err->category == WB_CAT_NOT_FOUND)
        result->outcome = WB_OUTCOME_ABSENT;
    if (result->outcome != WB_OUTCOME_ABSENT)
        wb_exec_fail(exec, result, WB_SCOPE_SOURCE, "probe", err);
    return false;
}

static enum wb_rc look_wanted(struct wb_exec *exec, const struct wb_task_file *file,
                              struct wb_file *opened, struct wb_stat *ret, struct wb_err *err)
{
    if (look(exec, opened, ret, err) != WB_OK)
        return WB_ERROR;
    if (exec->replica && file->version && !wb_version_like(file->version, &ret->version))
        return wb_err_set(err, WB_CAT_CHANGED, "not of the version that is wanted");
    return WB_OK;
}

bool wb_source_open(struct wb_exec *exec, const struct wb_task_file *file, struct wb_file **ret,
                    struct wb_stat *ret_stat, struct wb_result *result)
{
    struct wb_err err;
    if (wb_store_read(exec->source, WB_PLACE_FINAL, file->path, false, ret, &err) != WB_OK)
        return source_failed(exec, result, &err);
    if (look_wanted(exec, file, *ret, ret_stat, &err) != WB_OK) {
        wb_file_close(ret);
        return source_failed(exec, result, &err);
    }
    wb_exec_set_version(exec, result, &ret_stat->version);
    return true;
}

enum wb_rc wb_source_check(struct wb_file *file, const struct wb_version *version,
                           struct wb_err *err)
{
    struct wb_stat now;
    if (wb_file_stat(file, &now, err) != WB_OK)
        return WB_ERROR;
    if (wb_version_same(version, &now.version))
        return WB_OK;
    return wb_err_set(err, WB_CAT_CHANGED, "the source changed while it was read");
}

const struct wb_version *wb_source_wanted(const struct wb_exec *exec,
                                          const struct wb_task_file *file,
                                          const struct wb_stat *stat)
{
    return exec->replica ? &stat->version : file->version;
}

enum wb_rc wb_source_meta(struct wb_exec *exec, struct wb_file *file, const struct wb_stat *stat,
                          struct wb_buf *xattrs, struct wb_meta *ret, struct wb_err *err)
{
    const struct wb_options *options = &exec->task->options;
    *xattrs = wb_buf_make(XATTRS_MAX);
    if (options->xattrs && wb_file_xattrs(file, xattrs, err) != WB_OK)
        return WB_ERROR;
    *ret = (struct wb_meta){
        .mtime_ns = stat->version.mtime_ns,
        .mode = stat->mode,
        .uid = stat->uid,
        .gid = stat->gid,
        .set_mode = exec->source->caps.modes && exec->target->caps.modes,
        .set_owner = options->owner,
        .set_group = options->group,
        .xattrs = wb_buf_span(xattrs),
    };
    return WB_OK;
}
