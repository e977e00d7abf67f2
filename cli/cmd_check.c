#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/compare.h"
#include "cli/out.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/stage/stores.h"

enum { SHOWN_MAX = 8192, JSON_MOST = 100000, EXIT_FAILED = 3, EXIT_DIFFERENT = 5 };

struct check {
    struct wb_cli *cli;
    FILE *combined;       /* NULL: none */
    json_t *files;        /* differences */
    struct wb_span whole; /* the source's prefix: the name where it is a single file */
    int64_t same;
    int64_t missing_on_target;
    int64_t missing_on_source;
    int64_t differ;
    int64_t errors;
    int64_t special; /* never copied: not compared */
    char first_special[SHOWN_MAX];
    bool drawn;        /* progress on stderr, which is a terminal */
    int64_t redraw_ms; /* not before */
};

enum { REDRAW_MS = 250 };

static int64_t total(const struct check *check)
{
    return check->same + check->missing_on_target + check->missing_on_source + check->differ +
           check->errors;
}

/* The total is not known before the end: a count, no percentage. */
static void draw(struct check *check)
{
    char text[64];
    int64_t now_ms = wb_clock_mono_ms();
    if (!check->drawn || now_ms < check->redraw_ms)
        return;
    check->redraw_ms = now_ms + REDRAW_MS;
    (void)fprintf(stderr, "\r%s compared\033[K",
                  wb_out_counted(total(check), "file", "files", text));
}

static void wipe(const struct check *check)
{
    if (check->drawn)
        (void)fputs("\r\033[K", stderr);
}

static void print_line(FILE *out, enum wb_compare_mark mark, struct wb_span path)
{
    char shown[SHOWN_MAX];
    (void)fprintf(out, "%c %s\n", (char)mark, wb_path_show(path, shown, sizeof(shown)));
}

static void count(struct check *check, enum wb_compare_mark mark)
{
    switch (mark) {
    case WB_COMPARE_SAME:
        check->same++;
        break;
    case WB_COMPARE_MISSING_TARGET:
        check->missing_on_target++;
        break;
    case WB_COMPARE_MISSING_SOURCE:
        check->missing_on_source++;
        break;
    case WB_COMPARE_DIFFER:
        check->differ++;
        break;
    case WB_COMPARE_ERROR:
        check->errors++;
        break;
    case WB_COMPARE_SPECIAL:
        break;
    }
}

static void add_json(const struct check *check, enum wb_compare_mark mark, struct wb_span path,
                     const char *why)
{
    char text[2] = {(char)mark, 0};
    if (json_array_size(check->files) >= JSON_MOST)
        return;
    json_t *object = json_object();
    wb_json_set_str(object, "mark", text);
    wb_json_set_bytes(object, "path", path);
    if (*why)
        wb_json_set_str(object, "reason", why);
    (void)json_array_append_new(check->files, object);
}

static enum wb_rc take(void *arg, enum wb_compare_mark mark, struct wb_span path, const char *why,
                       struct wb_err *err)
{
    struct check *check = arg;
    char shown[SHOWN_MAX];
    (void)err;
    if (path.len == 0)
        path = check->whole;
    if (mark == WB_COMPARE_SPECIAL) {
        if (check->special++ == 0)
            (void)wb_path_show(path, check->first_special, sizeof(check->first_special));
        return WB_OK;
    }
    count(check, mark);
    if (check->combined)
        print_line(check->combined, mark, path);
    if (mark == WB_COMPARE_SAME) {
        draw(check);
        return WB_OK;
    }
    wipe(check);
    if (wb_out_is_json(check->cli)) {
        add_json(check, mark, path, why);
        return WB_OK;
    }
    if (check->combined != stdout)
        print_line(stdout, mark, path);
    if (*why && !check->cli->quiet)
        (void)fprintf(stderr, "waybill: \"%s\": %s\n", wb_path_show(path, shown, sizeof(shown)),
                      why);
    return WB_OK;
}

/* ---- sides ---- */

struct side {
    char node[64];
    struct wb_store *store;
    struct wb_span prefix;
};

static void side_close(struct side *side)
{
    wb_store_close(&side->store);
}

static enum wb_rc side_open(const struct wb_cli *cli, struct wb_registry *registry,
                            const char *word, struct side *side, struct wb_err *err)
{
    if (wb_path_split(word, side->node, &side->prefix, err) != WB_OK ||
        (side->prefix.len && wb_path_check(side->prefix, err) != WB_OK))
        return WB_ERROR;
    return wb_stores_open_node(cli->config, registry, side->node, &side->store, err);
}

/* ---- the command ---- */

static void show_summary(const struct check *check)
{
    char text[4][32];
    char errors[64];
    if (check->cli->quiet)
        return;
    (void)fprintf(
        stderr,
        "waybill: %s same, %s missing on the target, %s missing on the source, %s "
        "differ, %s\n",
        wb_out_count(check->same, text[0]), wb_out_count(check->missing_on_target, text[1]),
        wb_out_count(check->missing_on_source, text[2]), wb_out_count(check->differ, text[3]),
        wb_out_counted(check->errors, "error", "errors", errors));
    if (check->special)
        wb_out_note_special(check->special, check->first_special);
}

