/* Publishing, a batch at a time: each step is taken for all items that have got so far, several
 * requests on their way at once.
 *
 * 1. The staged files are looked at: what is not the one that was proved goes no further; what is
 *    gone may have been published before.
 * 2. The final names are looked at, where it matters what is there.
 * 3. Where the server would delete first what is replaced, that is moved away into the staging
 * area.
 * 4. The files are moved. Only a rename replaces anything.
 * 5. The final names are looked at: they must have what was moved. What was moved away is deleted,
 *    or put back if the file is still not there. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/dav_parts.h"

enum { TRIES_MOST = 8 };

enum step {
    LOOK,    /* at the staged file */
    RECALL,  /* it is gone: whether it was published before */
    WEIGH,   /* what has the final name */
    CLEAR,   /* that has to go out of the way */
    MOVE,    /* the name is free, or is replaced */
    CONFIRM, /* what has the final name now */
    DONE,
};

struct move {
    struct wb_publish *item;
    enum step step;
    bool replaces; /* by the MOVE itself */
    bool was_anew; /* folders were made anew for it */
    int tries;     /* in which others were at the name at the same time */
    const char *from;
    const char *to;
    const char *away; /* where to the former file was moved; NULL: it was not */
    char former[WB_TAG_MAX];
};

struct batch {
    struct dav_store *store;
    struct wb_arena *arena;
    struct move *moves;
    size_t count;
    struct wb_http_call *calls;
    struct move **owners; /* of the calls */
    size_t call_count;
};

static void fail(struct move *move)
{
    move->item->rc = WB_ERROR;
    move->step = DONE;
}

static void succeed(struct move *move)
{
    move->item->rc = WB_OK;
    move->step = DONE;
}

/* ---- requests of a step ---- */

static struct wb_http_call *add_call(struct batch *batch, struct move *move)
{
    struct wb_http_call *call = &batch->calls[batch->call_count];
    batch->owners[batch->call_count++] = move;
    call->rc = WB_ERROR;
    call->err = (struct wb_err){0};
    return call;
}

static void add_head(struct batch *batch, struct move *move, const char *path)
{
    add_call(batch, move)->request = (struct wb_http_request){.method = "HEAD", .path = path};
}

static void add_move(struct batch *batch, struct move *move, const char *from, const char *to,
                     bool overwrite)
{
    const char **headers = wb_arena_alloc(batch->arena, 3 * sizeof(*headers));
    headers[0] = wb_dav_destination(batch->store, batch->arena, to);
    headers[1] = overwrite ? "Overwrite: T" : "Overwrite: F";
    add_call(batch, move)->request =
        (struct wb_http_request){.method = "MOVE", .path = from, .headers = headers};
}

static void run(struct batch *batch,
                void (*take)(struct batch *batch, struct move *move, struct wb_http_call *call))
{
    size_t count = batch->call_count;
    batch->call_count = 0;
    wb_http_send_all(batch->store->http, batch->calls, count);
    for (size_t i = 0; i < count; i++) {
        struct move *move = batch->owners[i];
        if (batch->calls[i].rc == WB_OK) {
            take(batch, move, &batch->calls[i]);
        } else {
            move->item->err = batch->calls[i].err;
            fail(move);
        }
    }
}

/* What a HEAD of the path said; asked in another way where that was not clear. */
static enum wb_rc stat_taken(struct batch *batch, const struct wb_http_call *call,
                             struct wb_stat *ret, struct wb_err *err)
{
    if (wb_dav_stat_head(&call->reply, ret, err) == WB_OK)
        return WB_OK;
    if (err->category != WB_CAT_UNSUPPORTED || err->code[0])
        return WB_ERROR;
    return wb_dav_stat_path(batch->store, call->request.path, ret, err);
}

static bool is_file(const struct wb_stat *stat, const char *tag)
{
    return stat->version.kind == WB_FILE_REGULAR && strcmp(stat->tag, tag) == 0;
}

/* ---- 1: the staged files ---- */

