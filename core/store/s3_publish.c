/* Publishing: a copy at the server, from the very object that was proved, onto a name that holds
 * what was looked at before. What is proved and published is the same object by its ETag; where the
 * server honours no conditions on the target, the name is looked at again afterwards. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/path.h"
#include "core/store/s3_parts.h"

enum { ID_LEN = 32, GROUP_ARENA = S3_GROUP * 4 * S3_ARENA_BYTES };

enum step {
    STEP_LOOK, /* not decided yet */
    STEP_GO,   /* to be copied */
    STEP_DONE, /* it is under its name */
    STEP_FAILED
};

struct pub {
    struct wb_publish *item;
    enum step step;
    bool sealed;      /* ranges with a seal; else one object */
    const char *etag; /* of the proved object, or of its seal; NULL: the tag is none of ours */
    const char *key;  /* final */
    const char *staged;
    const char *condition; /* on what is under the final name; "" none */
};

struct group {
    struct s3_store *store;
    struct wb_arena *arena;
    struct pub pubs[S3_GROUP];
    size_t count;
};

static void fail(struct pub *pub)
{
    char shown[300];
    pub->step = STEP_FAILED;
    pub->item->rc = WB_ERROR;
    (void)wb_err_prefix(&pub->item->err, "cannot publish \"%s\"",
                        wb_path_show(pub->item->path, shown, sizeof(shown)));
}

static enum wb_rc neither(const struct pub *pub, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_NOT_FOUND, "instance \"%s\" is neither staged nor published",
                      pub->item->instance);
}

static enum wb_rc not_proved(const struct pub *pub, struct wb_err *err)
{
    return wb_err_set(err, WB_CAT_CORRUPT, "instance \"%s\" is not the one that was proved",
                      pub->item->instance);
}

/* ---- many at once ---- */

/* Sends a request for each that is at `step`, and gives each reply to `take`. */
static void for_each(struct group *group, enum step step, bool sealed_too,
                     void (*ask_of)(struct group *group, struct pub *pub, struct s3_ask *ret),
                     void (*take)(struct group *group, struct pub *pub, struct wb_http_call *call))
{
    struct s3_ask asks[S3_GROUP];
    struct pub *who[S3_GROUP];
    size_t count = 0;
    struct wb_http_call *calls = wb_xcalloc(S3_GROUP, sizeof(*calls));
    for (size_t i = 0; i < group->count; i++) {
        struct pub *pub = &group->pubs[i];
        if (pub->step != step || (pub->sealed && !sealed_too))
            continue;
        ask_of(group, pub, &asks[count]);
        who[count++] = pub;
    }
    if (count)
        wb_s3_send_group(group->store, asks, calls, count);
    for (size_t i = 0; i < count; i++) {
        take(group, who[i], &calls[i]);
        wb_http_reply_free(&calls[i].reply);
    }
    free(calls);
}

/* ---- what is under the final names ---- */

static void ask_final(struct group *group, struct pub *pub, struct s3_ask *ret)
{
    (void)group;
    *ret = (struct s3_ask){.method = "HEAD", .key = pub->key};
}

static bool has_tag(const struct wb_stat *there, const char *tag)
{
    return tag && strcmp(there->tag, tag) == 0;
}

/* False with an error; `ret_there` tells whether there is one. */
static bool final_of(struct group *group, struct wb_http_call *call, struct wb_stat *ret,
                     bool *ret_there, struct wb_err *err)
{
    *ret_there = false;
    if (call->rc != WB_OK) {
        *err = call->err;
        return false;
    }
    if (call->reply.status == 404)
        return true;
    if (!wb_http_is_ok(&call->reply)) {
        (void)wb_s3_error(group->store, &call->reply, "the target cannot be looked at", err);
        return false;
    }
    *ret_there = true;
    return wb_s3_stat_of(&call->reply, call->reply.length, ret, err) == WB_OK;
}

static void decide(struct group *group, struct pub *pub, struct wb_http_call *call)
{
    bool there;
    struct wb_stat stat;
    char etag[S3_ETAG_MAX + 1];
    struct wb_err *err = &pub->item->err;
    if (!final_of(group, call, &stat, &there, err)) {
        fail(pub);
    } else if (there && has_tag(&stat, pub->item->tag)) {
        pub->step = STEP_DONE;
    } else if (there && pub->item->keep && !has_tag(&stat, pub->item->replaces)) {
        (void)wb_store_not_ours(err);
        fail(pub);
    } else if (there && wb_s3_etag(&call->reply, etag, err) != WB_OK) {
        fail(pub);
    } else {
        pub->step = STEP_GO;
        pub->condition =
            there ? wb_arena_printf(group->arena, "If-Match: \"%s\"", etag) : "If-None-Match: *";
    }
}

/* ---- one that did not go as expected ---- */

