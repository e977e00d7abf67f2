/* The backend: its table, and what there is to say of a bucket as a whole. */
#include "core/store/s3.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/store/s3_parts.h"

#define RANGE_LEAST (5LL << 20) /* of a part that is not the last */

static void store_close(struct wb_store *base)
{
    struct s3_store *store = s3_of(base);
    wb_s3_free_options(store);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_mutex_destroy(&store->marking);
    free(store);
}

static void store_free(struct s3_store **store)
{
    if (*store)
        store_close(&(*store)->base);
}

static enum wb_rc look(struct s3_store *store, struct wb_err *err)
{
    struct s3_page page = {0};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(4 * (size_t)S3_LIST_MOST);
    const struct s3_ask ask = {.method = "GET",
                               .query = "encoding-type=url&list-type=2&max-keys=1",
                               .reply_most = S3_LIST_MOST};
    if (wb_s3_do(store, &ask, "the bucket cannot be listed", &reply, err) != WB_OK)
        return WB_ERROR;
    page.arena = arena;
    return wb_s3_parse_page(wb_buf_span(&reply.body), &page, err);
}

static enum wb_rc store_check(struct wb_store *base, int64_t *ret_free_bytes, struct wb_err *err)
{
    *ret_free_bytes = -1;
    if (look(s3_of(base), err) == WB_OK)
        return WB_OK;
    err->retryable = true;
    return WB_ERROR;
}

static enum wb_rc prepare(struct wb_store *base, struct wb_err *err)
{
    return wb_s3_probe(s3_of(base), err);
}

/* ---- files of both kinds ---- */

static bool writes(const struct wb_file *file)
{
    return ((const struct s3_file *)file)->writes;
}

static enum wb_rc file_stat(struct wb_file *file, struct wb_stat *ret, struct wb_err *err)
{
    return writes(file) ? wb_s3_write_stat(file, ret, err) : wb_s3_read_stat(file, ret, err);
}

static enum wb_rc wrong_way(struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_INTERNAL, "the file was opened for the other direction");
}

static enum wb_rc file_read(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    return writes(file) ? wrong_way(err)
                        : wb_s3_read_bytes(file, offset, buffer, len, ret_len, err);
}

static void file_expect(struct wb_file *file, int64_t offset, int64_t length)
{
    if (!writes(file))
        wb_s3_read_expect(file, offset, length);
}

/* Of what is written nothing is there until its range is done. */
static enum wb_rc file_next_data(struct wb_file *file, int64_t offset, int64_t *ret_start,
                                 int64_t *ret_end, struct wb_err *err)
{
    struct wb_stat stat;
    if (writes(file)) {
        *ret_start = *ret_end = INT64_MAX;
        return WB_OK;
    }
    if (wb_s3_read_stat(file, &stat, err) != WB_OK)
        return WB_ERROR;
    *ret_end = stat.version.size_bytes;
    *ret_start = offset < *ret_end ? offset : *ret_end;
    return WB_OK;
}

static enum wb_rc file_xattrs(struct wb_file *file, struct wb_buf *xattrs, struct wb_err *err)
{
    return writes(file) ? wrong_way(err) : wb_s3_read_xattrs(file, xattrs, err);
}

static enum wb_rc file_write(struct wb_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err)
{
    return writes(file) ? wb_s3_write_bytes(file, offset, bytes, err) : wrong_way(err);
}

static enum wb_rc file_range_done(struct wb_file *file, int64_t offset, int64_t length,
                                  char *ret_tag, struct wb_err *err)
{
    return writes(file) ? wb_s3_range_done(file, offset, length, ret_tag, err) : wrong_way(err);
}

static enum wb_rc file_seal(struct wb_file *file, const struct wb_meta *meta,
                            const char *const *range_tags, size_t count, char *ret_tag,
                            struct wb_err *err)
{
    return writes(file) ? wb_s3_seal(file, meta, range_tags, count, ret_tag, err) : wrong_way(err);
}

static void file_close(struct wb_file *file)
{
    if (writes(file))
        wb_s3_write_close(file);
    else
        wb_s3_read_close(file);
}

static const struct wb_store_ops ops = {
    .scheme = "s3",
    .close = store_close,
    .check = store_check,
    .prepare = prepare,
    .marker = wb_s3_marker,
    .stat = wb_s3_stat,
    .list = wb_s3_list,
    .open = wb_s3_open,
    .create = wb_s3_create,
    .reopen = wb_s3_reopen,
    .publish = wb_s3_publish,
    .discard = wb_s3_discard,
    .remove = wb_s3_remove,
    .sweep = wb_s3_sweep,
    .file_stat = file_stat,
    .file_expect = file_expect,
    .file_read = file_read,
    .file_next_data = file_next_data,
    .file_xattrs = file_xattrs,
    .file_write = file_write,
    .file_range_done = file_range_done,
    .file_seal = file_seal,
    .file_close = file_close,
};

enum wb_rc wb_s3_new(const char *node, const char *rest, const char *const *options,
                     const char *secret, const struct wb_config *config, struct wb_store **ret,
                     struct wb_err *err)
{
    struct s3_store *store WB_AUTO(store_free) = wb_xcalloc(1, sizeof(*store));
    store->base.ops = &ops;
    store->base.caps = (struct wb_store_caps){
        .writes = true,
        .whole_ranges = true,
        .atomic_publish = true,
        .lists = true,
        .modes = true,
        .mtimes = true,
        .parallel = S3_AT_ONCE,
        .range_least_bytes = RANGE_LEAST,
        .range_most = S3_PARTS_MOST,
    };
    (void)snprintf(store->base.name, sizeof(store->base.name), "%s", node);
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_mutex_init(&store->marking, NULL);
    wb_crc64_init(&store->crc64);
    if (wb_s3_set_options(store, rest, options, secret, config, err) != WB_OK ||
        look(store, err) != WB_OK)
        return wb_err_prefix(err, "node \"%s\"", node);
    *ret = &store->base;
    store = NULL;
    return WB_OK;
}
