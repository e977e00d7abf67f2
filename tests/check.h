/* What every unit test includes: cmocka and a few words more. */
#ifndef WB_TESTS_CHECK_H
#define WB_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/buf.h"

/* The call must succeed; prints the error when it does not. `err` must be in scope. */
#define check_ok(call)                           \
    do {                                         \
        if ((call) != WB_OK)                     \
            fail_msg("%s: %s", #call, err.text); \
    } while (0)

/* The call must fail with the category, and its text hold `part`. */
#define check_fails(call, cat, part)                                                \
    do {                                                                            \
        assert_int_equal((call), WB_ERROR);                                         \
        assert_string_equal(wb_category_name(err.category), wb_category_name(cat)); \
        if (!strstr(err.text, part))                                                \
            fail_msg("\"%s\" does not say \"%s\"", err.text, part);                 \
    } while (0)

#define check_span(span, text)                            \
    do {                                                  \
        struct wb_span span_ = (span);                    \
        assert_int_equal(span_.len, strlen(text));        \
        assert_memory_equal(span_.data, text, span_.len); \
    } while (0)

#endif
