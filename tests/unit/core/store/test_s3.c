/* The parts of the S3 backend that need no server: URLs and options, names and metadata, documents
 * of strangers, the list of an instance's ranges. */
#include "tests/check.h"

#include "core/store/s3_parts.h"

static const char *const aws[] = {NULL};

/* ---- URLs and options ---- */

static void urls_and_options_are_checked(void **state)
{
    struct wb_err err;
    static const char *const bad_urls[] = {
        "", "/x", "ab", "Bucket", "a b c", "bucket/../x", "bucket/.waybill", "bucket//a//b"};
    static const char *const bad_options[][3] = {{"style", "round", NULL}, {"region", "", NULL},
                                                 {"region", "a b", NULL},  {"insecure", "1", NULL},
                                                 {"storage_class", "a\n"}, {"colour", "red", NULL}};
    (void)state;
    check_ok(wb_s3_check_url("bucket", aws, &err));
    check_ok(wb_s3_check_url("my.bucket-1/some/prefix/", aws, &err));
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++)
        check_fails(wb_s3_check_url(bad_urls[i], aws, &err), WB_CAT_USAGE, "s3://");
    for (size_t i = 0; i + 1 < sizeof(bad_options) / sizeof(bad_options[0]); i++)
        check_fails(wb_s3_check_url("bucket", bad_options[i], &err), WB_CAT_USAGE, "");
}

struct place {
    const char *options[9];
    const char *host;
    bool path_style;
};

static void the_host_and_the_style_follow_from_the_options(void **state)
{
    static const struct place places[] = {
        {{NULL}, "bucket.s3.us-east-1.amazonaws.com", false},
        {{"region", "eu-west-1", NULL}, "bucket.s3.eu-west-1.amazonaws.com", false},
        {{"style", "path", NULL}, "s3.us-east-1.amazonaws.com", true},
        {{"endpoint", "http://127.0.0.1:9000", NULL}, "127.0.0.1:9000", true},
        {{"endpoint", "https://h:443/", NULL}, "h", true},
        {{"endpoint", "https://h:8443", "style", "virtual", NULL}, "bucket.h:8443", false},
    };
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct s3_store store = {0};
        check_ok(wb_s3_set_options(&store, "bucket/p", places[i].options, "", NULL, &err));
        assert_string_equal(store.host, places[i].host);
        assert_int_equal(store.path_style, places[i].path_style);
        assert_string_equal(store.prefix, "p/");
        wb_s3_free_options(&store);
    }
}

static void bad_endpoints_and_secrets_are_refused(void **state)
{
    static const char *const endpoints[] = {"h",          "ftp://h",   "http://", "http://h/path",
                                            "http://u@h", "http://h?q"};
    static const char *const secrets[] = {"x", "x:", ":x", "a b:c"};
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        struct s3_store store = {0};
        const char *options[] = {"endpoint", endpoints[i], NULL};
        check_fails(wb_s3_set_options(&store, "bucket", options, "", NULL, &err), WB_CAT_USAGE, "");
        wb_s3_free_options(&store);
    }
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        struct s3_store store = {0};
        assert_int_equal(setenv("WAYBILL_SECRET_T3", secrets[i], 1), 0);
        check_fails(wb_s3_set_options(&store, "bucket", aws, "t3", NULL, &err), WB_CAT_DENIED, "");
        assert_null(strstr(err.text, secrets[i]));
        wb_s3_free_options(&store);
    }
}

static void keys_go_over_tls_or_stay_here(void **state)
{
    static const char *const open[] = {"endpoint", "http://192.0.2.1", NULL};
    static const char *const asked[] = {"endpoint", "http://192.0.2.1", "insecure", "yes", NULL};
    struct wb_err err;
    struct s3_store store = {0};
    (void)state;
    assert_int_equal(setenv("WAYBILL_SECRET_T3", "id:secret:to:ken", 1), 0);
    check_fails(wb_s3_set_options(&store, "bucket", open, "t3", NULL, &err), WB_CAT_USAGE,
                "in the clear");
    wb_s3_free_options(&store);
    store = (struct s3_store){0};
    check_ok(wb_s3_set_options(&store, "bucket", asked, "t3", NULL, &err));
    assert_string_equal(store.key_id, "id");
    assert_string_equal(store.key_secret, "secret");
    assert_string_equal(store.token, "to:ken");
    wb_s3_free_options(&store);
}

/* ---- names ---- */