static enum wb_rc staged_state(struct group *group, struct pub *pub, struct wb_err *err)
{
    enum s3_form form;
    struct wb_stat stat;
    if (wb_s3_head_staged(group->store, pub->item->instance, &stat, &form, err) != WB_OK)
        return wb_s3_is_missing(err) ? neither(pub, err) : WB_ERROR;
    return has_tag(&stat, pub->item->tag) ? WB_OK : not_proved(pub, err);
}

/* A condition did not hold, or something is not there. Another worker may have published it; the
 * instance may be gone or another one; or another file came under the name. */
static void resolve(struct group *group, struct pub *pub)
{
    struct wb_stat stat;
    struct wb_err *err = &pub->item->err;
    enum wb_rc rc = wb_s3_head(group->store, pub->key, &stat, NULL, err);
    if (rc == WB_OK && has_tag(&stat, pub->item->tag)) {
        pub->step = STEP_DONE;
        return;
    }
    if (rc != WB_OK && !wb_s3_is_missing(err)) {
        fail(pub);
        return;
    }
    if (staged_state(group, pub, err) == WB_OK) {
        if (pub->item->keep)
            (void)wb_store_not_ours(err);
        else
            (void)wb_err_set(err, WB_CAT_CHANGED, "another file came under the name meanwhile");
    } else if (wb_s3_is_missing(err)) {
        (void)!wb_s3_confirm_missing(group->store, err);
    }
    fail(pub);
}

static bool is_unexpected(const struct wb_err *err)
{
    return wb_s3_is_missing(err) || err->category == WB_CAT_CHANGED ||
           strcmp(err->code, "HTTP 412") == 0;
}

static void went_wrong(struct group *group, struct pub *pub, const struct wb_err *err)
{
    pub->item->err = *err;
    if (is_unexpected(err))
        resolve(group, pub);
    else
        fail(pub);
}

/* ---- instances of one object ---- */

static void copy_headers(struct group *group, struct pub *pub, struct s3_headers *headers)
{
    const struct s3_store *store = group->store;
    wb_s3_header(headers, "x-amz-copy-source: %s",
                 wb_s3_copy_source(store, pub->staged, group->arena));
    wb_s3_header(headers, "x-amz-copy-source-if-match: \"%s\"", pub->etag);
    if (store->traits.copy_conditions)
        wb_s3_header(headers, "%s", pub->condition);
    if (*store->storage_class)
        wb_s3_header(headers, "x-amz-storage-class: %s", store->storage_class);
}

static void copy_ask(struct s3_headers *headers, const struct pub *pub, struct s3_ask *ret)
{
    *ret = (struct s3_ask){.method = "PUT",
                           .key = pub->key,
                           .headers = headers->lines,
                           .patience_ms = S3_COPY_PATIENCE_MS};
}

/* The copy has all that the staged object has. */
static void ask_copy(struct group *group, struct pub *pub, struct s3_ask *ret)
{
    struct s3_headers *headers = wb_arena_alloc(group->arena, sizeof(*headers));
    headers->arena = group->arena;
    copy_headers(group, pub, headers);
    copy_ask(headers, pub, ret);
}

static void copied(struct group *group, struct pub *pub, struct wb_http_call *call)
{
    struct wb_err err;
    char etag[S3_ETAG_MAX + 1];
    if (call->rc != WB_OK) {
        went_wrong(group, pub, &call->err);
        return;
    }
    if (wb_s3_parse_copied(group->store, &call->reply, "CopyObjectResult", "the copy failed", etag,
                           &err) != WB_OK) {
        went_wrong(group, pub, &err);
        return;
    }
    pub->step = STEP_DONE;
}

/* Where a copy changes the ETag or loses metadata, it is given anew, and with it the tag. */
static void copy_anew(struct group *group, struct pub *pub)
{
    struct wb_stat stat;
    struct s3_ask ask;
    struct wb_http_call call = {.rc = WB_ERROR};
    struct wb_http_reply staged WB_AUTO(wb_http_reply_free) = {0};
    struct s3_headers headers = {.arena = group->arena};
    if (wb_s3_head(group->store, pub->staged, &stat, &staged, &call.err) != WB_OK) {
        went_wrong(group, pub, &call.err);
        return;
    }
    if (!has_tag(&stat, pub->item->tag)) {
        (void)not_proved(pub, &pub->item->err);
        fail(pub);
        return;
    }
    copy_headers(group, pub, &headers);
    wb_s3_header(&headers, "x-amz-metadata-directive: REPLACE");
    wb_s3_header(&headers, S3_TAG ": %s", pub->item->tag);
    wb_s3_meta_again(&headers, &staged);
    copy_ask(&headers, pub, &ask);
    call.rc = wb_s3_send(group->store, &ask, &call.reply, &call.err);
    copied(group, pub, &call);
    wb_http_reply_free(&call.reply);
}

