#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/out.h"
#include "cli/render.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/stage/stores.h"
#include "core/wire/codec.h"
#include "producer/put.h"

enum {
    SHOWN_MAX = 8192,
    EVENT_ARENA = 64 * 1024 * 1024,
    LINE_MOST = WB_RECORD_MAX,
    FLUSH_MS = 60000,
    REDRAW_MS = 250,
    EXIT_FAILED = 3,
    EXIT_NOTHING = 9,
    EXIT_SIGINT = 130,
    EXIT_SIGTERM = 143
};

struct put {
    struct wb_cli *cli;
    struct wb_registry *registry;
    struct wb_publisher *publisher;
    struct wb_follow *follow; /* NULL: not waited for */
    struct wb_store *store;
    char node[64];
    bool deleted;   /* --deleted */
    bool recursive; /* -r */
    int64_t line;   /* of standard input; 0: none */
    int64_t sent;
    int64_t bytes;
    int64_t failed;
    int64_t special; /* met in folders: never copied */
    char first_special[SHOWN_MAX];
    int64_t redraw_ms;
    bool drawn;
};

/* ---- progress of the publishing itself ---- */

static void wipe(struct put *put)
{
    if (put->drawn)
        (void)fputs("\r\033[K", stderr);
    put->drawn = false;
}

static void draw(struct put *put)
{
    char text[64];
    char size[16];
    int64_t now_ms = wb_clock_mono_ms();
    if (!put->cli->progress || put->cli->dry_run || now_ms < put->redraw_ms ||
        !isatty(STDERR_FILENO))
        return;
    put->redraw_ms = now_ms + REDRAW_MS;
    put->drawn = true;
    wb_size_format(put->bytes, size);
    (void)fprintf(stderr, "\r%s (%s) sent\033[K",
                  wb_out_counted(put->sent, "event", "events", text), size);
}

/* ---- one file ---- */

static void tell_json(const struct put *put, const char *type, const char *node,
                      struct wb_span path, json_t *error)
{
    json_t *line WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(line, "type", type);
    if (put->line)
        wb_json_set_int(line, "line", put->line);
    if (*node)
        wb_json_set_str(line, "node", node);
    if (path.len)
        wb_out_set_path(put->cli, line, path);
    if (error)
        (void)json_object_set_new(line, "error", error);
    (void)wb_json_write(stdout, line, 0);
}

/* `path` empty: what failed has no name. */
static void tell_failed(struct put *put, const char *node, struct wb_span path,
                        const struct wb_err *why)
{
    char shown[SHOWN_MAX];
    char text[WB_ERR_TEXT_MAX + 128];
    put->failed++;
    wipe(put);
    if (wb_out_is_json(put->cli))
        tell_json(put, "error", node, path, wb_render_error(why));
    wb_err_format(why, text, sizeof(text));
    (void)fputs("waybill: ", stderr);
    if (put->line)
        (void)fprintf(stderr, "line %lld: ", (long long)put->line);
    if (path.len)
        (void)fprintf(stderr, "cannot publish %s:%s: ", node,
                      wb_path_show(path, shown, sizeof(shown)));
    (void)fprintf(stderr, "%s\n", text);
}

static void tell_planned(const struct put *put, const struct wb_file_event *event)
{
    char shown[SHOWN_MAX];
    if (wb_out_is_json(put->cli))
        tell_json(put, "file", event->node, event->path, NULL);
    else if (!put->cli->quiet)
        (void)printf("%s %s:%s\n", wb_event_kind_name(event->kind), event->node,
                     wb_path_show(event->path, shown, sizeof(shown)));
}

/* A bad name costs that file only; anything else is the log's trouble and ends the command. */
static enum wb_rc send(struct put *put, const struct wb_file_event *event, struct wb_err *err)
{
    struct wb_err why;
    if (wb_name_check(event->node, &why) != WB_OK || wb_path_check(event->path, &why) != WB_OK) {
        tell_failed(put, event->node, event->path, &why);
        return WB_OK;
    }
    put->sent++;
    draw(put);
    if (event->size_bytes > 0)
        put->bytes += event->size_bytes;
    if (put->cli->dry_run) {
        tell_planned(put, event);
        return WB_OK;
    }
    return wb_publisher_send(put->publisher, event, err);
}

