#include "cli/out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/path.h"

enum {
    ROWS_HELD = 500,
    WIDTH_MOST = 60,
    CELL_MAX = 8192,
    SHOWN_MAX = 8192,
    COLUMNS_MOST = 24,
    DEPTH_MOST = 16
};

static const char schema_name[] = "waybill/v1";

bool wb_out_is_json(const struct wb_cli *cli)
{
    return cli->output == WB_OUT_JSON || cli->output == WB_OUT_NDJSON;
}

/* ---- lists ---- */

struct wb_list {
    const struct wb_cli *cli;
    const char *noun;
    const struct wb_column *columns;
    size_t count;
    size_t widths[COLUMNS_MOST];
    char **held; /* cells of the first rows, until the widths are known */
    size_t held_count;
    size_t at; /* next column */
    int64_t objects;
    bool streaming;
};

/* Columns that a terminal will need: one a code point. */
static size_t shown_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

struct wb_list *wb_list_new(const struct wb_cli *cli, const char *noun,
                            const struct wb_column *columns, size_t count)
{
    struct wb_list *list = wb_xcalloc(1, sizeof(*list));
    list->cli = cli;
    list->noun = noun;
    list->columns = columns;
    list->count = count < COLUMNS_MOST ? count : COLUMNS_MOST;
    list->held = wb_xcalloc(ROWS_HELD * list->count, sizeof(*list->held));
    for (size_t i = 0; i < list->count; i++)
        list->widths[i] = shown_width(columns[i].title);
    if (cli->output == WB_OUT_JSON)
        (void)printf("{\"schema\": \"%s\", \"%s\": [", schema_name, noun);
    return list;
}

bool wb_list_is_json(const struct wb_list *list)
{
    return wb_out_is_json(list->cli);
}

void wb_list_object(struct wb_list *list, json_t *object)
{
    json_t *owned WB_AUTO(wb_json_free) = object;
    if (list->cli->output == WB_OUT_JSON)
        (void)printf(list->objects ? ",\n" : "\n");
    list->objects++;
    char *text = json_dumps(owned, JSON_COMPACT);
    (void)printf(list->cli->output == WB_OUT_JSON ? "%s" : "%s\n", text ? text : "{}");
    free(text);
}

static bool is_shown(const struct wb_list *list, size_t column)
{
    if (list->cli->output == WB_OUT_NAME)
        return column == 0;
    return !list->columns[column].wide || list->cli->output == WB_OUT_WIDE;
}

static bool is_last(const struct wb_list *list, size_t column)
{
    for (size_t i = column + 1; i < list->count; i++)
        if (is_shown(list, i))
            return false;
    return true;
}

static void print_cell(const struct wb_list *list, size_t column, const char *text)
{
    if (!is_shown(list, column))
        return;
    size_t used = shown_width(text);
    int pad = used < list->widths[column] ? (int)(list->widths[column] - used) : 0;
    if (list->cli->output == WB_OUT_NAME)
        (void)printf("%s\n", text);
    else if (list->columns[column].right)
        (void)printf("%*s%s%s", pad, "", text, is_last(list, column) ? "\n" : "  ");
    else if (is_last(list, column))
        (void)printf("%s\n", text);
    else
        (void)printf("%s%*s  ", text, pad, "");
}

static void print_held(struct wb_list *list)
{
    bool titles = list->cli->output != WB_OUT_NAME;
    (void)fputs(titles && list->cli->color ? "\033[1m" : "", stdout);
    for (size_t i = 0; i < list->count && titles; i++)
        print_cell(list, i, list->columns[i].title);
    (void)fputs(titles && list->cli->color ? "\033[0m" : "", stdout);
    for (size_t i = 0; i < list->held_count; i++) {
        print_cell(list, i % list->count, list->held[i]);
        free(list->held[i]);
    }
    list->held_count = 0;
    list->streaming = true;
}

void wb_list_cell(struct wb_list *list, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t column = list->at;
    list->at = (list->at + 1) % list->count;
    if (list->streaming) {
        print_cell(list, column, text);
        return;
    }
    size_t width = shown_width(text);
    /* One that is longer stands out in its own row; the others are not padded to it. */
    if (width > list->widths[column] && width <= WIDTH_MOST)
        list->widths[column] = width;
    list->held[list->held_count++] = wb_xstrdup(text);
    if (list->held_count == ROWS_HELD * list->count)
        print_held(list);
}

void wb_list_end(struct wb_list **list)
{
    if (!*list)
        return;
    if ((*list)->cli->output == WB_OUT_JSON)
        (void)printf("%s]}\n", (*list)->objects ? "\n" : "");
    else if (!wb_list_is_json(*list) && !(*list)->streaming)
        print_held(*list);
    (void)fflush(stdout);
    free((*list)->held);
    free(*list);
    *list = NULL;
}

