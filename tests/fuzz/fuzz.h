/* What every fuzz target includes: the entry point and a way to say that a property is broken. */
#ifndef WB_TESTS_FUZZ_FUZZ_H
#define WB_TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run with the property that does not hold; libFuzzer keeps the input. */
#define must_hold(property)                                                              \
    do {                                                                                 \
        if (!(property)) {                                                               \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #property); \
            abort();                                                                     \
        }                                                                                \
    } while (0)

/* An error is one line with a class, whatever was fed. */
static inline void must_be_error(const struct wb_err *err)
{
    must_hold(wb_err_is_set(err));
    must_hold(err->text[0] != 0);
    for (const char *at = err->text; *at; at++)
        must_hold((uint8_t)*at >= 0x20 && *at != 0x7f);
}

#endif