static enum wb_rc send_seen(struct put *put, struct wb_span path, const struct wb_stat *stat,
                            struct wb_err *err)
{
    struct wb_err why;
    if (stat->version.kind == WB_FILE_SPECIAL) {
        (void)wb_err_at(&why, WB_SCOPE_SOURCE, "list", WB_CAT_UNSUPPORTED,
                        "a device, socket or fifo is never copied");
        tell_failed(put, put->node, path, &why);
        return WB_OK;
    }
    const struct wb_file_event event = wb_event_written(put->node, path, stat);
    return send(put, &event, err);
}

static enum wb_rc visit(void *arg, struct wb_span path, const struct wb_stat *stat,
                        const struct wb_err *problem, struct wb_err *err)
{
    struct put *put = arg;
    if (!problem && stat->version.kind == WB_FILE_SPECIAL) {
        if (put->special++ == 0)
            (void)wb_path_show(path, put->first_special, sizeof(put->first_special));
        return WB_OK;
    }
    if (!problem)
        return send_seen(put, path, stat, err);
    tell_failed(put, put->node, path, problem);
    return WB_OK;
}

static enum wb_rc put_name(struct put *put, struct wb_span path, struct wb_err *err)
{
    struct wb_stat stat;
    struct wb_err why;
    if (put->deleted) {
        const struct wb_file_event event = wb_event_deleted(put->node, path);
        return send(put, &event, err);
    }
    if (wb_path_check(path, &why) != WB_OK ||
        wb_store_stat(put->store, WB_PLACE_FINAL, path, &stat, &why) != WB_OK) {
        tell_failed(put, put->node, path, &why);
        return WB_OK;
    }
    if (stat.version.kind != WB_FILE_DIRECTORY)
        return send_seen(put, path, &stat, err);
    if (put->recursive)
        return wb_store_list(put->store, path, visit, put, err);
    (void)wb_err_set(&why, WB_CAT_USAGE, "a folder; -r publishes what is below it");
    tell_failed(put, put->node, path, &why);
    return WB_OK;
}

/* ---- words ---- */

static enum wb_rc open_node(struct put *put, const char *word, struct wb_span *ret_path,
                            struct wb_err *err)
{
    wb_store_close(&put->store);
    if (wb_path_split(word, put->node, ret_path, err) != WB_OK ||
        (ret_path->len && wb_path_check(*ret_path, err) != WB_OK))
        return WB_ERROR;
    return wb_stores_open_node(put->cli->config, put->registry, put->node, &put->store, err);
}

/* What a word means; errors are the word's own. */
static enum wb_rc resolve(struct put *put, const char *word, struct wb_span *ret_path,
                          struct wb_stat *ret_stat, struct wb_err *err)
{
    *ret_stat = (struct wb_stat){.version = {.kind = WB_FILE_DIRECTORY}};
    if (open_node(put, word, ret_path, err) != WB_OK)
        return WB_ERROR;
    if (put->deleted && ret_path->len)
        return WB_OK;
    if (ret_path->len &&
        wb_store_stat(put->store, WB_PLACE_FINAL, *ret_path, ret_stat, err) != WB_OK) {
        if (err->category == WB_CAT_NOT_FOUND)
            return wb_err_set(err, WB_CAT_NOT_FOUND,
                              "no file \"%s\"; --deleted publishes that it is gone", word);
        return wb_err_prefix(err, "\"%s\"", word);
    }
    if (ret_stat->version.kind == WB_FILE_DIRECTORY && !put->recursive)
        return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is a folder; -r publishes what is below it",
                          word);
    return WB_OK;
}