static void names_that_a_server_does_not_keep_are_refused(void **state)
{
    char prefix[] = "p/";
    struct s3_store store = {.prefix = prefix};
    struct wb_err err;
    const char *key;
    char longest[S3_KEY_MAX];
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    (void)state;
    check_ok(wb_s3_final_key(&store, wb_span_str("a\xff\x01\\b"), arena, &key, &err));
    assert_string_equal(key, "p/a\xff\x01\\b");
    atomic_store(&store.probed, true);
    check_fails(wb_s3_final_key(&store, wb_span_str("a\xff"), arena, &key, &err), WB_CAT_INVALID,
                "UTF-8");
    check_fails(wb_s3_final_key(&store, wb_span_str("a\x01"), arena, &key, &err), WB_CAT_INVALID,
                "control");
    check_fails(wb_s3_final_key(&store, wb_span_str("a\\"), arena, &key, &err), WB_CAT_INVALID,
                "backslash");
    check_fails(wb_s3_final_key(&store, wb_span_str(".waybill/x"), arena, &key, &err),
                WB_CAT_INVALID, "");
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = i % 100 ? 'x' : '/';
    check_ok(wb_s3_final_key(&store, wb_span_of(longest + 1, S3_KEY_MAX - 2), arena, &key, &err));
    check_fails(wb_s3_final_key(&store, wb_span_of(longest + 1, S3_KEY_MAX - 1), arena, &key, &err),
                WB_CAT_INVALID, "1024");
}

static void instances_are_names_of_ours(void **state)
{
    char prefix[] = "";
    struct s3_store store = {.prefix = prefix};
    struct wb_err err;
    const char *key;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    static const char *const bad[] = {"", "/x", "x/", "a..b", "marker", "a b", "a\n", "a%2e"};
    (void)state;
    check_ok(wb_s3_staged_key(&store, "t.1/7", "seal", arena, &key, &err));
    assert_string_equal(key, ".waybill/t.1/7/seal");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fails(wb_s3_staged_key(&store, bad[i], NULL, arena, &key, &err), WB_CAT_INVALID,
                    "instance");
}

static void ranges_are_named_by_their_offset(void **state)
{
    char name[24];
    (void)state;
    wb_s3_range_name(5LL << 40, name);
    assert_string_equal(name, "00000005497558138880");
    assert_true(wb_s3_range_offset(name) == 5LL << 40);
    assert_true(wb_s3_range_offset("open") == -1);
    assert_true(wb_s3_range_offset("0000000549755813888x") == -1);
    assert_true(wb_s3_range_offset("000000054975581388800") == -1);
}

