/* What cases do again and again. */
#include "tests/conformance/suite.h"

enum { WRITE_BLOCK = WB_CONF_MIB };

void wb_conf_stage_as(struct wb_store *store, const char *instance, struct wb_span bytes,
                      const struct wb_meta *meta, char *ret_tag)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    check_ok(
        wb_store_create(store, instance, WB_FILE_REGULAR, (int64_t)bytes.len, false, &file, &err));
    if (bytes.len)
        check_ok(wb_file_write(file, 0, bytes, &err));
    check_ok(wb_file_seal(file, meta, NULL, 0, ret_tag, &err));
    wb_file_close(&file);
}

void wb_conf_stage(struct wb_store *store, const char *instance, const char *text, char *ret_tag)
{
    const struct wb_meta meta = {.mtime_ns = 1500000000000000000, .mode = 0640, .set_mode = true};
    wb_conf_stage_as(store, instance, wb_span_str(text), &meta, ret_tag);
}

enum wb_rc wb_conf_publish(struct wb_store *store, const char *instance, const char *tag,
                           struct wb_span path, struct wb_err *err)
{
    struct wb_publish item = {.instance = instance, .tag = tag, .path = path};
    if (wb_store_publish(store, &item, 1, err) != WB_OK)
        return WB_ERROR;
    *err = item.err;
    return item.rc;
}

enum wb_rc wb_conf_publish_to(struct wb_store *store, const char *instance, const char *tag,
                              const char *path, struct wb_err *err)
{
    return wb_conf_publish(store, instance, tag, wb_span_str(path), err);
}

void wb_conf_put(struct wb_store *store, const char *path, const char *text, char *ret_tag)
{
    static int count;
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char instance[32];
    (void)snprintf(instance, sizeof(instance), "put.%d", ++count);
    wb_conf_stage(store, instance, text, tag);
    check_ok(wb_conf_publish_to(store, instance, tag, path, &err));
    if (ret_tag)
        memcpy(ret_tag, tag, WB_TAG_MAX);
}

void wb_conf_check_text(struct wb_store *store, const char *path, const char *text)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char buffer[4096];
    size_t len;
    check_ok(wb_store_read(store, WB_PLACE_FINAL, wb_span_str(path), false, &file, &err));
    check_ok(wb_file_read(file, 0, buffer, sizeof(buffer), &len, &err));
    wb_file_close(&file);
    check_span(wb_span_of(buffer, len), text);
}

void wb_conf_check_absent(struct wb_store *store, enum wb_place place, const char *name)
{
    struct wb_err err;
    struct wb_stat stat;
    check_fails(wb_store_stat(store, place, wb_span_str(name), &stat, &err), WB_CAT_NOT_FOUND, "");
}

/* ---- patterns ---- */

/* One word of splitmix64. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed << 40) + (index + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void wb_conf_fill(uint64_t seed, int64_t offset, uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        uint64_t at = (uint64_t)offset + done;
        uint64_t word = word_at(seed, at / sizeof(word));
        size_t skip = at % sizeof(word);
        size_t take = sizeof(word) - skip < len - done ? sizeof(word) - skip : len - done;
        memcpy(bytes + done, (const uint8_t *)&word + skip, take);
        done += take;
    }
}

bool wb_conf_is_filled(uint64_t seed, int64_t offset, const uint8_t *bytes, size_t len)
{
    uint8_t *wanted = wb_xcalloc(1, len + 1);
    wb_conf_fill(seed, offset, wanted, len);
    bool same = len == 0 || memcmp(bytes, wanted, len) == 0;
    free(wanted);
    return same;
}

enum wb_rc wb_conf_write(struct wb_file *file, uint64_t seed, int64_t offset, int64_t length,
                         size_t block, struct wb_err *err)
{
    uint8_t *bytes = wb_xcalloc(1, block);
    enum wb_rc rc = WB_OK;
    for (int64_t done = 0; rc == WB_OK && done < length;) {
        size_t take = length - done < (int64_t)block ? (size_t)(length - done) : block;
        wb_conf_fill(seed, offset + done, bytes, take);
        rc = wb_file_write(file, offset + done, wb_span_of(bytes, take), err);
        done += (int64_t)take;
    }
    free(bytes);
    return rc;
}

void wb_conf_stage_filled(struct wb_store *store, const char *instance, uint64_t seed, int64_t size,
                          int64_t declared, char *ret_tag)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    const struct wb_meta meta = {.mtime_ns = 1500000000000000000};
    check_ok(wb_store_create(store, instance, WB_FILE_REGULAR, declared, false, &file, &err));
    check_ok(wb_conf_write(file, seed, 0, size, WRITE_BLOCK, &err));
    check_ok(wb_file_seal(file, &meta, NULL, 0, ret_tag, &err));
    wb_file_close(&file);
}

void wb_conf_open_ranges(struct wb_store *store, const char *instance, int64_t size)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    check_ok(wb_store_create(store, instance, WB_FILE_REGULAR, size, false, &file, &err));
    check_ok(wb_file_range_done(file, 0, 0, tag, &err));
    wb_file_close(&file);
}

void wb_conf_check_filled(struct wb_store *store, enum wb_place place, const char *name,
                          uint64_t seed, int64_t size, size_t block)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    struct wb_stat stat;
    size_t len;
    uint8_t *bytes = wb_xcalloc(1, block);
    check_ok(wb_store_read(store, place, wb_span_str(name), false, &file, &err));
    check_ok(wb_file_stat(file, &stat, &err));
    assert_int_equal(stat.version.size_bytes, size);
    for (int64_t at = 0; at <= size; at += (int64_t)block) {
        size_t wanted = size - at < (int64_t)block ? (size_t)(size - at) : block;
        check_ok(wb_file_read(file, at, bytes, block, &len, &err));
        assert_int_equal(len, wanted);
        if (!wb_conf_is_filled(seed, at, bytes, len))
            fail_msg("\"%s\" has other bytes from %lld on", name, (long long)at);
    }
    wb_file_close(&file);
    free(bytes);
}
