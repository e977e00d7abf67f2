/* The HTTP client against a server that answers as it is told. */
#include "tests/unit/core/store/scripted.h"

#include "core/base/clock.h"
#include "core/store/http.h"

enum { STALL_MS = 300 };

#define OK "HTTP/1.1 200 OK\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#define ROUTE(p, r, ...)                       \
    {                                          \
        .path = (p), .reply = (r), __VA_ARGS__ \
    }

static const struct scripted_route routes[] = {
    ROUTE("/ten", OK "Content-Length: 10\r\nETag:  \"e\" \r\n\r\n" TEN),
    ROUTE("/short", OK "Content-Length: 20\r\n\r\n" TEN, .closes = true),
    ROUTE("/long", OK "Content-Length: 5\r\n\r\n" TEN, .closes = true),
    ROUTE("/ends", OK "\r\n" TEN, .closes = true),
    ROUTE("/chunked", OK "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"),
    ROUTE("/torn", OK "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n567", .closes = true),
    ROUTE("/both",
          OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ROUTE("/lengths", OK "Content-Length: 10\r\nContent-Length: 9\r\n\r\n" TEN, .closes = true),
    ROUTE("/negative", OK "Content-Length: -10\r\n\r\n" TEN, .closes = true),
    ROUTE(
        "/range",
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 10-19/100\r\nContent-Length: 10\r\n\r\n" TEN),
    ROUTE("/odd-range", "HTTP/1.1 206 Partial\r\nContent-Range: bytes 19-10/100\r\nContent-Length: "
                        "10\r\n\r\n" TEN),
    ROUTE("/beyond", "HTTP/1.1 416 No\r\nContent-Range: bytes */100\r\nContent-Length: 0\r\n\r\n"),
    ROUTE("/nine", "Hello\r\n", .closes = true),
    ROUTE("/nothing", "", .closes = true),
    ROUTE("/hold", "", .holds = true),
    ROUTE("/hold-body", OK "Content-Length: 20\r\n\r\n" TEN, .holds = true),
    ROUTE("/drip", OK "Content-Length: 10\r\n\r\n" TEN, .drip_ms = 50),
    ROUTE("/steady", OK "Content-Length: 200\r\n\r\n" HUNDRED HUNDRED, .drip_ms = 3),
    ROUTE("/interim", "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\n" OK "Content-Length: 0\r\n\r\n"),
    ROUTE("/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"),
    ROUTE("/later",
          "HTTP/1.1 429 Slow\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sunday, "
          "06-Nov-94 08:50:07 GMT\r\nContent-Length: 0\r\n\r\n"),
    ROUTE("/denied", "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", .is_early = true),
    ROUTE("/full", "HTTP/1.1 507 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
          .closes = true, .is_early = true),
    ROUTE("/moved", "HTTP/1.1 302 Found\r\nLocation: ten\r\nContent-Length: 0\r\n\r\n"),
    ROUTE("/away", "HTTP/1.1 307 Away\r\nLocation: http://u:p"
                   "@127.0.0.1:#/ten\r\nContent-Length: "
                   "0\r\n\r\n"),
    ROUTE("/elsewhere", "HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:#/ten\r\nContent-Length: "
                        "0\r\n\r\n"),
    ROUTE("/file",
          "HTTP/1.1 302 Away\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
    ROUTE("/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"),
    ROUTE("/put", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
};

struct fixture {
    struct scripted server;
    struct scripted other;
    struct wb_http *http;
    struct wb_http_reply reply;
};

static int begin(void **state)
{
    struct wb_err err;
    char url[64];
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    scripted_start(&fixture->server, routes, sizeof(routes) / sizeof(routes[0]));
    scripted_start(&fixture->other, routes, sizeof(routes) / sizeof(routes[0]));
    fixture->server.other_port = fixture->other.port;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", fixture->server.port);
    struct wb_http_options options = {
        .base_url = url, .user = "me", .password = "it", .stall_timeout_ms = STALL_MS};
    check_ok(wb_http_new(&options, &fixture->http, &err));
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    wb_http_reply_free(&fixture->reply);
    wb_http_free(&fixture->http);
    scripted_stop(&fixture->server);
    scripted_stop(&fixture->other);
    free(fixture);
    return 0;
}

static enum wb_rc get(struct fixture *fixture, const char *path, struct wb_err *err)
{
    struct wb_http_request request = {.method = "GET", .path = path};
    return wb_http_send(fixture->http, &request, &fixture->reply, err);
}

/* Opens and reads all of it, in pieces of so many bytes. */
static enum wb_rc stream(struct fixture *fixture, const char *path, size_t piece, char *ret,
                         size_t *ret_len, struct wb_err *err)
{
    struct wb_http_request request = {.method = "GET", .path = path};
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    size_t got = 1;
    *ret_len = 0;
    if (wb_http_open(fixture->http, &request, &stream, &fixture->reply, err) != WB_OK)
        return WB_ERROR;
    while (got) {
        if (wb_http_read(stream, ret + *ret_len, piece, &got, err) != WB_OK)
            return WB_ERROR;
        *ret_len += got;
    }
    return WB_OK;
}

static void a_reply_has_status_headers_and_body(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    check_ok(get(fixture, "/ten?x=%2F", &err));
    assert_int_equal(fixture->reply.status, 200);
    assert_int_equal(fixture->reply.length, 10);
    assert_string_equal(wb_http_header(&fixture->reply, "etag"), "\"e\"");
    assert_null(wb_http_header(&fixture->reply, "etagg"));
    check_span(wb_buf_span(&fixture->reply.body), TEN);
    assert_non_null(strstr(fixture->server.last, "GET /ten?x=%2F HTTP/1.1\r\n"));
    assert_non_null(strstr(fixture->server.last, "Authorization: Basic bWU6aXQ=\r\n"));
    check_ok(get(fixture, "/interim", &err));
    assert_int_equal(fixture->reply.status, 200);
    assert_null(wb_http_header(&fixture->reply, "x"));
    check_ok(get(fixture, "/not-there", &err));
    assert_int_equal(fixture->reply.status, 404);
    assert_int_equal(fixture->server.connections, 1);
}

static void a_body_is_read_piece_by_piece(void **state)
{
    static const char *const paths[] = {"/ten", "/chunked", "/ends"};
    struct fixture *fixture = *state;
    struct wb_err err;
    char body[128];
    size_t len;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        for (size_t piece = 1; piece < 12; piece++) {
            check_ok(stream(fixture, paths[i], piece, body, &len, &err));
            check_span(wb_span_of(body, len), TEN);
            assert_int_equal(fixture->reply.length, i == 0 ? 10 : -1);
        }
    }
}

static void a_body_that_is_not_whole_is_an_error(void **state)
{
    static const char *const paths[] = {"/short", "/torn", "/nothing"};
    struct fixture *fixture = *state;
    struct wb_err err;
    char body[128];
    size_t len;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        check_fails(stream(fixture, paths[i], 3, body, &len, &err), WB_CAT_UNREACHABLE, "");
        assert_true(err.retryable);
        check_fails(get(fixture, paths[i], &err), WB_CAT_UNREACHABLE, "");
    }
    check_ok(stream(fixture, "/long", 3, body, &len, &err));
    assert_int_equal(len, 5);
}

static void a_head_that_contradicts_itself_is_refused(void **state)
{
    static const char *const paths[] = {"/both", "/lengths", "/negative", "/odd-range", "/nine"};
    struct fixture *fixture = *state;
    struct wb_err err;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        check_fails(get(fixture, paths[i], &err), WB_CAT_INVALID, "");
        assert_true(err.retryable);
    }
}

static void a_range_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    check_ok(get(fixture, "/range", &err));
    assert_int_equal(fixture->reply.range_start, 10);
    assert_int_equal(fixture->reply.range_end, 20);
    assert_int_equal(fixture->reply.range_size, 100);
    check_ok(get(fixture, "/beyond", &err));
    assert_int_equal(fixture->reply.range_start, -1);
    assert_int_equal(fixture->reply.range_size, 100);
}