static void take_staged(struct batch *batch, struct move *move, struct wb_http_call *call)
{
    struct wb_stat stat;
    struct wb_err *err = &move->item->err;
    bool weighs = move->item->keep || batch->store->powers.deletes_first;
    if (stat_taken(batch, call, &stat, err) != WB_OK) {
        move->step = RECALL;
        if (err->category != WB_CAT_NOT_FOUND)
            fail(move);
    } else if (!is_file(&stat, move->item->tag)) {
        (void)wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                         move->item->instance);
        fail(move);
    } else {
        move->replaces = !weighs;
        move->step = weighs ? WEIGH : MOVE;
    }
}

static void look_at_staged(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->moves[i].step == LOOK)
            add_head(batch, &batch->moves[i], batch->moves[i].from);
    run(batch, take_staged);
}

/* ---- 2: the final names ---- */

static void recall(struct move *move, const struct wb_stat *stat)
{
    if (stat && is_file(stat, move->item->tag)) {
        succeed(move);
        return;
    }
    (void)wb_err_set(&move->item->err, WB_CAT_NOT_FOUND,
                     "instance \"%s\" is neither staged nor published", move->item->instance);
    fail(move);
}

static void weigh(struct move *move, const struct wb_stat *stat, bool deletes_first)
{
    const struct wb_publish *item = move->item;
    struct wb_err *err = &move->item->err;
    bool ours = stat && item->replaces && *item->replaces && is_file(stat, item->replaces);
    move->step = MOVE;
    if (!stat)
        return;
    if (is_file(stat, item->tag)) { /* another call has published it since */
        succeed(move);
        return;
    }
    if (stat->version.kind != WB_FILE_REGULAR) {
        (void)wb_err_set(err, WB_CAT_CONFLICT, "a folder stands where the file should be");
        fail(move);
    } else if (item->keep && !ours) {
        (void)wb_store_not_ours(err);
        fail(move);
    } else if (deletes_first) {
        memcpy(move->former, stat->tag, WB_TAG_MAX);
        move->step = CLEAR;
    } else {
        move->replaces = true;
    }
}

static void take_final(struct batch *batch, struct move *move, struct wb_http_call *call)
{
    struct wb_stat stat;
    struct wb_err *err = &move->item->err;
    bool found = stat_taken(batch, call, &stat, err) == WB_OK;
    if (!found && err->category != WB_CAT_NOT_FOUND)
        fail(move);
    else if (move->step == RECALL)
        recall(move, found ? &stat : NULL);
    else
        weigh(move, found ? &stat : NULL, batch->store->powers.deletes_first);
}

static void look_at_final(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->moves[i].step == WEIGH || batch->moves[i].step == RECALL)
            add_head(batch, &batch->moves[i], batch->moves[i].to);
    run(batch, take_final);
}

/* ---- 3: out of the way ---- */

static const char *away_name(struct batch *batch)
{
    return wb_arena_printf(batch->arena, "/" WB_STAGING_DIR "/away.%016llx%016llx",
                           (unsigned long long)wb_random_u64(),
                           (unsigned long long)wb_random_u64());
}

/* A folder may have taken the file's place since, and all of it was moved: it goes back. */
static bool is_former(struct batch *batch, struct move *move)
{
    struct wb_stat stat;
    struct wb_err *err = &move->item->err;
    if (wb_dav_stat_path(batch->store, move->away, &stat, err) != WB_OK)
        return false;
    if (is_file(&stat, move->former))
        return true;
    (void)wb_err_set(err, WB_CAT_CONFLICT, "another file came meanwhile");
    return false;
}

/* Others are at the name at the same time: what has it now is weighed anew, a few times. */
static bool tries_again(struct move *move)
{
    move->step = WEIGH;
    return ++move->tries < TRIES_MOST;
}

static void take_cleared(struct batch *batch, struct move *move, struct wb_http_call *call)
{
    struct wb_err *err = &move->item->err;
    move->step = MOVE;
    if (!wb_http_is_ok(&call->reply)) {
        move->away = NULL;
        (void)wb_http_error(&call->reply, err, "cannot move the former file away");
        if (err->category == WB_CAT_DENIED || !tries_again(move))
            fail(move);
    } else if (!is_former(batch, move)) {
        fail(move);
    }
}

static void clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct move *move = &batch->moves[i];
        if (move->step != CLEAR)
            continue;
        move->away = away_name(batch);
        add_move(batch, move, move->to, move->away, false);
    }
    run(batch, take_cleared);
}