static void copy_all(struct group *group)
{
    if (group->store->traits.copy_keeps && group->store->traits.source_conditions) {
        for_each(group, STEP_GO, false, ask_copy, copied);
        return;
    }
    for (size_t i = 0; i < group->count; i++)
        if (group->pubs[i].step == STEP_GO && !group->pubs[i].sealed)
            copy_anew(group, &group->pubs[i]);
}

/* ---- afterwards ---- */

/* Without conditions another file may have come between; and a server may say yes and do nothing.
 */
static void look_again(struct group *group, struct pub *pub, struct wb_http_call *call)
{
    bool there;
    struct wb_stat stat;
    struct wb_err *err = &pub->item->err;
    if (!final_of(group, call, &stat, &there, err)) {
        fail(pub);
    } else if (!there || !has_tag(&stat, pub->item->tag)) {
        (void)wb_err_set(err, WB_CAT_CHANGED, "another file is under the name after the copy");
        fail(pub);
    }
}

/* What is published must not be published again: only when it is not staged any more is it done. */
static void remove_staged(struct group *group)
{
    struct wb_err err;
    const char *keys[S3_GROUP];
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct pub *pub = &group->pubs[i];
        if (pub->step != STEP_DONE)
            continue;
        if (!pub->sealed)
            keys[count++] = pub->staged;
        else if (wb_s3_discard(&group->store->base, pub->item->instance, &pub->item->err) != WB_OK)
            fail(pub);
    }
    if (wb_s3_delete_keys(group->store, keys, count, &err) == WB_OK)
        return;
    for (size_t i = 0; i < group->count; i++) {
        struct pub *pub = &group->pubs[i];
        if (pub->step == STEP_DONE && !pub->sealed) {
            pub->item->err = err;
            fail(pub);
        }
    }
}

/* ---- a group ---- */

/* `<id>+<etag>` of one object, `<id>=<etag>` of a seal. */
static void tag_read(struct pub *pub)
{
    char id[ID_LEN + 1];
    const char *tag = pub->item->tag ? pub->item->tag : "";
    wb_s3_instance_id(pub->item->instance, id);
    bool ours = strncmp(tag, id, ID_LEN) == 0 && (tag[ID_LEN] == '+' || tag[ID_LEN] == '=');
    pub->etag = ours ? tag + ID_LEN + 1 : NULL;
    pub->sealed = ours && tag[ID_LEN] == '=';
}

static void begin(struct group *group, struct pub *pub, struct wb_publish *item)
{
    *pub = (struct pub){.item = item, .step = STEP_LOOK, .condition = ""};
    item->rc = WB_OK;
    tag_read(pub);
    if (wb_s3_staged_key(group->store, item->instance, NULL, group->arena, &pub->staged,
                         &item->err) != WB_OK ||
        wb_s3_final_key(group->store, item->path, group->arena, &pub->key, &item->err) != WB_OK)
        fail(pub);
}

static void assemble_all(struct group *group)
{
    struct wb_err err;
    for (size_t i = 0; i < group->count; i++) {
        struct pub *pub = &group->pubs[i];
        if (pub->step != STEP_GO)
            continue;
        if (!pub->etag) {
            /* No instance of ours has such a tag. */
            if (staged_state(group, pub, &pub->item->err) == WB_OK)
                (void)not_proved(pub, &pub->item->err);
            fail(pub);
        } else if (pub->sealed) {
            if (wb_s3_assemble(group->store, pub->item->instance, pub->etag, pub->item->tag,
                               pub->key, pub->condition, &err) == WB_OK)
                pub->step = STEP_DONE;
            else
                went_wrong(group, pub, &err);
        }
    }
}

static void publish_group(struct s3_store *store, struct wb_publish *items, size_t count)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(GROUP_ARENA);
    struct group *group = wb_arena_alloc(arena, sizeof(*group));
    group->store = store;
    group->arena = arena;
    group->count = count;
    for (size_t i = 0; i < count; i++)
        begin(group, &group->pubs[i], &items[i]);
    for_each(group, STEP_LOOK, true, ask_final, decide);
    assemble_all(group);
    copy_all(group);
    if (!store->traits.copy_conditions || !store->traits.copy_keeps)
        for_each(group, STEP_DONE, true, ask_final, look_again);
    remove_staged(group);
}

enum wb_rc wb_s3_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                         struct wb_err *err)
{
    struct s3_store *store = s3_of(base);
    if (wb_s3_probe(store, err) != WB_OK)
        return WB_ERROR;
    for (size_t at = 0; at < count; at += S3_GROUP)
        publish_group(store, items + at, count - at < S3_GROUP ? count - at : S3_GROUP);
    return WB_OK;
}