static void what_does_not_move_is_given_up(void **state)
{
    static const char *const paths[] = {"/hold", "/hold-body", "/drip"};
    struct fixture *fixture = *state;
    struct wb_err err;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int64_t began_ms = wb_clock_mono_ms();
        check_fails(get(fixture, paths[i], &err), WB_CAT_TIMEOUT, "no progress");
        assert_true(wb_clock_mono_ms() - began_ms >= STALL_MS);
    }
}

static void what_is_slow_but_moves_lives(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    int64_t began_ms = wb_clock_mono_ms();
    check_ok(get(fixture, "/steady", &err));
    assert_true(wb_clock_mono_ms() - began_ms > STALL_MS);
    assert_int_equal(fixture->reply.body.len, 200);
}

static void a_server_may_be_given_longer_to_answer(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_http_request request = {
        .method = "GET", .path = "/hold", .patience_ms = 3 * STALL_MS};
    int64_t began_ms = wb_clock_mono_ms();
    check_fails(wb_http_send(fixture->http, &request, &fixture->reply, &err), WB_CAT_TIMEOUT,
                "no progress");
    assert_true(wb_clock_mono_ms() - began_ms >= 3 * STALL_MS);
}

static void a_status_is_an_error_with_the_time_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    check_ok(get(fixture, "/busy", &err));
    check_fails(wb_http_error(&fixture->reply, &err, "cannot %s", "go"), WB_CAT_THROTTLED,
                "cannot go: service unavailable");
    assert_string_equal(err.code, "HTTP 503");
    assert_int_equal(err.retry_after_ms, 7000);
    check_ok(get(fixture, "/later", &err));
    check_fails(wb_http_error(&fixture->reply, &err, "x"), WB_CAT_THROTTLED, "too many");
    assert_int_equal(err.retry_after_ms, 30000);
}