static void etags_come_without_quotes_or_not_at_all(void **state)
{
    char etag[S3_ETAG_MAX + 1];
    char too_long[S3_ETAG_MAX + 2];
    (void)state;
    assert_true(wb_s3_etag_copy("\"a-2\"", etag));
    assert_string_equal(etag, "a-2");
    assert_true(wb_s3_etag_copy("a", etag));
    assert_string_equal(etag, "a");
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[S3_ETAG_MAX + 1] = 0;
    assert_false(wb_s3_etag_copy(too_long, etag));
    static const char *const bad[] = {"", "\"\"", "\"", "W/\"a\"", "a b", "a\"b", "\x01"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(wb_s3_etag_copy(bad[i], etag));
}

/* ---- metadata ---- */

/* `name NUL value NUL` …, as the client keeps them. */
static struct wb_http_reply reply_of(const char *const *headers)
{
    struct wb_err err;
    struct wb_http_reply reply = {.status = 200, .headers = wb_buf_make(WB_HTTP_HEADERS_MAX)};
    for (; headers[0]; headers++)
        check_ok(
            wb_buf_append(&reply.headers, wb_span_of(headers[0], strlen(headers[0]) + 1), &err));
    return reply;
}

static void check_mtime(const char *text, int64_t want_ns)
{
    struct wb_err err;
    struct wb_stat stat;
    const char *headers[] = {
        "etag", "\"e\"", "last-modified", "Thu, 01 Jan 1970 00:00:07 GMT", S3_META "mtime",
        text,   NULL};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = reply_of(headers);
    check_ok(wb_s3_stat_of(&reply, 3, &stat, &err));
    if (stat.version.mtime_ns != want_ns)
        fail_msg("%s is %lld", text, (long long)stat.version.mtime_ns);
}

static void times_are_in_rclone_s_form(void **state)
{
    (void)state;
    check_mtime("1234567890.123456789", 1234567890123456789);
    check_mtime("1234567890", 1234567890000000000);
    check_mtime("1.5", 1500000000);
    check_mtime("0.0000000019", 1);
    check_mtime("-1.25", -1250000000);
    static const char *const bad[] = {"", "x", "1x", "1.5x", ".5", "--1", "99999999999", "1e9"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_mtime(bad[i], 7000000000);
}

static void check_tag(const char *meta, const char *want)
{
    struct wb_err err;
    struct wb_stat stat;
    const char *headers[] = {"etag", "\"e\"", meta ? S3_TAG : "x", meta ? meta : "y", NULL};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = reply_of(headers);
    check_ok(wb_s3_stat_of(&reply, 3, &stat, &err));
    assert_string_equal(stat.tag, want);
}

static void the_tag_is_ours_or_the_etag(void **state)
{
    (void)state;
    check_tag(NULL, "etag:e");
    check_tag("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef+e");
    check_tag("0123+f", "0123+f");
    check_tag("0123=f", "0123=f");
}

static void a_reply_without_etag_or_size_is_none(void **state)
{
    struct wb_err err;
    struct wb_stat stat;
    static const char *const none[] = {"x", "y", NULL};
    static const char *const some[] = {"etag", "\"e\"", NULL};
    struct wb_http_reply without WB_AUTO(wb_http_reply_free) = reply_of(none);
    struct wb_http_reply with WB_AUTO(wb_http_reply_free) = reply_of(some);
    (void)state;
    check_fails(wb_s3_stat_of(&without, 3, &stat, &err), WB_CAT_INVALID, "etag");
    check_fails(wb_s3_stat_of(&with, -1, &stat, &err), WB_CAT_INVALID, "large");
}

static void metadata_is_written_as_rclone_does(void **state)
{
    struct wb_err err;
    struct s3_store store = {.traits = {.own_times = true}};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(S3_ARENA_BYTES);
    struct s3_headers headers = {.arena = arena};
    struct wb_meta meta = {.mtime_ns = 1500000000120000000,
                           .mode = 0640,
                           .set_mode = true,
                           .uid = 7,
                           .set_owner = true,
                           .xattrs = wb_span_str("abc")};
    static const char large[1500];
    (void)state;
    check_ok(wb_s3_meta_headers(&store, &headers, &meta, &err));
    assert_int_equal(headers.count, 4);
    assert_string_equal(headers.lines[0], S3_META "mtime: 1500000000.12");
    assert_string_equal(headers.lines[1], S3_META "mode: 100640");
    assert_string_equal(headers.lines[2], S3_META "uid: 7");
    assert_string_equal(headers.lines[3], S3_META "waybill-xattrs: YWJj");
    meta.xattrs = wb_span_of(large, sizeof(large));
    check_fails(wb_s3_meta_headers(&store, &headers, &meta, &err), WB_CAT_UNSUPPORTED,
                "attributes");
}

/* ---- errors ---- */

static void check_error(int status, const char *body, const char *const *headers,
                        enum wb_category category, const char *part, const char *code)
{
    struct wb_err err;
    char bucket[] = "b";
    char region[] = "us-east-1";
    struct s3_store store = {.bucket = bucket, .region = region};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = reply_of(headers);
    reply.status = status;
    reply.body = wb_buf_make(4096);
    check_ok(wb_buf_append(&reply.body, wb_span_str(body), &err));
    check_fails(wb_s3_error(&store, &reply, "it failed", &err), category, part);
    assert_string_equal(err.code, code);
}

static void errors_have_their_class(void **state)
{
    static const char *const none[] = {"x", "y", NULL};
    static const char *const region[] = {"x-amz-bucket-region", "eu-west-1", NULL};
    static const char *const retry[] = {"retry-after", "7", NULL};
    (void)state;
    check_error(404, "<Error><Code>NoSuchKey</Code></Error>", none, WB_CAT_NOT_FOUND, "it failed",
                "NoSuchKey");
    check_error(404, "<Error><Code>NoSuchBucket</Code></Error>", none, WB_CAT_UNREACHABLE,
                "the root is not there", "NoSuchBucket");
    check_error(404, "", none, WB_CAT_NOT_FOUND, "it failed", "HTTP 404");
    check_error(503, "<Error><Code>SlowDown</Code></Error>", retry, WB_CAT_THROTTLED, "SlowDown",
                "SlowDown");
    check_error(200, "<Error><Code>InternalError</Code><Message>sorry</Message></Error>", none,
                WB_CAT_IO, "InternalError: sorry", "InternalError");
    check_error(403, "<Error><Code>ExpiredToken</Code></Error>", none, WB_CAT_DENIED,
                "ExpiredToken", "ExpiredToken");
    check_error(301, "", region, WB_CAT_UNREACHABLE, "in region \"eu-west-1\", not \"us-east-1\"",
                "PermanentRedirect");
    check_error(
        400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
        none, WB_CAT_UNREACHABLE, "set the option region", "PermanentRedirect");
    check_error(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", none, WB_CAT_DENIED,
                "clock", "RequestTimeTooSkewed");
    check_error(412, "<Error><Code>PreconditionFailed</Code></Error>", none, WB_CAT_CHANGED, "",
                "PreconditionFailed");
}

static void a_wait_that_is_asked_for_is_kept(void **state)
{
    struct wb_err err;
    char region[] = "r";
    struct s3_store store = {.region = region};
    static const char *const retry[] = {"retry-after", "7", NULL};
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = reply_of(retry);
    (void)state;
    reply.status = 503;
    reply.body = wb_buf_make(4096);
    check_ok(wb_buf_append(&reply.body, wb_span_str("<Error><Code>SlowDown</Code></Error>"), &err));
    check_fails(wb_s3_error(&store, &reply, "it failed", &err), WB_CAT_THROTTLED, "");
    assert_int_equal(err.retry_after_ms, 7000);
    assert_true(err.retryable);
}

static void only_an_error_is_an_error(void **state)
{
    struct s3_fault fault;
    (void)state;
    assert_true(wb_s3_parse_error(
        wb_span_str("<?xml version=\"1.0\"?><Error><Code>A</Code><Message>b</Message></Error>"),
        &fault));
    assert_string_equal(fault.code, "A");
    assert_string_equal(fault.message, "b");
    static const char *const none[] = {"",
                                       "x",
                                       "<Error/>",
                                       "<Error><Code/></Error>",
                                       "<R><Error><Code>A</Code></Error></R>",
                                       "<Error><Code>A",
                                       "<!DOCTYPE a><Error><Code>A</Code></Error>"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(wb_s3_parse_error(wb_span_str(none[i]), &fault));
}

/* ---- listings ---- */

static enum wb_rc page_of(const char *text, struct wb_arena *arena, struct s3_page *ret,
                          struct wb_err *err)
{
    *ret = (struct s3_page){.arena = arena};
    return wb_s3_parse_page(wb_span_str(text), ret, err);
}

static void a_page_has_its_entries(void **state)
{
    struct wb_err err;
    struct s3_page page;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(4 << 20);
    (void)state;
    check_ok(
        page_of("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
                "<Contents><Key>a+b%2Bc%FF</Key><Size>12</Size><ETag>&quot;e&quot;</ETag>"
                "<LastModified>2026-11-25T07:55:52.5Z</LastModified>"
                "<Owner><ID>x</ID></Owner></Contents>"
                "<Contents><Key>z</Key><Size>0</Size></Contents></ListBucketResult>",
                arena, &page, &err));
    assert_int_equal(page.count, 2);
    check_span(page.entries[0].key, "a b+c\xff");
    assert_int_equal(page.entries[0].size_bytes, 12);
    assert_string_equal(page.entries[0].etag, "e");
    assert_true(page.entries[0].modified_ms == 1795593352500);
    assert_true(page.more);
    assert_string_equal(page.next, "t");
}

static void uploads_are_listed_too(void **state)
{
    struct wb_err err;
    struct s3_page page;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(4 << 20);
    (void)state;
    check_ok(page_of("<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>"
                     "</Upload></ListMultipartUploadsResult>",
                     arena, &page, &err));
    assert_int_equal(page.count, 1);
    assert_string_equal(page.entries[0].upload, "u");
    assert_false(page.more);
}

#define LIST(text) "<ListBucketResult>" text "</ListBucketResult>"
#define END "<IsTruncated>false</IsTruncated>"

static void pages_that_make_no_sense_are_refused(void **state)
{
    struct wb_err err;
    struct s3_page page;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(4 << 20);
    static const char *const bad[] = {
        "",
        "<Error/>",
        LIST(""),
        LIST("<IsTruncated>maybe</IsTruncated>"),
        LIST("<IsTruncated>true</IsTruncated>"),
        LIST("<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
        LIST(END "<Contents><Size>1</Size></Contents>"),
        LIST(END "<Contents><Key>a</Key><Size>-1</Size></Contents>"),
        LIST(END "<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"),
        LIST(END "<Contents><Key>a</Key><Size>1</Size><ETag>a b</ETag></Contents>"),
        LIST(END "<Contents><Key>a%zz</Key></Contents>"),
        LIST(END "<Contents><Key>a%00</Key></Contents>"),
        LIST(END "<Contents><Key>a</Key><LastModified>today</LastModified></Contents>"),
        LIST(END) "x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wb_arena_reset(arena);
        check_fails(page_of(bad[i], arena, &page, &err), WB_CAT_INVALID, "");
        assert_true(err.retryable);
    }
}

static void what_was_not_removed_is_told(void **state)
{
    struct wb_err err;
    (void)state;
    check_ok(wb_s3_parse_removed(wb_span_str(""), &err));
    check_ok(wb_s3_parse_removed(wb_span_str("<DeleteResult/>"), &err));
    check_ok(wb_s3_parse_removed(wb_span_str("<DeleteResult><Error><Key>a</Key><Code>NoSuchKey"
                                             "</Code></Error></DeleteResult>"),
                                 &err));
    check_fails(wb_s3_parse_removed(wb_span_str("<DeleteResult><Deleted/><Error><Key>a</Key><Code>"
                                                "AccessDenied</Code></Error></DeleteResult>"),
                                    &err),
                WB_CAT_DENIED, "AccessDenied");
    check_fails(wb_s3_parse_removed(wb_span_str("<html/>"), &err), WB_CAT_INVALID, "html");
}

/* ---- ranges ---- */

static void a_seal_says_what_was_proved(void **state)
{
    struct wb_err err;
    struct s3_range list[] = {{0, 10, "a"}, {10, 5, "b-2"}};
    struct s3_ranges ranges = {.list = list, .count = 2, .size_bytes = 15};
    struct s3_ranges back WB_AUTO(wb_s3_ranges_free) = {0};
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    (void)state;
    check_ok(wb_s3_ranges_format(&ranges, &text, &err));
    check_span(wb_buf_span(&text), "waybill ranges 1\n0 10 a\n10 5 b-2\n");
    check_ok(wb_s3_ranges_parse(wb_buf_span(&text), &back, &err));
    assert_int_equal(back.count, 2);
    assert_int_equal(back.size_bytes, 15);
    assert_string_equal(back.list[1].etag, "b-2");
}

static void a_seal_with_a_gap_is_none(void **state)
{
    struct wb_err err;
    static const char *const bad[] = {
        "",
        "waybill ranges 2\n",
        "waybill ranges 1\n0 10",
        "waybill ranges 1\n0 10 a",
        "waybill ranges 1\n0 10 a b\n",
        "waybill ranges 1\n1 10 a\n",
        "waybill ranges 1\n0 10 a\n11 1 b\n",
        "waybill ranges 1\n0 10 a\n9 1 b\n",
        "waybill ranges 1\n0 0 a\n",
        "waybill ranges 1\n0 -1 a\n",
        "waybill ranges 1\n0 x a\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct s3_ranges ranges WB_AUTO(wb_s3_ranges_free) = {0};
        check_fails(wb_s3_ranges_parse(wb_span_str(bad[i]), &ranges, &err), WB_CAT_CORRUPT, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_and_options_are_checked),
        cmocka_unit_test(the_host_and_the_style_follow_from_the_options),
        cmocka_unit_test(bad_endpoints_and_secrets_are_refused),
        cmocka_unit_test(keys_go_over_tls_or_stay_here),
        cmocka_unit_test(names_that_a_server_does_not_keep_are_refused),
        cmocka_unit_test(instances_are_names_of_ours),
        cmocka_unit_test(ranges_are_named_by_their_offset),
        cmocka_unit_test(etags_come_without_quotes_or_not_at_all),
        cmocka_unit_test(times_are_in_rclone_s_form),
        cmocka_unit_test(the_tag_is_ours_or_the_etag),
        cmocka_unit_test(a_reply_without_etag_or_size_is_none),
        cmocka_unit_test(metadata_is_written_as_rclone_does),
        cmocka_unit_test(errors_have_their_class),
        cmocka_unit_test(a_wait_that_is_asked_for_is_kept),
        cmocka_unit_test(only_an_error_is_an_error),
        cmocka_unit_test(a_page_has_its_entries),
        cmocka_unit_test(uploads_are_listed_too),
        cmocka_unit_test(pages_that_make_no_sense_are_refused),
        cmocka_unit_test(what_was_not_removed_is_told),
        cmocka_unit_test(a_seal_says_what_was_proved),
        cmocka_unit_test(a_seal_with_a_gap_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
