#include "core/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"

enum { LINE_MAX_BYTES = 4096, REPEAT_SLOTS = 64, REPEAT_WINDOW_MS = 10000, SERVICE_MAX = 32 };

struct repeat {
    uint64_t hash;
    int64_t since_ms;
    int64_t count;
};

struct logger {
    pthread_mutex_t lock;
    enum wb_log_level level;
    enum wb_log_format format;
    char service[SERVICE_MAX];
    struct repeat repeats[REPEAT_SLOTS];
};

static struct logger logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = WB_LOG_INFO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void wb_log_setup(enum wb_log_level level, enum wb_log_format format, const char *service)
{
    logger.level = level;
    logger.format = format;
    (void)snprintf(logger.service, sizeof(logger.service), "%s", service);
}

bool wb_log_enabled(enum wb_log_level level)
{
    return level <= logger.level;
}

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void put(struct line *line, const char *text)
{
    size_t len = strlen(text);
    size_t room = sizeof(line->text) - line->len - 2; /* newline and NUL */
    if (len > room)
        len = room;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

/* Quoted as in JSON, which is valid in logfmt as well. */
static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    for (; *text; text++) {
        char piece[8] = {*text};
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)snprintf(piece, sizeof(piece), "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)snprintf(piece, sizeof(piece), "\\u%04x", c);
        put(line, piece);
    }
    put(line, "\"");
}

static void put_pair(struct line *line, bool json, const char *key, const char *text)
{
    if (json) {
        put(line, line->len > 1 ? "," : "");
        put_quoted(line, key);
        put(line, ":");
    } else {
        put(line, line->len ? " " : "");
        put(line, key);
        put(line, "=");
    }
    put_quoted(line, text);
}

static void put_field(struct line *line, bool json, const struct wb_log_field *field)
{
    char number[24];
    if (field->text) {
        put_pair(line, json, field->key, field->text);
        return;
    }
    (void)snprintf(number, sizeof(number), "%lld", (long long)field->number);
    if (json) {
        put(line, line->len > 1 ? "," : "");
        put_quoted(line, field->key);
        put(line, ":");
    } else {
        put(line, line->len ? " " : "");
        put(line, field->key);
        put(line, "=");
    }
    put(line, number);
}

static void put_head(struct line *line, enum wb_log_level level, const char *message)
{
    char time[32];
    bool json = logger.format == WB_LOG_JSON;
    if (logger.format == WB_LOG_TEXT) {
        put(line, "waybill: ");
        put(line, level == WB_LOG_INFO ? "" : level_names[level]);
        put(line, level == WB_LOG_INFO ? "" : ": ");
        put(line, message);
        return;
    }
    put(line, json ? "{" : "");
    wb_clock_format(wb_clock_wall_ms(), time);
    put_pair(line, json, "time", time);
    put_pair(line, json, "level", level_names[level]);
    put_pair(line, json, "service", logger.service);
    put_pair(line, json, "message", message);
}

/* True when the line is to be written; `ret_repeated` says how often it was not since. */
static bool admit(uint64_t hash, int64_t now_ms, int64_t *ret_repeated)
{
    struct repeat *slot = &logger.repeats[hash % REPEAT_SLOTS];
    if (slot->hash == hash && now_ms - slot->since_ms < REPEAT_WINDOW_MS) {
        slot->count++;
        return false;
    }
    *ret_repeated = slot->hash == hash ? slot->count : 0;
    *slot = (struct repeat){.hash = hash, .since_ms = now_ms};
    return true;
}

void wb_log_write(enum wb_log_level level, const char *message, const struct wb_log_field *fields,
                  int count)
{
    struct line line = {.len = 0};
    int64_t repeated = 0;
    struct line body = {.len = 0};
    for (int i = 0; i < count; i++)
        put_field(&body, false, &fields[i]);
    uint64_t hash = wb_hash64_of(wb_span_str(message)) ^
                    wb_hash64_of(wb_span_of(body.text, body.len)) ^ (uint64_t)level;
    (void)pthread_mutex_lock(&logger.lock);
    if (admit(hash, wb_clock_mono_ms(), &repeated)) {
        bool json = logger.format == WB_LOG_JSON;
        put_head(&line, level, message);
        for (int i = 0; i < count; i++)
            put_field(&line, json, &fields[i]);
        if (repeated)
            put_field(&line, json, &WB_LOG_INT("repeated", repeated));
        put(&line, json ? "}" : "");
        line.text[line.len++] = '\n';
        (void)fwrite(line.text, 1, line.len, stderr);
    }
    (void)pthread_mutex_unlock(&logger.lock);
}

void wb_log_err(enum wb_log_level level, const char *message, const struct wb_err *err)
{
    WB_LOG(level, message, WB_LOG_STR("error", err->text),
           WB_LOG_STR("scope", wb_scope_name(err->scope)), WB_LOG_STR("phase", err->phase),
           WB_LOG_STR("category", wb_category_name(err->category)), WB_LOG_STR("code", err->code));
}
