/* COPY: a whole file to an instance of its own, sealed. */
#include "transfer/exec.h"

struct copy {
    struct wb_exec *exec;
    const struct wb_task_file *file;
    struct wb_result *result;
    struct wb_file *from;
    struct wb_file *to;
    struct wb_stat stat; /* of the source */
    struct wb_sha256 sha256;
    struct wb_xxh3 xxh3;
};

/* Files of a batch share a folder of staging, which goes with the last of them. */
static const char *instance_name(struct wb_exec *exec, const struct wb_task_file *file,
                                 size_t index)
{
    if (exec->task->file_count == 1)
        return wb_arena_printf(exec->arena, "%s.%s", file->job, exec->nonce);
    return wb_arena_printf(exec->arena, "%s.%s/%zu", exec->task->id, exec->nonce, index);
}

static bool wants_sha256(const struct copy *copy)
{
    return copy->exec->task->options.sha256 || copy->file->sha256.len > 0;
}

static enum wb_rc copy_bytes(struct copy *copy, struct wb_err *err)
{
    struct wb_exec *exec = copy->exec;
    int64_t size = copy->stat.version.size_bytes;
    bool sparse = copy->stat.sparse && exec->target->caps.sparse;
    wb_hasher_reset(exec->hasher, wants_sha256(copy));
    if (wb_bytes_copy(exec, copy->from, copy->to, 0, size, sparse, NULL, NULL, err) != WB_OK)
        return WB_ERROR;
    wb_hasher_final(exec->hasher, &copy->xxh3, wants_sha256(copy) ? &copy->sha256 : NULL);
    if (wb_source_check(copy->from, &copy->stat.version, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_SOURCE, "copy");
        return WB_ERROR;
    }
    return WB_OK;
}

/* The claim speaks of the version that the event names; another one may well differ. */
static enum wb_rc check_claim(const struct copy *copy, struct wb_err *err)
{
    const struct wb_version *claim = copy->file->version;
    struct wb_span have = wb_span_of(copy->sha256.bytes, WB_SHA256_SIZE);
    bool other = claim && claim->size_bytes >= 0 && claim->mtime_ns >= 0 &&
                 !wb_version_same(claim, &copy->stat.version);
    if (copy->file->sha256.len == 0 || other || wb_span_eq(copy->file->sha256, have))
        return WB_OK;
    (void)wb_err_at(err, WB_SCOPE_SOURCE, "copy", WB_CAT_CORRUPT,
                    "the source's bytes do not have the sha-256 that the event claims");
    err->retryable = false;
    return WB_ERROR;
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

static void report_copied(struct copy *copy, const char *tag)
{
    struct wb_arena *arena = copy->exec->arena;
    struct wb_result *result = copy->result;
    struct wb_range *range = wb_arena_alloc(arena, sizeof(*range));
    *range = (struct wb_range){.length = copy->stat.version.size_bytes, .tag = ""};
    range->digest = wb_arena_span(arena, wb_span_of(copy->xxh3.bytes, WB_XXH3_SIZE));
    result->ranges = range;
    result->range_count = 1;
    result->tag = wb_arena_strdup(arena, tag);
    if (wants_sha256(copy))
        result->sha256 = wb_arena_span(arena, wb_span_of(copy->sha256.bytes, WB_SHA256_SIZE));
    result->bytes = copy->stat.version.size_bytes;
    result->outcome = WB_OUTCOME_COPIED;
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
    enum wb_rc rc = copy_bytes(copy, err);
    if (rc == WB_OK)
        rc = check_claim(copy, err);
    if (rc == WB_OK)
        rc = seal(copy, tag, err);
    wb_file_close(&copy->to);
    if (rc == WB_OK)
        report_copied(copy, tag);
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
    wb_exec_fail(exec, copy->result, WB_SCOPE_TRANSFER, "copy", &err);
}

void wb_exec_copy(struct wb_exec *exec, const struct wb_task_file *file, size_t index,
                  struct wb_result *result)
{
    struct copy copy = {.exec = exec, .file = file, .result = result};
    if (!wb_source_open(exec, file, &copy.from, &copy.stat, result))
        return;
    if (wb_source_is_current(exec, file, &copy.stat.version)) {
        result->outcome = WB_OUTCOME_CURRENT;
    } else if (copy.stat.version.size_bytes > exec->task->max_file_bytes) {
        result->mime = wb_arena_strdup(exec->arena, wb_magic_mime(exec->magic, exec, copy.from));
        result->outcome = WB_OUTCOME_PROBED;
    } else {
        copy_opened(&copy, index);
    }
    wb_file_close(&copy.from);
}