/* ---- 4: moving ---- */

static void refused(struct move *move, const struct wb_http_reply *reply)
{
    struct wb_err *err = &move->item->err;
    if (reply->status == 412 && move->item->keep) {
        (void)wb_store_not_ours(err);
    } else if (reply->status == 412) {
        (void)wb_err_set(err, WB_CAT_CONFLICT, "another file came meanwhile");
    } else {
        (void)wb_http_error(reply, err, "cannot move it to the final name");
        /* A file where a folder should be, or the other way round: it may go away again. */
        if (reply->status >= 400 && reply->status != 401 && reply->status < 500 &&
            err->category != WB_CAT_THROTTLED)
            err->category = WB_CAT_CONFLICT;
        err->retryable = true;
    }
}

/* A refusal counts only if the file is not there in spite of it: the answer before may have been
 * lost. Whether it is is seen with the others. */
static void take_moved(struct batch *batch, struct move *move, struct wb_http_call *call)
{
    const struct wb_http_reply *reply = &call->reply;
    bool lacks_folder = !wb_http_is_ok(reply) && reply->status != 412 && !move->was_anew &&
                        !batch->store->powers.moves_make_folders;
    if (lacks_folder) {
        move->was_anew = true;
        return;
    }
    if (reply->status == 412 && !move->item->keep) {
        struct wb_err ignored;
        /* What was cleared is older than what has the name now. */
        if (move->away)
            (void)!wb_dav_delete(batch->store, move->away, &ignored);
        move->away = NULL;
        if (tries_again(move))
            return;
    }
    move->item->rc = wb_http_is_ok(reply) && reply->status != 207 ? WB_OK : WB_ERROR;
    if (move->item->rc != WB_OK)
        refused(move, reply);
    move->step = CONFIRM;
}

static void make_folders(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct move *move = &batch->moves[i];
        if (move->step != MOVE)
            continue;
        if (wb_dav_folders(batch->store, move->to, move->was_anew, &move->item->err) == WB_OK)
            continue;
        /* A file stands where a folder should be: it may go away again. */
        if (move->item->err.category == WB_CAT_NOT_FOUND ||
            strcmp(move->item->err.code, "HTTP 400") == 0)
            move->item->err.category = WB_CAT_CONFLICT;
        move->item->err.retryable = true;
        fail(move);
    }
}

static void move_once(struct batch *batch)
{
    if (!batch->store->powers.moves_make_folders)
        make_folders(batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct move *move = &batch->moves[i];
        if (move->step == MOVE)
            add_move(batch, &batch->moves[i], move->from, move->to, move->replaces);
    }
    run(batch, take_moved);
}

/* ---- 5: looking back ---- */

/* Another publisher may have it out of the way at this moment, to put its own there. */
static enum wb_rc look_again(struct batch *batch, const struct move *move, struct wb_stat *ret,
                             struct wb_err *err)
{
    enum { TRIES = 10, WAIT_NS = 20 * 1000 * 1000 };
    enum wb_rc rc = WB_ERROR;
    for (int i = 0; i < TRIES && rc != WB_OK && err->category == WB_CAT_NOT_FOUND; i++) {
        wb_clock_sleep_ns(WAIT_NS);
        rc = wb_dav_stat_path(batch->store, move->to, ret, err);
    }
    return rc;
}

static void take_confirmed(struct batch *batch, struct move *move, struct wb_http_call *call)
{
    struct wb_stat stat;
    struct wb_err looked;
    struct wb_err ignored;
    enum wb_rc rc = stat_taken(batch, call, &stat, &looked);
    if (rc != WB_OK && move->item->rc == WB_OK && batch->store->powers.deletes_first)
        rc = look_again(batch, move, &stat, &looked);
    bool there = rc == WB_OK && is_file(&stat, move->item->tag);
    /* Somebody may have published another one since. */
    bool replaced = rc == WB_OK && move->item->rc == WB_OK &&
                    stat.version.kind == WB_FILE_REGULAR &&
                    wb_dav_is_absent(batch->store, move->from, &ignored);
    if (there || replaced) {
        succeed(move);
        return;
    }
    if (move->item->rc == WB_OK && rc != WB_OK && looked.category != WB_CAT_NOT_FOUND)
        move->item->err = looked;
    else if (move->item->rc == WB_OK)
        (void)wb_http_bad_reply(&move->item->err,
                                "the server says that it moved the file, but it is not there");
    fail(move);
}