static void show_json(struct check *check)
{
    json_t *document = json_object();
    int64_t differences = total(check) - check->same;
    wb_json_set_int(document, "same", check->same);
    wb_json_set_int(document, "missing_on_target", check->missing_on_target);
    wb_json_set_int(document, "missing_on_source", check->missing_on_source);
    wb_json_set_int(document, "differ", check->differ);
    wb_json_set_int(document, "errors", check->errors);
    wb_json_set_int(document, "special", check->special);
    (void)json_object_set_new(document, "truncated", json_boolean(differences > JSON_MOST));
    (void)json_object_set(document, "files", check->files);
    wb_out_document(check->cli, document);
}

static int outcome(const struct check *check)
{
    if (check->missing_on_target + check->missing_on_source + check->differ)
        return EXIT_DIFFERENT;
    return check->errors ? EXIT_FAILED : 0;
}

static void close_stream(FILE **stream)
{
    if (*stream && *stream != stdout)
        (void)fclose(*stream);
}

static enum wb_rc open_combined(const struct wb_cli *cli, FILE **ret, struct wb_err *err)
{
    const char *name = wb_cli_flag(cli, "combined");
    if (!name)
        return WB_OK;
    bool to_stdout = strcmp(name, "-") == 0;
    if (to_stdout && wb_out_is_json(cli))
        return wb_err_set(err, WB_CAT_USAGE, "--combined - and JSON both want standard output");
    *ret = to_stdout ? stdout : fopen(name, "we");
    if (*ret)
        return WB_OK;
    (void)wb_err_errno(err, errno, "--combined: cannot write \"%s\"", name);
    err->category = WB_CAT_USAGE;
    return WB_ERROR;
}

/* A full disk shows at the latest when the stream is flushed. */
static enum wb_rc finish_combined(FILE *combined, struct wb_err *err)
{
    if (combined && (fflush(combined) != 0 || ferror(combined)))
        return wb_err_errno(err, errno, "cannot write the combined list");
    return WB_OK;
}

static enum wb_rc compare(struct check *check, const struct side *source, const struct side *target,
                          struct wb_err *err)
{
    const char *scratch = getenv("TMPDIR");
    const struct wb_compare_side one = {source->store, source->prefix};
    const struct wb_compare_side other = {target->store, target->prefix};
    const struct wb_compare_options options = {
        .scratch_dir = scratch && *scratch ? scratch : "/var/tmp",
        .medium = wb_cli_flag(check->cli, "medium"),
        .deadline_ms = check->cli->timeout_ms ? wb_clock_mono_ms() + check->cli->timeout_ms : 0,
    };
    if (wb_compare_trees(&one, &other, &options, take, check, err) != WB_OK)
        return WB_ERROR;
    return finish_combined(check->combined, err);
}

static int run_check(struct wb_cli *cli)
{
    struct wb_err err;
    struct side source WB_AUTO(side_close) = {.store = NULL};
    struct side target WB_AUTO(side_close) = {.store = NULL};
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    FILE *combined WB_AUTO(close_stream) = NULL;
    json_t *files WB_AUTO(wb_json_free) = json_array();
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        side_open(cli, registry, cli->words[0], &source, &err) != WB_OK ||
        side_open(cli, registry, cli->words[1], &target, &err) != WB_OK ||
        open_combined(cli, &combined, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    struct check check = {.cli = cli, .combined = combined, .files = files, .whole = source.prefix};
    check.drawn = cli->progress && isatty(STDERR_FILENO) && combined != stdout;
    enum wb_rc rc = compare(&check, &source, &target, &err);
    wipe(&check);
    if (rc != WB_OK)
        return wb_cli_fail(cli, &err);
    if (wb_out_is_json(cli))
        show_json(&check);
    else
        show_summary(&check);
    return outcome(&check);
}

static const struct wb_flag flags[] = {
    {"combined", 0, "FILE", "a line for every file, same ones too; - is standard output"},
    {"medium", 0, NULL, "read from the medium, not the page cache"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_check = {
    .name = "check",
    .words = "SRC: DST:",
    .group = "repair",
    .summary = "compare two nodes by reading the bytes of both",
    .help =
        "Prints one line a difference: `+` missing on the target, `-` missing on the source,\n"
        "`*` differs, `!` error; with --combined `=` for same ones too. Bytes in names that\n"
        "are not printable UTF-8 are shown as \\xNN. Devices, sockets and fifos are never copied,\n"
        "and not compared. The log is never asked. Exit code 0 when all is the same, 5 for\n"
        "differences, 3 when files could not be read, 7 when a node cannot be reached.\n\n"
        "examples:\n"
        "  waybill check a: b:\n"
        "  waybill check a:raw b:raw --combined -\n"
        "  waybill check a: b: --json\n",
    .least_words = 2,
    .most_words = 2,
    .flags = flags,
    .run = run_check,
};
