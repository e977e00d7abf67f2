/* Log lines to stderr: one line an event that matters, key=value fields after the message, as text
 * (terminal), logfmt or JSON. The logger is the project's only global. Repeats of the same message
 * within 10 s are counted, not written (`repeated=N` on the next one). Thread-safe. */
#ifndef WB_BASE_LOG_H
#define WB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

enum wb_log_level { WB_LOG_ERROR, WB_LOG_WARN, WB_LOG_INFO, WB_LOG_DEBUG };
enum wb_log_format { WB_LOG_TEXT, WB_LOG_LOGFMT, WB_LOG_JSON };

/* Before any thread starts. `service` stands in every line but text ones. */
void wb_log_setup(enum wb_log_level level, enum wb_log_format format, const char *service);
bool wb_log_enabled(enum wb_log_level level);

/* A field; keys are snake_case and the same everywhere: node, path, job, task, partition, offset…
 */
struct wb_log_field {
    const char *key;
    const char *text; /* NULL: the number */
    int64_t number;
};

static inline struct wb_log_field wb_log_text(const char *key, const char *text)
{
    return (struct wb_log_field){.key = key, .text = text ? text : ""};
}

#define WB_LOG_STR(k, v) wb_log_text((k), (v))
#define WB_LOG_INT(k, v) ((struct wb_log_field){.key = (k), .number = (v)})

/* wb_log_write(WB_LOG_INFO, "planner ready", fields, count); control characters are escaped. */
void wb_log_write(enum wb_log_level level, const char *message, const struct wb_log_field *fields,
                  int count);

/* WB_LOG(WB_LOG_WARN, "node is sick", WB_LOG_STR("node", name), WB_LOG_INT("since_ms", t)); */
#define WB_LOG(level, message, ...)                                              \
    do {                                                                         \
        const struct wb_log_field wb_fields_[] = {{.key = NULL}, ##__VA_ARGS__}; \
        if (wb_log_enabled(level))                                               \
            wb_log_write((level), (message), wb_fields_ + 1,                     \
                         (int)(sizeof(wb_fields_) / sizeof(wb_fields_[0])) - 1); \
    } while (0)

/* An error with its class as fields. */
void wb_log_err(enum wb_log_level level, const char *message, const struct wb_err *err);

#endif
