/* Data on stdout: tables, documents and lists in the form that -o asks for. */
#ifndef WB_CLI_OUT_H
#define WB_CLI_OUT_H

#include "cli/cli.h"

struct wb_column {
    const char *title;
    bool right; /* numbers */
    bool wide;  /* shown with -o wide only */
};

/* A list of things: aligned columns for people (widths from the first rows, so that memory is
 * bounded however long it is), `{"schema": …, "<noun>": […]}` for -o json, one object a line for
 * ndjson, the first column alone for name. */
struct wb_list;

/* `columns` and `noun` are borrowed. Never NULL. */
struct wb_list *wb_list_new(const struct wb_cli *cli, const char *noun,
                            const struct wb_column *columns, size_t count);
/* True: give each row by wb_list_object, else cell by cell, all columns. */
bool wb_list_is_json(const struct wb_list *list);
void wb_list_object(struct wb_list *list, json_t *object); /* takes over */
void wb_list_cell(struct wb_list *list, const char *fmt, ...) WB_PRINTF(2, 3);
/* Prints what is left and ends; fits WB_AUTO. */
void wb_list_end(struct wb_list **list);

/* -o json or ndjson. */
bool wb_out_is_json(const struct wb_cli *cli);

/* One document: `schema` is added. As JSON, or for people as indented `name: value` lines. Takes
 * over. */
void wb_out_document(const struct wb_cli *cli, json_t *document);

/* What a mutating command did: `<text>` for people (nothing with -q), or a document with the fields
 * `done`, `dry_run` and `name`. */
void wb_out_done(const struct wb_cli *cli, const char *verb, const char *name, const char *fmt, ...)
    WB_PRINTF(4, 5);

/* Says on stderr that devices, sockets and fifos were passed over; `first` is the name of one. */
void wb_out_note_special(int64_t count, const char *first);

/* `path` as bytes for JSON (path or path_b64), escaped text for people. */
void wb_out_set_path(const struct wb_cli *cli, json_t *object, struct wb_span path);

/* Local `HH:MM:SS` today, else `YYYY-MM-DD HH:MM`; "-" for 0. `out` holds 32 bytes. */
const char *wb_out_time(int64_t wall_ms, int64_t now_ms, char out[32]);

/* How long since, as coarse as people say it: 50s, 5m, 3h, 2d. */
const char *wb_out_age(int64_t ms, char out[32]);

/* 81,204. `out` holds 32 bytes. */
const char *wb_out_count(int64_t number, char out[32]);
/* "1 copy", "81,204 copies". `out` holds 64 bytes. */
const char *wb_out_counted(int64_t number, const char *one, const char *many, char out[64]);

#endif