/* A word that means nothing does not stop the others; alone it is the command's error. */
static enum wb_rc put_word(struct put *put, const char *word, struct wb_err *err)
{
    struct wb_span path;
    struct wb_stat stat;
    struct wb_err why;
    if (resolve(put, word, &path, &stat, &why) != WB_OK) {
        if (put->cli->word_count > 1) {
            tell_failed(put, "", wb_span_of(NULL, 0), &why);
            return WB_OK;
        }
        *err = why;
        return WB_ERROR;
    }
    if (put->deleted && path.len)
        return put_name(put, path, err);
    if (stat.version.kind != WB_FILE_DIRECTORY)
        return send_seen(put, path, &stat, err);
    return wb_store_list(put->store, path, visit, put, err);
}

/* ---- standard input ---- */

static enum wb_rc put_json(struct put *put, struct wb_span line, struct wb_err *err)
{
    struct wb_err why;
    struct wb_node *node;
    struct wb_file_event *event;
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(EVENT_ARENA);
    if (wb_event_json_check(line, &why) == WB_OK &&
        wb_event_from_json(line, arena, &event, &why) == WB_OK &&
        wb_registry_node(put->registry, event->node, arena, &node, &why) == WB_OK)
        return send(put, event, err);
    tell_failed(put, "", wb_span_of(NULL, 0), &why);
    return WB_OK;
}

/* Any byte may begin a name, so with -0 and a node all are names. */
static enum wb_rc put_line(struct put *put, struct wb_span line, int end, struct wb_err *err)
{
    struct wb_err why;
    bool names_only = put->store && end == 0;
    if (line.len == 0)
        return WB_OK;
    if (line.data[0] == '{' && !names_only)
        return put_json(put, line, err);
    if (put->store)
        return put_name(put, line, err);
    (void)wb_err_set(&why, WB_CAT_USAGE, "a name needs its node: put NODE: --stdin");
    tell_failed(put, "", wb_span_of(NULL, 0), &why);
    return WB_OK;
}

/* Without its end. False at the end of the input; a line past the bound is cut, and `ret_long`. */
static bool read_line(int end, struct wb_buf *line, bool *ret_long)
{
    struct wb_err full;
    int byte;
    wb_buf_clear(line);
    *ret_long = false;
    while ((byte = getc_unlocked(stdin)) != EOF && byte != end) {
        const uint8_t one = (uint8_t)byte;
        *ret_long = *ret_long || wb_buf_append(line, wb_span_of(&one, 1), &full) != WB_OK;
    }
    return byte != EOF || line->len > 0;
}

static enum wb_rc put_lines(struct put *put, int end, struct wb_err *err)
{
    bool too_long;
    struct wb_err why;
    struct wb_buf line WB_AUTO(wb_buf_free) = wb_buf_make(LINE_MOST);
    (void)wb_err_set(&why, WB_CAT_LIMIT, "longer than %d bytes", LINE_MOST);
    for (put->line = 1; read_line(end, &line, &too_long); put->line++) {
        if (too_long)
            tell_failed(put, "", wb_span_of(NULL, 0), &why);
        else if (put_line(put, wb_buf_span(&line), end, err) != WB_OK)
            return WB_ERROR;
    }
    put->line = 0;
    return ferror(stdin) ? wb_err_errno(err, errno, "cannot read standard input") : WB_OK;
}

static enum wb_rc put_stdin(struct put *put, struct wb_err *err)
{
    struct wb_span prefix;
    if (put->cli->word_count > 0 && open_node(put, put->cli->words[0], &prefix, err) != WB_OK)
        return WB_ERROR;
    if (put->cli->word_count > 0 && prefix.len)
        return wb_err_set(err, WB_CAT_USAGE, "with --stdin give the node alone: \"%s:\"",
                          put->node);
    return put_lines(put, wb_cli_flag(put->cli, "null") ? 0 : '\n', err);
}

/* ---- the whole ---- */

static void on_sent(void *arg, const struct wb_file_event *event, int64_t offset)
{
    struct put *put = arg;
    if (put->follow)
        wb_follow_expect(put->follow, event->kind, event->node, event->path, event->size_bytes,
                         offset);
}

