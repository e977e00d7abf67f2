/* Vectors: `suite` are those of AWS's Signature Version 4 test suite (aws-sig-v4-test-suite), `s3`
 * the examples of the Amazon S3 API Reference, "Signature Calculations for the Authorization
 * Header: Transferring Payload in a Single Chunk". */
#include "tests/check.h"

#include "core/base/hash.h"
#include "core/base/url.h"
#include "core/store/crc64.h"
#include "core/store/sigv4.h"

#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_HOST "Host: example.amazonaws.com", "X-Amz-Date: 20150830T123600Z"
#define S3_HOST "Host: examplebucket.s3.amazonaws.com", "x-amz-date: 20130524T000000Z"
#define TOKEN                                                                                   \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxf" \
    "pSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPk" \
    "yQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBA" \
    "z+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

static const struct wb_sigv4_key suite = {
    .id = "AKIDEXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "service",
};

static const struct wb_sigv4_key s3 = {
    .id = "AKIAIOSFODNN7EXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "s3",
};

enum { SUITE_TIME = 1440938160, S3_TIME = 1369353600 };

struct vector {
    const char *name;
    const char *method;
    const char *path;
    const char *query;
    const char *payload;
    const char *headers[8];
    const char *names;
    const char *signature;
};

static const struct vector suite_vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla",
     "POST",
     "/",
     NULL,
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=value1",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     "\xe1\x88\xb4=bar",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-utf8",
     "GET",
     "/\xe1\x88\xb4",
     "",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-space",
     "GET",
     "/example space/",
     "",
     NOTHING,
     {SUITE_HOST},
     "host;x-amz-date",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     "",
     NOTHING,
     {SUITE_HOST, "My-Header1: value2", "My-Header1: value2", "my-header1: value1"},
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     NOTHING,
     {"My-Header1:  value1", "My-Header2: \"a   b   c\"", SUITE_HOST},
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     {"Content-Type: application/x-www-form-urlencoded", SUITE_HOST},
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-sts-header-before",
     "POST",
     "/",
     "",
     NOTHING,
     {SUITE_HOST, "X-Amz-Security-Token: " TOKEN},
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
};