static void confirm(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->moves[i].step == CONFIRM)
            add_head(batch, &batch->moves[i], batch->moves[i].to);
    run(batch, take_confirmed);
}

/* What cannot be put back because the name is taken is older than what has it. */
static void settle_away(struct batch *batch)
{
    struct wb_err ignored;
    for (size_t i = 0; i < batch->count; i++) {
        const struct move *move = &batch->moves[i];
        struct wb_http_reply reply WB_AUTO(wb_http_reply_free) = {0};
        if (!move->away)
            continue;
        bool back =
            move->item->rc != WB_OK &&
            wb_dav_move(batch->store, move->away, move->to, false, &reply, &ignored) == WB_OK &&
            wb_http_is_ok(&reply);
        if (move->item->rc == WB_OK || (!back && reply.status == 412))
            (void)!wb_dav_delete(batch->store, move->away, &ignored);
    }
}

static bool same_folder(const char *one, const char *other)
{
    const char *slash = strrchr(one, '/');
    size_t len = slash ? (size_t)(slash - one) + 1 : 0;
    return strncmp(one, other, len) == 0 && !strchr(other + len, '/');
}

/* Items of one folder mostly stand together. */
static void drop_folders(struct batch *batch)
{
    const char *last = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        const struct wb_publish *item = batch->moves[i].item;
        if (item->rc != WB_OK || (last && same_folder(last, item->instance)))
            continue;
        wb_dav_drop_folder(batch->store, item->instance);
        last = item->instance;
    }
}

/* ---- all of it ---- */

static bool is_going_on(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->moves[i].step != CONFIRM && batch->moves[i].step != DONE)
            return true;
    return false;
}

static void batch_begin(struct batch *batch, struct wb_publish *items)
{
    size_t count = batch->count;
    batch->moves = wb_arena_alloc(batch->arena, (count + 1) * sizeof(*batch->moves));
    batch->owners = wb_arena_alloc(batch->arena, (count + 1) * sizeof(*batch->owners));
    batch->calls = wb_xcalloc(count + 1, sizeof(*batch->calls));
    for (size_t i = 0; i < count; i++) {
        struct move *move = &batch->moves[i];
        *move = (struct move){.item = &items[i], .step = LOOK};
        move->from =
            wb_dav_path(batch->arena, WB_PLACE_STAGED, wb_span_str(items[i].instance), false);
        move->to = wb_dav_path(batch->arena, WB_PLACE_FINAL, items[i].path, false);
        if (wb_dav_instance_check(items[i].instance, &items[i].err) != WB_OK ||
            wb_path_check(items[i].path, &items[i].err) != WB_OK)
            fail(move);
    }
}

static void batch_end(struct batch *batch)
{
    char shown[DAV_SHOWN_MAX];
    for (size_t i = 0; i < batch->count; i++) {
        struct wb_publish *item = batch->moves[i].item;
        wb_http_reply_free(&batch->calls[i].reply);
        if (item->rc != WB_OK)
            (void)wb_err_prefix(&item->err, "cannot publish \"%s\"",
                                wb_path_show(item->path, shown, sizeof(shown)));
    }
    free(batch->calls);
}

enum wb_rc wb_dav_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                          struct wb_err *err)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) =
        wb_arena_new(DAV_PATHS_MAX + count * 8 * WB_PATH_MAX);
    struct batch batch = {.store = dav_of(base), .arena = arena, .count = count};
    if (wb_dav_prepare(base, err) != WB_OK ||
        wb_dav_root(batch.store, wb_clock_mono_ns(), err) != WB_OK)
        return WB_ERROR;
    batch_begin(&batch, items);
    look_at_staged(&batch);
    while (is_going_on(&batch)) {
        look_at_final(&batch);
        clear(&batch);
        move_once(&batch);
    }
    confirm(&batch);
    settle_away(&batch);
    drop_folders(&batch);
    batch_end(&batch);
    return WB_OK;
}