/* ---- documents ---- */

static void print_value(const json_t *value, int depth);

static bool is_flat(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

static void print_flat(const json_t *value)
{
    if (json_is_string(value))
        (void)printf("%s", json_string_value(value));
    else if (json_is_null(value))
        (void)printf("-");
    else if (json_is_integer(value))
        (void)printf("%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)printf("%.3f", json_real_value(value));
    else
        (void)printf("%s", json_is_true(value) ? "yes" : "no");
}

static void print_object(const json_t *object, int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool empty = (json_is_array(value) && json_array_size(value) == 0) ||
                     (json_is_object(value) && json_object_size(value) == 0);
        (void)printf("%*s%s:", depth * 2, "", key);
        if (is_flat(value) || empty) {
            (void)printf("%*s", (int)(strlen(key) < 18 ? 18 - strlen(key) : 1), "");
            if (empty)
                (void)printf("-");
            else
                print_flat(value);
            (void)printf("\n");
            continue;
        }
        (void)printf("\n");
        print_value(value, depth + 1);
    }
}

static void print_value(const json_t *value, int depth)
{
    if (depth > DEPTH_MOST)
        return;
    if (json_is_object(value)) {
        print_object(value, depth);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (is_flat(item)) {
            (void)printf("%*s", depth * 2, "");
            print_flat(item);
            (void)printf("\n");
        } else {
            (void)printf("%s", i ? "\n" : "");
            print_value(item, depth);
        }
    }
}

void wb_out_document(const struct wb_cli *cli, json_t *document)
{
    json_t *owned WB_AUTO(wb_json_free) = document;
    if (!wb_out_is_json(cli)) {
        print_value(owned, 0);
        (void)fflush(stdout);
        return;
    }
    json_t *whole WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(whole, "schema", schema_name);
    (void)json_object_update(whole, owned);
    (void)wb_json_write(stdout, whole, cli->output == WB_OUT_JSON ? 2 : 0);
    (void)fflush(stdout);
}

void wb_out_done(const struct wb_cli *cli, const char *verb, const char *name, const char *fmt, ...)
{
    va_list args;
    if (wb_out_is_json(cli)) {
        json_t *document = json_object();
        wb_json_set_str(document, "done", verb);
        wb_json_set_str(document, "name", name);
        (void)json_object_set_new(document, "dry_run", json_boolean(cli->dry_run));
        wb_out_document(cli, document);
        return;
    }
    if (cli->quiet)
        return;
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)printf("%s\n", cli->dry_run ? " (dry run, nothing was changed)" : "");
}

void wb_out_set_path(const struct wb_cli *cli, json_t *object, struct wb_span path)
{
    char shown[SHOWN_MAX];
    if (wb_out_is_json(cli))
        wb_json_set_bytes(object, "path", path);
    else
        wb_json_set_str(object, "path", wb_path_show(path, shown, sizeof(shown)));
}

void wb_out_note_special(int64_t count, const char *first)
{
    char text[64];
    (void)fprintf(
        stderr, "waybill: %s passed over (\"%s\"%s): devices, sockets and fifos are never copied\n",
        wb_out_counted(count, "special file is", "special files are", text), first,
        count > 1 ? ", …" : "");
}

/* ---- words ---- */

const char *wb_out_time(int64_t wall_ms, int64_t now_ms, char out[32])
{
    struct tm then;
    struct tm today;
    time_t seconds = (time_t)(wall_ms / 1000);
    time_t now = (time_t)(now_ms / 1000);
    if (wall_ms <= 0 || !localtime_r(&seconds, &then) || !localtime_r(&now, &today)) {
        (void)snprintf(out, 32, "-");
        return out;
    }
    bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    if (strftime(out, 32, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then) == 0)
        out[0] = 0;
    return out;
}

const char *wb_out_age(int64_t ms, char out[32])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t at = 0;
    while (at < 3 && ms < 2 * units[at].ms)
        at++;
    (void)snprintf(out, 32, "%lld%c", (long long)(ms > 0 ? ms / units[at].ms : 0), units[at].unit);
    return out;
}

const char *wb_out_count(int64_t number, char out[32])
{
    char digits[24];
    size_t at = 0;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

const char *wb_out_counted(int64_t number, const char *one, const char *many, char out[64])
{
    char text[32];
    (void)snprintf(out, 64, "%s %s", wb_out_count(number, text), number == 1 ? one : many);
    return out;
}
