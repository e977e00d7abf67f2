/* Time. Wall times in records are milliseconds since 1970 (Avro timestamp-millis); file times are
 * nanoseconds; intervals are measured on the monotonic clock. Pure cores take `now` as a value. */
#ifndef WB_BASE_CLOCK_H
#define WB_BASE_CLOCK_H

#include <stdint.h>

#include "core/base/buf.h"

/* Wall time since 1970, and the monotonic clock, in ms and ns. */
int64_t wb_clock_wall_ms(void);
int64_t wb_clock_wall_ns(void);
int64_t wb_clock_mono_ms(void);
int64_t wb_clock_mono_ns(void);
/* Waits so long, less when a signal comes; not at all for 0 or less. */
void wb_clock_sleep_ns(int64_t ns);

/* `2026-11-24T09:24:55.123Z`; `out` holds 32 bytes. */
void wb_clock_format(int64_t wall_ms, char *out);
/* RFC 3339 with any offset, `@ms`, or an age such as `2h` before `now_ms`. USAGE when it is none.
 */
enum wb_rc wb_clock_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
                          struct wb_err *err) WB_MUST_USE;

/* `250ms 10s 5m 2h 30d`, whole or decimal; USAGE otherwise. */
enum wb_rc wb_duration_parse(const char *text, int64_t *ret_ms, struct wb_err *err) WB_MUST_USE;
/* Shortest of the same forms, at most 15 characters: `1.4s`, `6m`, `5m30s`. */
void wb_duration_format(int64_t ms, char out[16]);

/* `512 64KiB 50MiB 1GB 2GiB …` (binary and decimal units); USAGE otherwise. */
enum wb_rc wb_size_parse(const char *text, int64_t *ret_bytes, struct wb_err *err) WB_MUST_USE;
/* `1.5 GiB`, at most 15 characters. */
void wb_size_format(int64_t bytes, char out[16]);

#endif
