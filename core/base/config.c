/* Values, their precedence and their types. */
#include "core/base/config.h"

#include <stdlib.h>

#include "core/base/clock.h"

enum { PAIRS_MAX = 256 };

struct pairs {
    char *keys[PAIRS_MAX];
    char *values[PAIRS_MAX];
    char *origins[PAIRS_MAX];
    size_t count;
};

struct value {
    char *text;     /* NULL: the default */
    int64_t number; /* parsed; SPAN: the lower */
    int64_t upper;
};

struct wb_config {
    struct value values[WB_OPT_COUNT];
    struct pairs maps[WB_OPT_COUNT];
};

static enum wb_rc parse_span(const char *text, struct value *value, struct wb_err *err)
{
    char low[32];
    const char *dots = strstr(text, "..");
    if (!dots || dots - text >= (ptrdiff_t)sizeof(low))
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is not two durations such as 1s..5m", text);
    memcpy(low, text, (size_t)(dots - text));
    low[dots - text] = 0;
    if (wb_duration_parse(low, &value->number, err) != WB_OK ||
        wb_duration_parse(dots + 2, &value->upper, err) != WB_OK)
        return WB_ERROR;
    if (value->number > value->upper)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" begins with the longer duration", text);
    return WB_OK;
}

static enum wb_rc parse_int(const char *text, int64_t *ret, struct wb_err *err)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is not a whole number", text);
    *ret = number;
    return WB_OK;
}

static enum wb_rc parse_bool(const char *text, int64_t *ret, struct wb_err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = (int64_t)(i & 1);
            return WB_OK;
        }
    return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is neither true nor false", text);
}

static enum wb_rc parse_choice(const char *text, const char *choices, struct wb_err *err)
{
    size_t len = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (len && strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == 0))
            return WB_OK;
    return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is none of %s", text, choices);
}

static enum wb_rc parse_value(const struct wb_opt_row *row, const char *text, struct value *value,
                              struct wb_err *err)
{
    switch (row->type) {
    case WB_OPT_BOOL:
        return parse_bool(text, &value->number, err);
    case WB_OPT_INT:
        return parse_int(text, &value->number, err);
    case WB_OPT_SIZE:
        return wb_size_parse(text, &value->number, err);
    case WB_OPT_DURATION:
        return wb_duration_parse(text, &value->number, err);
    case WB_OPT_SPAN:
        return parse_span(text, value, err);
    case WB_OPT_CHOICE:
        return parse_choice(text, row->choices, err);
    default:
        return WB_OK;
    }
}

static enum wb_rc check_bounds(const struct wb_opt_row *row, const char *text, int64_t number,
                               struct wb_err *err)
{
    if (row->least && number < row->least)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is less than %lld", text,
                          (long long)row->least);
    if (row->most && number > row->most)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is more than %lld", text,
                          (long long)row->most);
    return WB_OK;
}

static enum wb_rc add_pair(struct pairs *pairs, const char *key, size_t key_len, const char *value,
                           const char *origin, struct wb_err *err)
{
    size_t at = 0;
    while (at < pairs->count &&
           (strlen(pairs->keys[at]) != key_len || strncmp(pairs->keys[at], key, key_len) != 0))
        at++;
    if (at == PAIRS_MAX)
        return wb_err_set(err, WB_CAT_LIMIT, "more than %d pairs", PAIRS_MAX);
    if (at == pairs->count) {
        pairs->keys[at] = wb_xcalloc(key_len + 1, 1);
        memcpy(pairs->keys[at], key, key_len);
        pairs->count++;
    }
    free(pairs->values[at]);
    free(pairs->origins[at]);
    pairs->values[at] = wb_xstrdup(value);
    pairs->origins[at] = wb_xstrdup(origin);
    return WB_OK;
}

/* The brokers are one of the verbatim keys and an option of their own: both always say the same. */
static enum wb_rc set_map(struct wb_config *config, enum wb_opt id, const char *text,
                          const char *origin, struct wb_err *err)
{
    static const char servers[] = "bootstrap.servers";
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return wb_err_set(err, WB_CAT_USAGE, "not KEY=VALUE");
    size_t len = (size_t)(equals - text);
    if (id == WB_OPT_KAFKA && len == strlen(servers) && strncmp(text, servers, len) == 0)
        return wb_config_set(config, WB_OPT_BROKERS, equals + 1, servers, err);
    return add_pair(&config->maps[id], text, len, equals + 1, origin, err);
}

