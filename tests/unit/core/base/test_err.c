/* The class of an error where it is born: what the planner goes by. */
#include "tests/check.h"

#include <errno.h>

struct row {
    int number;
    enum wb_category category;
    bool retryable;
};

static const struct row rows[] = {
    /* the file is not there */
    {ENOENT, WB_CAT_NOT_FOUND, true},
    {ENOTDIR, WB_CAT_NOT_FOUND, true},
    /* the node is not there */
    {ESTALE, WB_CAT_UNREACHABLE, true},
    {ENODEV, WB_CAT_UNREACHABLE, true},
    {ENXIO, WB_CAT_UNREACHABLE, true},
    {ENOMEDIUM, WB_CAT_UNREACHABLE, true},
    {ENOTCONN, WB_CAT_UNREACHABLE, true},
    {ECONNREFUSED, WB_CAT_UNREACHABLE, true},
    {ECONNRESET, WB_CAT_UNREACHABLE, true},
    {ECONNABORTED, WB_CAT_UNREACHABLE, true},
    {EHOSTUNREACH, WB_CAT_UNREACHABLE, true},
    {EHOSTDOWN, WB_CAT_UNREACHABLE, true},
    {ENETUNREACH, WB_CAT_UNREACHABLE, true},
    {ENETDOWN, WB_CAT_UNREACHABLE, true},
    {ETIMEDOUT, WB_CAT_TIMEOUT, true},
    /* the node takes no writes */
    {ENOSPC, WB_CAT_NO_SPACE, true},
    {EDQUOT, WB_CAT_NO_SPACE, true},
    {EROFS, WB_CAT_READ_ONLY, true},
    /* the medium fails; what is not known counts as that */
    {EIO, WB_CAT_IO, true},
    {EUCLEAN, WB_CAT_IO, true},
    {EBADMSG, WB_CAT_IO, true},
    {ENOMEM, WB_CAT_IO, true},
    {EMFILE, WB_CAT_IO, true},
    {EAGAIN, WB_CAT_IO, true},
    {EBUSY, WB_CAT_IO, true},
    {99999, WB_CAT_IO, true},
    /* a person has to do something */
    {EACCES, WB_CAT_DENIED, false},
    {EPERM, WB_CAT_DENIED, false},
    {ELOOP, WB_CAT_DENIED, false},
    {EXDEV, WB_CAT_DENIED, false},
    {ENAMETOOLONG, WB_CAT_INVALID, false},
    {EINVAL, WB_CAT_INVALID, false},
    {EILSEQ, WB_CAT_INVALID, false},
    {EFBIG, WB_CAT_LIMIT, false},
    {EMLINK, WB_CAT_LIMIT, false},
    {EOPNOTSUPP, WB_CAT_UNSUPPORTED, false},
    {ENOSYS, WB_CAT_UNSUPPORTED, false},
    /* something else is where ours should go, and may go away */
    {EEXIST, WB_CAT_CONFLICT, true},
    {EISDIR, WB_CAT_CONFLICT, true},
    {ENOTEMPTY, WB_CAT_CONFLICT, true},
};

static void each_errno_has_its_class(void **state)
{
    struct wb_err err;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)wb_err_errno(&err, rows[i].number, "cannot do it");
        if (err.category != rows[i].category || err.retryable != rows[i].retryable)
            fail_msg("%s is %s, retryable %d", err.code, wb_category_name(err.category),
                     err.retryable);
        assert_int_equal(err.scope, WB_SCOPE_UNKNOWN);
        assert_int_equal(err.retry_after_ms, 0);
        assert_true(*err.code != 0);
    }
}

static void the_class_stays_whatever_is_put_before_it(void **state)
{
    struct wb_err err;
    (void)state;
    (void)wb_err_errno(&err, ENOSPC, "cannot write");
    wb_err_place(&err, WB_SCOPE_TARGET, "copy");
    wb_err_place(&err, WB_SCOPE_SOURCE, "probe");
    err.retry_after_ms = 1500;
    (void)wb_err_prefix(&err, "node \"%s\"", "b");
    assert_int_equal(err.category, WB_CAT_NO_SPACE);
    assert_int_equal(err.scope, WB_SCOPE_TARGET);
    assert_string_equal(err.phase, "copy");
    assert_string_equal(err.code, "ENOSPC");
    assert_int_equal(err.retry_after_ms, 1500);
    assert_string_equal(err.text, "node \"b\": cannot write: No space left on device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_errno_has_its_class),
        cmocka_unit_test(the_class_stays_whatever_is_put_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