static void a_redirect_is_followed_for_reads_only(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    char body[128];
    size_t len;
    check_ok(get(fixture, "/moved", &err));
    assert_int_equal(fixture->reply.status, 200);
    assert_false(fixture->reply.is_elsewhere);
    assert_non_null(strstr(fixture->server.last, "Authorization: "));
    check_ok(stream(fixture, "/moved", 3, body, &len, &err));
    assert_int_equal(len, 10);
    struct wb_http_request put = {.method = "PUT", .path = "/moved", .body = wb_span_str("x")};
    check_ok(wb_http_send(fixture->http, &put, &fixture->reply, &err));
    assert_int_equal(fixture->reply.status, 302);
    check_fails(get(fixture, "/loop", &err), WB_CAT_INVALID, "redirects");
    check_fails(get(fixture, "/file", &err), WB_CAT_INVALID, "redirect");
}

static void another_host_gets_no_credentials(void **state)
{
    static const char *const lines[] = {"X-Token: t", "Range: bytes=0-9", NULL};
    static const char *const paths[] = {"/elsewhere", "/away"};
    struct fixture *fixture = *state;
    struct wb_err err;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct wb_http_request request = {.method = "GET", .path = paths[i], .headers = lines};
        check_ok(wb_http_send(fixture->http, &request, &fixture->reply, &err));
        assert_int_equal(fixture->reply.status, 200);
        assert_true(fixture->reply.is_elsewhere);
        assert_non_null(strstr(fixture->server.last, "X-Token"));
        assert_non_null(strstr(fixture->other.last, "GET /ten"));
        assert_non_null(strstr(fixture->other.last, "Range: "));
        assert_null(strstr(fixture->other.last, "Authorization"));
        assert_null(strstr(fixture->other.last, "X-Token"));
    }
}

static void a_reply_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_http_request request = {.method = "GET", .path = "/ten", .reply_most = 9};
    check_fails(wb_http_send(fixture->http, &request, &fixture->reply, &err), WB_CAT_INVALID,
                "longer than 9");
    request.path = "/busy";
    request.reply_most = 2;
    check_ok(wb_http_send(fixture->http, &request, &fixture->reply, &err));
    assert_int_equal(fixture->reply.status, 503);
}

static void a_body_is_written_piece_by_piece(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    struct wb_http_request request = {.method = "PUT", .path = "/put", .body_bytes = 10};
    check_ok(wb_http_begin(fixture->http, &request, &stream, &err));
    check_ok(wb_http_write(stream, wb_span_str("01234"), &err));
    check_fails(wb_http_finish(stream, &fixture->reply, &err), WB_CAT_INTERNAL, "5 bytes");
    check_ok(wb_http_write(stream, wb_span_str("56789"), &err));
    check_ok(wb_http_finish(stream, &fixture->reply, &err));
    assert_int_equal(fixture->reply.status, 201);
    assert_non_null(strstr(fixture->server.last, "\r\n\r\n" TEN));
    assert_non_null(strstr(fixture->server.last, "PUT /put HTTP/1.1\r\n"));
    assert_null(strstr(fixture->server.last, "Expect"));
}

