#include "tests/liar/flows.h"

#include <stdlib.h>

#include "core/base/path.h"

enum { BLOCK_BYTES = 1024 * 1024, RANGE_BYTES = 5 * 1024 * 1024 };

uint8_t *flow_bytes(size_t size, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    uint8_t *bytes = malloc(size + sizeof(state));
    for (size_t at = 0; bytes && at < size; at += sizeof(state)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(bytes + at, &state, sizeof(state));
    }
    return bytes;
}

static enum wb_rc judged(struct run *run, enum wb_category category, const char *what)
{
    run->judged = true;
    return wb_err_set(&run->err, category, "%s", what);
}

/* ---- staging */

static enum wb_rc write_all(struct run *run, struct wb_file *file, size_t offset, size_t length)
{
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < BLOCK_BYTES ? length - done : BLOCK_BYTES;
        if (wb_file_write(file, (int64_t)(offset + done),
                          wb_span_of(run->bytes.data + offset + done, piece), &run->err) != WB_OK)
            return WB_ERROR;
        done += piece;
    }
    return WB_OK;
}

static struct wb_meta meta_of(void)
{
    return (struct wb_meta){.mtime_ns = 1700000000123456789, .mode = 0640, .set_mode = true};
}

static enum wb_rc stage_as(struct run *run, const char *instance, char tag[WB_TAG_MAX])
{
    char range_tag[WB_TAG_MAX] = "";
    const char *tags[] = {range_tag};
    struct wb_meta meta = meta_of();
    struct wb_file *file = NULL;
    if (wb_store_create(run->store, instance, WB_FILE_REGULAR, (int64_t)run->bytes.len, false,
                        &file, &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = write_all(run, file, 0, run->bytes.len);
    if (rc == WB_OK)
        rc = wb_file_range_done(file, 0, (int64_t)run->bytes.len, range_tag, &run->err);
    if (rc == WB_OK)
        rc = wb_file_seal(file, &meta, tags, 1, tag, &run->err);
    wb_file_close(&file);
    return rc;
}

enum wb_rc flow_stage(struct run *run)
{
    return stage_as(run, run->instance, run->tag);
}

/* ---- proving */

static enum wb_rc digest_of(struct run *run, struct wb_file *file, size_t offset, size_t length,
                            struct wb_xxh3 *ret, size_t *ret_len)
{
    uint8_t *block = malloc(BLOCK_BYTES);
    struct wb_hasher *hasher WB_AUTO(wb_hasher_free) = wb_hasher_new(false);
    enum wb_rc rc = WB_OK;
    size_t done = 0;
    wb_file_expect(file, (int64_t)offset, (int64_t)length);
    while (rc == WB_OK && done < length) {
        size_t want = length - done < BLOCK_BYTES ? length - done : BLOCK_BYTES;
        size_t got = 0;
        rc = wb_file_read(file, (int64_t)(offset + done), block, want, &got, &run->err);
        if (rc == WB_OK)
            wb_hasher_update(hasher, wb_span_of(block, got));
        done += rc == WB_OK ? got : 0;
        if (got < want)
            break;
    }
    free(block);
    wb_hasher_final(hasher, ret, NULL);
    *ret_len = done;
    return rc;
}

static enum wb_rc prove_range(struct run *run, size_t offset, size_t length)
{
    size_t got = 0;
    struct wb_xxh3 digest;
    struct wb_file *file = NULL;
    struct wb_xxh3 want = wb_xxh3_of(wb_span_of(run->bytes.data + offset, length));
    if (wb_store_read(run->store, WB_PLACE_STAGED, wb_span_str(run->instance), false, &file,
                      &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = digest_of(run, file, offset, length, &digest, &got);
    wb_file_close(&file);
    if (rc != WB_OK)
        return WB_ERROR;
    if (got != length || memcmp(digest.bytes, want.bytes, WB_XXH3_SIZE) != 0)
        return judged(run, WB_CAT_CORRUPT, "what was read back has another digest");
    return WB_OK;
}

static enum wb_rc prove_identity(struct run *run)
{
    struct wb_stat stat;
    if (wb_store_stat(run->store, WB_PLACE_STAGED, wb_span_str(run->instance), &stat, &run->err) !=
        WB_OK)
        return WB_ERROR;
    if (stat.version.size_bytes != (int64_t)run->bytes.len || strcmp(stat.tag, run->tag) != 0)
        return judged(run, WB_CAT_CORRUPT, "the staged file is another one");
    return WB_OK;
}

/* ---- publishing */

static enum wb_rc publish(struct run *run)
{
    struct wb_publish item = {
        .instance = run->instance, .tag = run->tag, .path = wb_span_str(run->path)};
    if (wb_store_publish(run->store, &item, 1, &run->err) != WB_OK)
        return WB_ERROR;
    if (item.rc != WB_OK)
        run->err = item.err;
    return item.rc;
}

/* As transfer does with what nobody heard of. */
static enum wb_rc dropped(struct run *run, enum wb_rc rc)
{
    struct wb_err ignored;
    if (rc != WB_OK)
        (void)!wb_store_discard(run->store, run->instance, &ignored);
    return rc;
}

enum wb_rc flow_copy(struct run *run)
{
    enum wb_rc rc = flow_stage(run);
    if (rc == WB_OK)
        rc = prove_identity(run);
    if (rc == WB_OK)
        rc = prove_range(run, 0, run->bytes.len);
    if (rc == WB_OK)
        rc = publish(run);
    return dropped(run, rc);
}

/* ---- ranges */

static size_t range_length(const struct run *run, size_t index)
{
    size_t left = run->bytes.len - index * RANGE_BYTES;
    return left < RANGE_BYTES ? left : RANGE_BYTES;
}

static enum wb_rc write_range(struct run *run, size_t index, char tag[WB_TAG_MAX])
{
    struct wb_file *file = NULL;
    size_t offset = index * RANGE_BYTES;
    size_t length = range_length(run, index);
    if (wb_store_reopen(run->store, run->instance, &file, &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = write_all(run, file, offset, length);
    if (rc == WB_OK)
        rc = wb_file_range_done(file, (int64_t)offset, (int64_t)length, tag, &run->err);
    wb_file_close(&file);
    return rc == WB_OK ? prove_range(run, offset, length) : rc;
}

static enum wb_rc seal_ranges(struct run *run, const char *const *tags, size_t count)
{
    struct wb_file *file = NULL;
    struct wb_meta meta = meta_of();
    if (wb_store_reopen(run->store, run->instance, &file, &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_seal(file, &meta, tags, count, run->tag, &run->err);
    wb_file_close(&file);
    return rc;
}

static enum wb_rc copy_ranges(struct run *run)
{
    char tags[8][WB_TAG_MAX] = {""};
    const char *names[8];
    struct wb_file *file = NULL;
    size_t count = (run->bytes.len + RANGE_BYTES - 1) / RANGE_BYTES;
    if (wb_store_create(run->store, run->instance, WB_FILE_REGULAR, (int64_t)run->bytes.len, false,
                        &file, &run->err) != WB_OK)
        return WB_ERROR;
    /* From here on others may open it for its ranges. */
    enum wb_rc rc = wb_file_range_done(file, 0, 0, tags[0], &run->err);
    wb_file_close(&file);
    if (rc != WB_OK)
        return WB_ERROR;
    for (size_t index = count; index > 0; index--) {
        names[index - 1] = tags[index - 1];
        if (write_range(run, index - 1, tags[index - 1]) != WB_OK)
            return WB_ERROR;
    }
    if (seal_ranges(run, names, count) != WB_OK || prove_identity(run) != WB_OK)
        return WB_ERROR;
    return publish(run);
}

enum wb_rc flow_ranges(struct run *run)
{
    if (!run->store->caps.random_writes)
        return wb_err_set(&run->err, WB_CAT_UNSUPPORTED, "no ranges here");
    return dropped(run, copy_ranges(run));
}

/* ---- as a source */

static enum wb_rc read_opened(struct run *run, struct wb_file *file)
{
    size_t got;
    struct wb_stat before;
    struct wb_stat after;
    struct wb_xxh3 digest;
    struct wb_xxh3 want = wb_xxh3_of(run->bytes);
    if (wb_file_stat(file, &before, &run->err) != WB_OK ||
        digest_of(run, file, 0, (size_t)before.version.size_bytes, &digest, &got) != WB_OK)
        return WB_ERROR;
    if ((int64_t)got != before.version.size_bytes)
        return judged(run, WB_CAT_CHANGED, "the source ended while it was read");
    if (wb_file_stat(file, &after, &run->err) != WB_OK)
        return WB_ERROR;
    before.version.etag = before.etag;
    after.version.etag = after.etag;
    if (!wb_version_same(&before.version, &after.version))
        return judged(run, WB_CAT_CHANGED, "the source changed while it was read");
    bool same = got == run->bytes.len && memcmp(digest.bytes, want.bytes, WB_XXH3_SIZE) == 0;
    if (run->claims && !same)
        return judged(run, WB_CAT_CORRUPT, "the source has another digest than was claimed");
    run->item_rcs[0] = same ? WB_OK : WB_ERROR;
    return WB_OK;
}

enum wb_rc flow_source(struct run *run)
{
    struct wb_stat stat;
    struct wb_file *file = NULL;
    struct wb_span path = wb_span_str(run->path);
    if (wb_store_stat(run->store, WB_PLACE_FINAL, path, &stat, &run->err) != WB_OK ||
        wb_store_read(run->store, WB_PLACE_FINAL, path, false, &file, &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = read_opened(run, file);
    wb_file_close(&file);
    return rc;
}

static enum wb_rc take_name(void *arg, struct wb_span path, const struct wb_stat *stat,
                            const struct wb_err *problem, struct wb_err *err)
{
    struct run *run = arg;
    struct wb_err wrong;
    (void)stat;
    if (problem) {
        run->has_problem = true;
        return WB_OK;
    }
    if (wb_path_check(path, &wrong) != WB_OK)
        run->item_rcs[0] = WB_ERROR; /* a name that must never be shown */
    if (wb_buf_append(&run->listed, path, err) != WB_OK)
        return WB_ERROR;
    return wb_buf_append(&run->listed, wb_span_str("\n"), err);
}

enum wb_rc flow_list(struct run *run)
{
    struct wb_span sub = wb_span_str("sub");
    if (wb_store_list(run->store, wb_span_str(""), take_name, run, &run->err) != WB_OK ||
        wb_store_list(run->store, sub, take_name, run, &run->err) != WB_OK)
        return WB_ERROR;
    return run->has_problem ? judged(run, WB_CAT_IO, "a name could not be looked at") : WB_OK;
}

/* ---- the rest */

enum wb_rc flow_discard(struct run *run)
{
    return wb_store_discard(run->store, run->instance, &run->err);
}

enum wb_rc flow_remove(struct run *run)
{
    char token[FLOW_NAME_MOST + 8];
    (void)snprintf(token, sizeof(token), "%s-gone", run->instance);
    return wb_store_remove(run->store, wb_span_str(run->path), run->tag, token, &run->err);
}

enum wb_rc flow_stage_batch(struct run *run)
{
    for (size_t i = 0; i < FLOW_FILES; i++) {
        (void)snprintf(run->items[i], sizeof(run->items[i]), "%s-%zu", run->path, i);
        (void)snprintf(run->staged[i], sizeof(run->staged[i]), "%s/%zu", run->instance, i);
        if (stage_as(run, run->staged[i], run->item_tags[i]) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc flow_batch(struct run *run)
{
    struct wb_publish items[FLOW_FILES];
    for (size_t i = 0; i < FLOW_FILES; i++) {
        run->item_rcs[i] = WB_ERROR;
        items[i] = (struct wb_publish){.instance = run->staged[i],
                                       .tag = run->item_tags[i],
                                       .path = wb_span_str(run->items[i])};
    }
    if (wb_store_publish(run->store, items, FLOW_FILES, &run->err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = WB_OK;
    for (size_t i = 0; i < FLOW_FILES; i++) {
        run->item_rcs[i] = items[i].rc;
        if (items[i].rc == WB_OK)
            continue;
        run->err = items[i].err;
        rc = WB_ERROR;
    }
    return rc;
}

enum wb_rc flow_check(struct run *run)
{
    int64_t room;
    char again[WB_MARKER_MAX];
    if (wb_store_check(run->store, &room, &run->err) != WB_OK ||
        wb_store_marker(run->store, true, run->tag, &run->err) != WB_OK ||
        wb_store_marker(run->store, false, again, &run->err) != WB_OK)
        return WB_ERROR;
    run->item_rcs[0] = strcmp(run->tag, again) == 0 ? WB_OK : WB_ERROR;
    return WB_OK;
}

enum wb_rc flow_sweep(struct run *run)
{
    int64_t count;
    return wb_store_sweep(run->store, 0, &count, &run->err);
}