static enum wb_rc begin(struct put *put, struct wb_err *err)
{
    if (wb_registry_new(put->cli->config, &put->registry, err) != WB_OK)
        return WB_ERROR;
    if (put->cli->dry_run)
        return WB_OK;
    if (wb_publisher_new(put->cli->config, on_sent, put, &put->publisher, err) != WB_OK)
        return WB_ERROR;
    if (!wb_cli_flag(put->cli, "wait"))
        return WB_OK;
    return wb_follow_new(put->cli, put->registry, &put->follow, err);
}

static enum wb_rc publish_all(struct put *put, struct wb_err *err)
{
    if (wb_cli_flag(put->cli, "stdin")) {
        if (put_stdin(put, err) != WB_OK)
            return WB_ERROR;
    } else {
        for (size_t i = 0; i < put->cli->word_count; i++)
            if (put_word(put, put->cli->words[i], err) != WB_OK)
                return WB_ERROR;
    }
    return put->publisher ? wb_publisher_flush(put->publisher, FLUSH_MS, err) : WB_OK;
}

static const struct wb_follow_counts *counts_of(const struct put *put)
{
    static const struct wb_follow_counts none = {0};
    return put->follow ? wb_follow_counts(put->follow) : &none;
}

static void summary_json(const struct put *put)
{
    const struct wb_follow_counts *counts = counts_of(put);
    json_t *line WB_AUTO(wb_json_free) = json_object();
    wb_json_set_str(line, "type", "summary");
    wb_json_set_str(line, "schema", "waybill/v1");
    wb_json_set_int(line, "published", put->sent);
    wb_json_set_int(line, "failed", put->failed);
    wb_json_set_int(line, "special", put->special);
    wb_json_set_int(line, "copies", counts->expected);
    wb_json_set_int(line, "verified", counts->verified);
    wb_json_set_int(line, "superseded", counts->superseded);
    wb_json_set_int(line, "deleted", counts->deleted);
    wb_json_set_int(line, "dead", counts->dead);
    wb_json_set_int(line, "unmatched", counts->unmatched);
    wb_json_set_int(line, "ignored", counts->ignored);
    wb_json_set_int(line, "bytes", counts->bytes);
    (void)wb_json_write(stdout, line, 0);
}

static void summary_text(const struct put *put, int64_t begin_ms)
{
    char text[64];
    char size[16];
    char time[16];
    const struct wb_follow_counts *counts = counts_of(put);
    wb_size_format(put->bytes, size);
    wb_duration_format(wb_clock_mono_ms() - begin_ms, time);
    (void)fprintf(stderr, "waybill: %s (%s) %s", wb_out_counted(put->sent, "event", "events", text),
                  size, put->cli->dry_run ? "would be published" : "published");
    if (put->failed)
        (void)fprintf(stderr, ", %s failed", wb_out_count(put->failed, text));
    if (put->follow)
        (void)fprintf(stderr, "; %s verified, %lld superseded, %lld deleted, %lld dead",
                      wb_out_counted(counts->verified, "copy", "copies", text),
                      (long long)counts->superseded, (long long)counts->deleted,
                      (long long)counts->dead);
    (void)fprintf(stderr, " in %s\n", time);
    if (counts->unmatched)
        (void)fprintf(stderr, "waybill: %s no rule and %s nowhere; see `waybill rule test`\n",
                      wb_out_counted(counts->unmatched, "file matches", "files match", text),
                      counts->unmatched == 1 ? "goes" : "go");
    if (put->special)
        wb_out_note_special(put->special, put->first_special);
    if (counts->ignored)
        (void)fprintf(stderr, "waybill: %s ignored by %s rules; see `rule set --deletes`\n",
                      wb_out_counted(counts->ignored, "delete is", "deletes are", text),
                      counts->ignored == 1 ? "its" : "their");
}

