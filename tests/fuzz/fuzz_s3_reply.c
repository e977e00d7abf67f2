/* Documents of an S3 server: pages of listings, errors, results. What is taken has its parts, and
 * a page that goes on says where. */
#include "core/store/s3_parts.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_BYTES = 8 * 1024 * 1024 };

static void check_page(struct wb_span body)
{
    struct wb_err err = {0};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(ARENA_BYTES);
    struct s3_page page = {.arena = arena};
    if (wb_s3_parse_page(body, &page, &err) != WB_OK) {
        must_be_error(&err);
        return;
    }
    must_hold(!page.more || page.next[0] || (page.next_upload && page.next_upload[0]));
    for (size_t i = 0; i < page.count; i++) {
        must_hold(page.entries[i].key.len > 0);
        must_hold(page.entries[i].size_bytes >= -1); /* of uploads not known */
        must_hold(!page.entries[i].etag || strlen(page.entries[i].etag) <= S3_ETAG_MAX);
    }
}

static void check_results(struct wb_span body)
{
    char text[200];
    struct s3_fault fault;
    struct wb_err err = {0};
    bool is_error = wb_s3_parse_error(body, &fault);
    if (is_error)
        must_hold(strnlen(fault.code, sizeof(fault.code)) < sizeof(fault.code) &&
                  strnlen(fault.message, sizeof(fault.message)) < sizeof(fault.message));
    if (wb_s3_parse_field(body, NULL, "ETag", text, sizeof(text), &err) == WB_OK)
        must_hold(!is_error && strnlen(text, sizeof(text)) < sizeof(text));
    else
        must_be_error(&err);
    err = (struct wb_err){0};
    if (wb_s3_parse_removed(body, &err) != WB_OK)
        must_be_error(&err);
    else
        must_hold(!is_error);
}

static void check_ranges(struct wb_span text)
{
    struct wb_err err = {0};
    struct s3_ranges ranges = {0};
    if (wb_s3_ranges_parse(text, &ranges, &err) != WB_OK) {
        must_be_error(&err);
        wb_s3_ranges_free(&ranges);
        return;
    }
    int64_t at = 0;
    for (size_t i = 0; i < ranges.count; i++) {
        must_hold(ranges.list[i].offset == at && ranges.list[i].length >= 0);
        at += ranges.list[i].length;
    }
    must_hold(at == ranges.size_bytes);
    wb_s3_ranges_free(&ranges);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_span body = wb_span_of(data, size);
    check_page(body);
    check_results(body);
    check_ranges(body);
    return 0;
}