static enum wb_rc parse_checked(const struct wb_opt_row *row, const char *text, struct value *value,
                                struct wb_err *err)
{
    if (parse_value(row, text, value, err) != WB_OK)
        return WB_ERROR;
    return check_bounds(row, text, value->number, err);
}

enum wb_rc wb_config_check(const struct wb_opt_row *row, const char *value, struct wb_err *err)
{
    struct value ignored;
    if (parse_checked(row, value, &ignored, err) != WB_OK)
        return wb_err_prefix(err, "%s", row->key);
    return WB_OK;
}

enum wb_rc wb_config_set(struct wb_config *config, enum wb_opt id, const char *value,
                         const char *origin, struct wb_err *err)
{
    const struct wb_opt_row *row = &wb_config_table()[id];
    struct value parsed = {.text = NULL};
    if (row->type == WB_OPT_MAP) {
        if (set_map(config, id, value, origin, err) != WB_OK)
            return wb_err_prefix(err, "%s", origin);
        return WB_OK;
    }
    if (parse_checked(row, value, &parsed, err) != WB_OK)
        return wb_err_prefix(err, "%s", origin);
    free(config->values[id].text);
    parsed.text = wb_xstrdup(value);
    config->values[id] = parsed;
    return WB_OK;
}

struct wb_config *wb_config_new(void)
{
    struct wb_config *config = wb_xcalloc(1, sizeof(*config));
    struct wb_err err;
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const struct wb_opt_row *row = &wb_config_table()[id];
        if (row->fallback && parse_value(row, row->fallback, &config->values[id], &err) != WB_OK)
            abort(); /* a default in the table that does not parse */
    }
    return config;
}

static void pairs_copy(struct pairs *to, const struct pairs *from)
{
    for (; to->count < from->count; to->count++) {
        to->keys[to->count] = wb_xstrdup(from->keys[to->count]);
        to->values[to->count] = wb_xstrdup(from->values[to->count]);
        to->origins[to->count] = wb_xstrdup(from->origins[to->count]);
    }
}

struct wb_config *wb_config_copy(const struct wb_config *config)
{
    struct wb_config *copy = wb_xcalloc(1, sizeof(*copy));
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        copy->values[id] = config->values[id];
        if (config->values[id].text)
            copy->values[id].text = wb_xstrdup(config->values[id].text);
        pairs_copy(&copy->maps[id], &config->maps[id]);
    }
    return copy;
}

static void pairs_free(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->keys[i]);
        free(pairs->values[i]);
        free(pairs->origins[i]);
    }
}

void wb_config_free(struct wb_config **config)
{
    if (!*config)
        return;
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        free((*config)->values[id].text);
        pairs_free(&(*config)->maps[id]);
    }
    free(*config);
    *config = NULL;
}

const char *wb_config_text(const struct wb_config *config, enum wb_opt id)
{
    const char *text = config->values[id].text;
    return text ? text : wb_config_table()[id].fallback;
}

bool wb_config_is_set(const struct wb_config *config, enum wb_opt id)
{
    return config->values[id].text != NULL;
}

int64_t wb_config_int(const struct wb_config *config, enum wb_opt id)
{
    return config->values[id].number;
}

void wb_config_span(const struct wb_config *config, enum wb_opt id, int64_t *ret_low,
                    int64_t *ret_high)
{
    *ret_low = config->values[id].number;
    *ret_high = config->values[id].upper;
}

bool wb_config_pair(const struct wb_config *config, enum wb_opt id, size_t index,
                    const char **ret_key, const char **ret_value)
{
    const struct pairs *pairs = &config->maps[id];
    if (index >= pairs->count)
        return false;
    *ret_key = pairs->keys[index];
    *ret_value = pairs->values[index];
    return true;
}

const char *wb_config_pair_origin(const struct wb_config *config, enum wb_opt id, size_t index)
{
    const struct pairs *pairs = &config->maps[id];
    return index < pairs->count ? pairs->origins[index] : NULL;
}