static int outcome(const struct put *put)
{
    if (put->failed || counts_of(put)->dead)
        return EXIT_FAILED;
    return put->sent == 0 && wb_cli_flag(put->cli, "fail-if-nothing") ? EXIT_NOTHING : 0;
}

static int failure(const struct put *put, const struct wb_err *err)
{
    bool waited = put->follow && err->category == WB_CAT_TIMEOUT && err->scope != WB_SCOPE_LOG;
    int code = wb_cli_fail_hint(put->cli, err,
                                waited ? "they go on without us; `waybill get jobs` tells what "
                                         "holds them up"
                                       : NULL);
    if (err->category != WB_CAT_CANCELLED)
        return code;
    return strcmp(err->code, "SIGTERM") == 0 ? EXIT_SIGTERM : EXIT_SIGINT;
}

static void put_free(struct put *put)
{
    wb_publisher_free(&put->publisher);
    wb_follow_free(&put->follow);
    wb_store_close(&put->store);
    wb_registry_free(&put->registry);
}

static int run_put(struct wb_cli *cli)
{
    struct wb_err err;
    int64_t begin_ms = wb_clock_mono_ms();
    struct put put WB_AUTO(put_free) = {.cli = cli};
    put.deleted = wb_cli_flag(cli, "deleted");
    put.recursive = wb_cli_flag(cli, "recursive");
    bool from_stdin = wb_cli_flag(cli, "stdin");
    if (!from_stdin && cli->word_count == 0)
        return wb_cli_usage(cli, "nothing to publish; give NODE:PATH or --stdin");
    if (put.deleted && put.recursive)
        return wb_cli_usage(cli, "--deleted takes names; nothing is below a folder that is gone");
    if (from_stdin && cli->word_count > 1)
        return wb_cli_usage(cli, "with --stdin give one node");
    if (begin(&put, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    enum wb_rc rc = publish_all(&put, &err);
    wipe(&put);
    if (rc == WB_OK && put.follow)
        rc = wb_follow_run(put.follow, &err);
    if (rc != WB_OK && put.sent == 0)
        return wb_cli_fail(cli, &err);
    if (wb_out_is_json(cli))
        summary_json(&put);
    else if (!cli->quiet)
        summary_text(&put, begin_ms);
    return rc == WB_OK ? outcome(&put) : failure(&put, &err);
}

static const struct wb_flag flags[] = {
    {"recursive", 'r', NULL, "everything below folders"},
    {"stdin", 0, NULL, "read names of NODE: or JSON events, one a line"},
    {"null", '0', NULL, "with --stdin: names, ended by NUL, not newline"},
    {"deleted", 0, NULL, "publish that these files are gone"},
    {"wait", 0, NULL, "follow every event to its end on every target"},
    {"fail-if-nothing", 0, NULL, "exit code 9 when there was nothing to publish"},
    {NULL, 0, NULL, NULL},
};

const struct wb_command wb_cmd_put = {
    .name = "put",
    .words = "NODE:PATH...",
    .group = "publish",
    .summary = "publish that files were written or deleted",
    .help = "Sends one event a file; devices, sockets and fifos below a folder are passed over.\n"
            "What is already proved at the same version is not copied again. With --wait the exit\n"
            "code is 0 only when every copy is proved: 3 when some are dead or could not be\n"
            "published (each is told with its reason), 8 when --timeout came first.\n"
            "JSON events have the fields of a FileEvent: node, path or path_b64,\n"
            "kind, and id, time, size, mtime, etag, digest, mime, attributes where they are\n"
            "known; a line with another field, or of a node that is not there, is not sent.\n\n"
            "examples:\n"
            "  waybill put a: -r --wait\n"
            "  waybill put a:raw/x.bin a:raw/y.bin\n"
            "  find /srv/a -newer stamp -printf '%P\\0' | waybill put a: --stdin -0\n"
            "  echo '{\"kind\":\"written\",\"node\":\"a\",\"path\":\"x\"}' | waybill put --stdin\n",
    .least_words = 0,
    .most_words = 1000000,
    .flags = flags,
    .run = run_put,
};