static enum wb_rc write_much(struct fixture *fixture, const char *path,
                             struct wb_http_stream **stream, struct wb_err *err)
{
    static const char much[64 * 1024];
    struct wb_http_request request = {.method = "PUT", .path = path, .body_bytes = 1LL << 40};
    if (wb_http_begin(fixture->http, &request, stream, err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < 10000; i++)
        if (wb_http_write(*stream, wb_span_of(much, sizeof(much)), err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static void a_writer_hears_of_an_early_refusal(void **state)
{
    struct fixture *fixture = *state;
    struct wb_err err;
    struct wb_http_stream *stream WB_AUTO(wb_http_close) = NULL;
    check_fails(write_much(fixture, "/denied", &stream, &err), WB_CAT_DENIED, "forbidden");
    check_ok(wb_http_finish(stream, &fixture->reply, &err));
    check_span(wb_buf_span(&fixture->reply.body), "no");
}

static void many_requests_have_each_their_result(void **state)
{
    enum { COUNT = 40 };
    static const char *const paths[] = {"/ten", "/not-there", "/short", "/busy", "/hold"};
    struct fixture *fixture = *state;
    struct wb_http_call *calls = calloc(COUNT, sizeof(*calls));
    for (size_t i = 0; i < COUNT; i++)
        calls[i].request = (struct wb_http_request){.method = "GET", .path = paths[i % 5]};
    wb_http_send_all(fixture->http, calls, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        static const int statuses[] = {200, 404, 0, 503, 0};
        assert_int_equal(calls[i].rc, statuses[i % 5] ? WB_OK : WB_ERROR);
        if (statuses[i % 5])
            assert_int_equal(calls[i].reply.status, statuses[i % 5]);
        else
            assert_int_equal(calls[i].err.category,
                             i % 5 == 2 ? WB_CAT_UNREACHABLE : WB_CAT_TIMEOUT);
        wb_http_reply_free(&calls[i].reply);
    }
    free(calls);
}

static void nobody_there_is_unreachable(void **state)
{
    struct wb_err err;
    struct wb_http *http WB_AUTO(wb_http_free) = NULL;
    struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
    struct wb_http_options options = {.base_url = "http://127.0.0.1:1/x"};
    struct wb_http_request request = {.method = "GET", .path = "/y"};
    (void)state;
    check_ok(wb_http_new(&options, &http, &err));
    check_fails(wb_http_send(http, &request, &reply, &err), WB_CAT_UNREACHABLE, "");
    assert_string_equal(err.code, "COULDNT_CONNECT");
}

static void a_base_is_checked(void **state)
{
    static const char *const bad[] = {"",
                                      "ftp://h/",
                                      "http://",
                                      "http://h/?q",
                                      "http://h/#f",
                                      "file:///etc",
                                      "http://a b/",
                                      "http://u@h/",
                                      "nothing"};
    struct wb_err err;
    struct wb_http *http = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct wb_http_options options = {.base_url = bad[i]};
        check_fails(wb_http_new(&options, &http, &err), WB_CAT_USAGE, "");
    }
    struct wb_http_options clear = {.base_url = "http://127.evil.example/", .bearer = "hush"};
    check_fails(wb_http_new(&clear, &http, &err), WB_CAT_USAGE, "in the clear");
    assert_null(strstr(err.text, "hush"));
    clear.insecure = true;
    check_ok(wb_http_new(&clear, &http, &err));
    assert_false(wb_http_is_loopback(http));
    assert_string_equal(wb_http_origin(http), "http://127.evil.example:80");
    wb_http_free(&http);
}

static void dates_have_three_forms(void **state)
{
    char text[32];
    (void)state;
    assert_int_equal(wb_http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    assert_int_equal(wb_http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    assert_int_equal(wb_http_date_parse("Sun Nov  6 08:49:37 1994"), 784111777);
    assert_int_equal(wb_http_date_parse("soon"), -1);
    wb_http_date_format(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reply_has_status_headers_and_body, begin, end),
        cmocka_unit_test_setup_teardown(a_body_is_read_piece_by_piece, begin, end),
        cmocka_unit_test_setup_teardown(a_body_that_is_not_whole_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(a_head_that_contradicts_itself_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_range_is_read, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_move_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(what_is_slow_but_moves_lives, begin, end),
        cmocka_unit_test_setup_teardown(a_server_may_be_given_longer_to_answer, begin, end),
        cmocka_unit_test_setup_teardown(a_status_is_an_error_with_the_time_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(a_redirect_is_followed_for_reads_only, begin, end),
        cmocka_unit_test_setup_teardown(another_host_gets_no_credentials, begin, end),
        cmocka_unit_test_setup_teardown(a_reply_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(a_body_is_written_piece_by_piece, begin, end),
        cmocka_unit_test_setup_teardown(a_writer_hears_of_an_early_refusal, begin, end),
        cmocka_unit_test_setup_teardown(many_requests_have_each_their_result, begin, end),
        cmocka_unit_test(nobody_there_is_unreachable),
        cmocka_unit_test(a_base_is_checked),
        cmocka_unit_test(dates_have_three_forms),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
