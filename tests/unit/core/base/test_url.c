/* Percent-encoding of names of any bytes. */
#include "tests/check.h"

#include "core/base/url.h"

static void every_byte_comes_back(void **state)
{
    uint8_t all[255];
    struct wb_err err;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    struct wb_buf back WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    (void)state;
    for (int i = 0; i < 255; i++)
        all[i] = (uint8_t)(i + 1);
    check_ok(wb_url_escape(&text, wb_span_of(all, 255), false, &err));
    assert_int_equal(text.len, 66 + 3 * (255 - 66));
    check_ok(wb_url_unescape(&back, wb_buf_span(&text), &err));
    assert_true(wb_span_eq(wb_buf_span(&back), wb_span_of(all, 255)));
}

static void only_unreserved_bytes_stay(void **state)
{
    struct wb_err err;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    (void)state;
    check_ok(wb_url_escape(&text, wb_span_str("aZ9-._~/ +?#%;:\xc3\xa4"), true, &err));
    check_span(wb_buf_span(&text), "aZ9-._~/%20%2B%3F%23%25%3B%3A%C3%A4");
    wb_buf_clear(&text);
    check_ok(wb_url_escape(&text, wb_span_str("a/b"), false, &err));
    check_span(wb_buf_span(&text), "a%2Fb");
}

static void bad_escapes_are_refused(void **state)
{
    static const char *const bad[] = {"%", "a%2", "%zz", "%2g", "%00", "x%"};
    struct wb_err err;
    struct wb_buf back WB_AUTO(wb_buf_free) = wb_buf_make(4096);
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_fails(wb_url_unescape(&back, wb_span_str(bad[i]), &err), WB_CAT_INVALID, "escape");
        assert_int_equal(back.len, 0);
    }
    check_ok(wb_url_unescape(&back, wb_span_str("%e4+%E4"), &err));
    check_span(wb_buf_span(&back), "\xe4+\xe4");
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
    struct wb_err err;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(8);
    (void)state;
    check_fails(wb_url_escape(&text, wb_span_str("abc"), false, &err), WB_CAT_LIMIT, "");
    check_ok(wb_url_escape(&text, wb_span_str("ab"), false, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(only_unreserved_bytes_stay),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(a_name_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