static const struct vector s3_vectors[] = {
    {"GET Object",
     "GET",
     "/test.txt",
     "",
     NOTHING,
     {S3_HOST, "Range: bytes=0-9", "x-amz-content-sha256: " NOTHING},
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT Object",
     "PUT",
     "/test%24file.text",
     "",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     {S3_HOST, "Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY",
      "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET Bucket Lifecycle",
     "GET",
     "/",
     "lifecycle",
     NOTHING,
     {S3_HOST, "x-amz-content-sha256: " NOTHING},
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"GET Bucket (List Objects)",
     "GET",
     "/",
     "prefix=J&max-keys=2",
     NOTHING,
     {S3_HOST, "x-amz-content-sha256: " NOTHING},
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static struct wb_sigv4_request request_of(const struct vector *vector, int64_t time_s)
{
    return (struct wb_sigv4_request){.method = vector->method,
                                     .path = vector->path,
                                     .query = vector->query,
                                     .headers = vector->headers,
                                     .payload = vector->payload,
                                     .time_ms = time_s * 1000};
}

static void check_vectors(const struct wb_sigv4_key *key, const struct vector *vectors,
                          size_t count, int64_t time_s)
{
    struct wb_err err;
    char date[WB_SIGV4_DATE];
    wb_sigv4_date(time_s * 1000, date);
    for (size_t i = 0; i < count; i++) {
        char want[512];
        struct wb_buf header WB_AUTO(wb_buf_free) = wb_buf_make(1024);
        struct wb_sigv4_request request = request_of(&vectors[i], time_s);
        (void)snprintf(
            want, sizeof(want),
            "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request"
            ", SignedHeaders=%s, Signature=%s",
            key->id, date, key->service, vectors[i].names, vectors[i].signature);
        check_ok(wb_sigv4_sign(key, &request, &header, &err));
        if (strcmp(wb_buf_cstr(&header), want) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", vectors[i].name, wb_buf_cstr(&header), want);
    }
}

static void the_suite_s_vectors_are_signed_as_published(void **state)
{
    (void)state;
    check_vectors(&suite, suite_vectors, sizeof(suite_vectors) / sizeof(suite_vectors[0]),
                  SUITE_TIME);
}

static void the_examples_of_s3_are_signed_as_published(void **state)
{
    (void)state;
    check_vectors(&s3, s3_vectors, sizeof(s3_vectors) / sizeof(s3_vectors[0]), S3_TIME);
}

static void the_canonical_request_is_the_published_one(void **state)
{
    struct wb_err err;
    struct wb_sigv4_request request = request_of(&s3_vectors[0], S3_TIME);
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    struct wb_buf names WB_AUTO(wb_buf_free) = wb_buf_make(1024);
    (void)state;
    check_ok(wb_sigv4_canonical(&request, &text, &names, &err));
    check_span(wb_buf_span(&text),
               "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
               "x-amz-content-sha256:" NOTHING "\nx-amz-date:20130524T000000Z\n\n"
               "host;range;x-amz-content-sha256;x-amz-date\n" NOTHING);
    check_span(wb_buf_span(&names), "host;range;x-amz-content-sha256;x-amz-date");
}

static void check_canonical(const char *path, const char *query, const char *want)
{
    struct wb_err err;
    static const char *const headers[] = {"host: h", NULL};
    const struct wb_sigv4_request request = {
        .method = "GET", .path = path, .query = query, .headers = headers, .payload = "x"};
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    struct wb_buf names WB_AUTO(wb_buf_free) = wb_buf_make(1024);
    check_ok(wb_sigv4_canonical(&request, &text, &names, &err));
    const char *end = strstr(wb_buf_cstr(&text), "\nhost:h\n");
    assert_non_null(end);
    check_span(wb_span_of(text.data + 4, (size_t)(end - (const char *)text.data) - 4), want);
}

static void a_path_is_encoded_once_and_kept_as_it_is(void **state)
{
    (void)state;
    check_canonical("/a//b/../c/.", "", "/a//b/../c/.\n");
    check_canonical("/a%20b%2fc%2B+", "", "/a%20b%2Fc%2B%2B\n");
    check_canonical("/100%", "", "/100%25\n");
    check_canonical("/%zz%4", "", "/%25zz%254\n");
    check_canonical("/%7e%41", "", "/~A\n");
}

static void a_query_is_sorted_by_its_encoded_names_then_values(void **state)
{
    (void)state;
    check_canonical("/", "b=2&a=2&a=1&a", "/\na=&a=1&a=2&b=2");
    check_canonical("/", "a-b=1&a=2&a%20b=3&&", "/\na=2&a%20b=3&a-b=1");
    check_canonical("/", "k=a=b/c&l=x+y", "/\nk=a%3Db%2Fc&l=x%2By");
}

static void every_byte_of_a_name_is_encoded(void **state)
{
    struct wb_err err;
    uint8_t bytes[255];
    struct wb_buf path WB_AUTO(wb_buf_free) = wb_buf_make(1024);
    struct wb_buf query WB_AUTO(wb_buf_free) = wb_buf_make(1024);
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i + 1);
    check_ok(wb_url_escape(&path, wb_span_of(bytes, sizeof(bytes)), true, &err));
    check_ok(wb_url_escape(&query, wb_span_of(bytes, sizeof(bytes)), false, &err));
    assert_int_equal(path.len, 255 + 2 * (255 - 67));
    assert_int_equal(query.len, path.len + 2);
    check_ok(wb_buf_append(&path, wb_span_str("\n"), &err));
    char *sent WB_AUTO(wb_free_ptr) = wb_xstrdup(wb_buf_cstr(&path));
    sent[path.len - 1] = 0;
    check_canonical(sent, "", wb_buf_cstr(&path));
}

static void what_cannot_be_a_header_is_refused(void **state)
{
    struct wb_err err;
    static const char *const bad[] = {"no colon", ": no name", "a: b\r\nc: d", "a\nb: c"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *headers[] = {bad[i], NULL};
        const struct wb_sigv4_request request = {
            .method = "GET", .path = "/", .headers = headers, .payload = "x"};
        struct wb_buf header WB_AUTO(wb_buf_free) = wb_buf_make(1024);
        check_fails(wb_sigv4_sign(&s3, &request, &header, &err), WB_CAT_INVALID, "header");
    }
}

static void what_is_signed_is_bounded(void **state)
{
    struct wb_err err;
    char query[3 * WB_SIGV4_QUERY_MAX];
    const char *headers[WB_SIGV4_HEADERS_MAX + 2] = {0};
    struct wb_sigv4_request request = {
        .method = "GET", .path = "/", .query = query, .headers = headers, .payload = "x"};
    struct wb_buf header WB_AUTO(wb_buf_free) = wb_buf_make(8192);
    (void)state;
    query[0] = 0;
    for (int i = 0; i <= WB_SIGV4_HEADERS_MAX; i++)
        headers[i] = "a: b";
    check_fails(wb_sigv4_sign(&s3, &request, &header, &err), WB_CAT_INVALID, "headers");
    headers[WB_SIGV4_HEADERS_MAX] = NULL;
    check_ok(wb_sigv4_sign(&s3, &request, &header, &err));
    for (int i = 0; i < WB_SIGV4_QUERY_MAX; i++)
        memcpy(query + 2 * i, "a&", 3);
    check_ok(wb_sigv4_sign(&s3, &request, &header, &err));
    memcpy(query + 2 * WB_SIGV4_QUERY_MAX, "a", 2);
    check_fails(wb_sigv4_sign(&s3, &request, &header, &err), WB_CAT_INVALID, "parameters");
}

/* ---- CRC-64/NVME ---- */

static uint64_t crc64_bit_by_bit(struct wb_span bytes)
{
    uint64_t sum = ~0ULL;
    for (size_t i = 0; i < bytes.len; i++) {
        sum ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0x9a6c9329ac4bc9b5ULL : 0);
    }
    return ~sum;
}

/* The check value of "CRC-64/NVME" in the catalogue of parametrised CRC algorithms. */
static void crc64_has_its_check_value(void **state)
{
    struct wb_crc64 crc64;
    char text[WB_CRC64_TEXT + 1];
    (void)state;
    wb_crc64_init(&crc64);
    assert_true(wb_crc64_update(&crc64, 0, wb_span_str("123456789")) == 0xae8b14860a799888ULL);
    assert_true(wb_crc64_update(&crc64, 0, wb_span_of(NULL, 0)) == 0);
    wb_crc64_format(0xae8b14860a799888ULL, text);
    assert_string_equal(text, "rosUhgp5mIg=");
    wb_crc64_format(0, text);
    assert_string_equal(text, "AAAAAAAAAAA=");
}

static void crc64_is_the_same_however_it_is_cut(void **state)
{
    struct wb_crc64 crc64;
    uint8_t bytes[200];
    (void)state;
    wb_crc64_init(&crc64);
    wb_random_bytes(bytes, sizeof(bytes));
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        uint64_t want = crc64_bit_by_bit(wb_span_of(bytes, len));
        for (size_t cut = 0; cut <= len; cut += 7) {
            uint64_t sum = wb_crc64_update(&crc64, 0, wb_span_of(bytes, cut));
            assert_true(wb_crc64_update(&crc64, sum, wb_span_of(bytes + cut, len - cut)) == want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_s_vectors_are_signed_as_published),
        cmocka_unit_test(the_examples_of_s3_are_signed_as_published),
        cmocka_unit_test(the_canonical_request_is_the_published_one),
        cmocka_unit_test(a_path_is_encoded_once_and_kept_as_it_is),
        cmocka_unit_test(a_query_is_sorted_by_its_encoded_names_then_values),
        cmocka_unit_test(every_byte_of_a_name_is_encoded),
        cmocka_unit_test(what_cannot_be_a_header_is_refused),
        cmocka_unit_test(what_is_signed_is_bounded),
        cmocka_unit_test(crc64_has_its_check_value),
        cmocka_unit_test(crc64_is_the_same_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
