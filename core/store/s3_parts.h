/* What the files of the S3 backend share. */
#ifndef WB_STORE_S3_PARTS_H
#define WB_STORE_S3_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/store/crc64.h"
#include "core/store/http.h"
#include "core/store/s3.h"

enum {
    S3_KEY_MAX = 1024,
    S3_ETAG_MAX = 90,             /* a longer one would not fit into a tag */
    S3_UPLOAD_MAX = 1024,         /* of an upload's id */
    S3_PART_BYTES = 16 << 20,     /* in memory for each file that is written */
    S3_PARTS_MOST = 10000,        /* of an upload */
    S3_PAGE = 1000,               /* keys of a listing or a removal in one request */
    S3_LIST_MOST = 8 << 20,       /* bytes of a page of a listing */
    S3_GROUP = 64,                /* requests that are prepared together */
    S3_AT_ONCE = 16,              /* of those on their way */
    S3_ARENA_BYTES = 64 * 1024,   /* of one request: key, copy source, metadata */
    S3_COPY_PATIENCE_MS = 600000, /* a copy at the server says nothing until it is done */
};

#define S3_COPY_MOST (5LL << 30) /* bytes of one copy */
#define S3_META "x-amz-meta-"
#define S3_TAG S3_META "waybill-tag"
#define S3_SIZE S3_META "waybill-size"

enum s3_checksum { S3_SUM_NONE, S3_SUM_CRC64, S3_SUM_SHA256, S3_SUM_MD5 };

/* What the server was found to do. */
struct s3_traits {
    enum s3_checksum checksum; /* the first that it refuses when it is wrong */
    bool put_conditions;       /* If-Match and If-None-Match on PUT, */
    bool copy_conditions;      /* on a copy's target, */
    bool complete_conditions;  /* on the end of an upload, */
    bool delete_conditions;    /* and on DELETE */
    bool source_conditions;    /* x-amz-copy-source-if-match */
    bool copy_keeps;           /* a copy has the metadata and the ETag of its source */
    bool own_times; /* Last-Modified is when it was written, whatever the metadata says */
    bool part_copy;
    bool any_bytes; /* names that are no UTF-8 */
    bool controls;  /* names with bytes below 0x20 */
    bool backslash; /* names with a backslash */
};

struct s3_store {
    struct wb_store base;
    struct wb_http *http;
    char *bucket;
    char *prefix; /* "" or "…/" */
    char *host;   /* as the header says it */
    char *region;
    char *key_id; /* "": requests are not signed */
    char *key_secret;
    char *token;         /* "": none */
    char *storage_class; /* "": the bucket's */
    bool path_style;
    struct wb_crc64 crc64;
    pthread_mutex_t marking; /* one makes the marker at a time */
    pthread_mutex_t lock;    /* one tries out the server at a time */
    atomic_bool probed;
    struct s3_traits traits; /* stays as it is once `probed` */
};

static inline struct s3_store *s3_of(struct wb_store *base)
{
    return (struct s3_store *)base;
}

/* ---- s3_options.c ---- */

/* Fills bucket, prefix, keys and the client. Errors as of wb_s3_new; what was set stays for
 * wb_s3_free_options. */
enum wb_rc wb_s3_set_options(struct s3_store *store, const char *rest, const char *const *options,
                             const char *secret, const struct wb_config *config,
                             struct wb_err *err) WB_MUST_USE;
void wb_s3_free_options(struct s3_store *store); /* wipes the keys */

/* ---- s3_request.c ---- */

/* One request. All is borrowed. */
struct s3_ask {
    const char *method;
    const char *key;            /* NULL: the bucket itself */
    const char *query;          /* encoded; NULL: none */
    const char *const *headers; /* `Name: value`, NULL-terminated; NULL: none */
    struct wb_span body;
    bool checksum;     /* the body is bytes of a file: as traits.checksum has it */
    bool md5;          /* the body is a list: the request demands its MD5 */
    size_t reply_most; /* 0: 64 KiB */
    int64_t patience_ms;
};

/* Headers put together: at most 16, each with a text or not at all. */
struct s3_headers {
    struct wb_arena *arena;
    const char *lines[24];
    size_t count;
};
void wb_s3_header(struct s3_headers *headers, const char *fmt, ...) WB_PRINTF(2, 3);

/* Signed and ready to be sent; lives in the arena. */
enum wb_rc wb_s3_prepare(const struct s3_store *store, const struct s3_ask *ask,
                         struct wb_arena *arena, struct wb_http_request *ret,
                         struct wb_err *err) WB_MUST_USE;
/* Sends one and gives its reply, whatever its status. A reply from elsewhere is an error. */
enum wb_rc wb_s3_send(struct s3_store *store, const struct s3_ask *ask, struct wb_http_reply *reply,
                      struct wb_err *err) WB_MUST_USE;
/* The same, with an error for every status but 2xx; `what` says what failed. */
enum wb_rc wb_s3_do(struct s3_store *store, const struct s3_ask *ask, const char *what,
                    struct wb_http_reply *reply, struct wb_err *err) WB_MUST_USE;
/* Opens a stream; NULL in `ret` with an error status. */
enum wb_rc wb_s3_open_stream(struct s3_store *store, const struct s3_ask *ask,
                             struct wb_http_stream **ret, struct wb_http_reply *reply,
                             struct wb_err *err) WB_MUST_USE;
/* The error that a reply stands for: by the code in its body, else by its status. Returns WB_ERROR.
 */
enum wb_rc wb_s3_error(const struct s3_store *store, const struct wb_http_reply *reply,
                       const char *what, struct wb_err *err);
/* True where the body of a reply of any status says that it is an error. */
bool wb_s3_is_error(const struct wb_http_reply *reply);
/* True for the error that there is no such object (not: no such bucket). */
bool wb_s3_is_missing(const struct wb_err *err);

/* Many requests of one group (at most S3_GROUP): each call gets its result, and a reply of any
 * status where rc is WB_OK. The caller frees the replies. */
void wb_s3_send_group(struct s3_store *store, const struct s3_ask *asks, struct wb_http_call *calls,
                      size_t count);

/* ---- s3_reply.c ---- */

struct s3_fault {
    char code[64];
    char message[200];
    char region[40]; /* where the bucket is, when it is not here */
};

/* False when the document is no <Error>. */
bool wb_s3_parse_error(struct wb_span body, struct s3_fault *ret);

/* The text of the child `name` of the outermost element `root` (NULL: any but an error). INVALID
 * when it is not there. */
enum wb_rc wb_s3_parse_field(struct wb_span body, const char *root, const char *name, char *ret,
                             size_t size, struct wb_err *err) WB_MUST_USE;
/* The ETag of a copy's result, without quotes. INVALID where there is none, or an error instead. */
enum wb_rc wb_s3_parse_copied(const struct s3_store *store, const struct wb_http_reply *reply,
                              const char *root, const char *what, char ret[S3_ETAG_MAX + 1],
                              struct wb_err *err) WB_MUST_USE;

struct s3_entry {
    struct wb_span key; /* within the bucket */
    const char *etag;   /* without quotes */
    const char *upload; /* its id, in a listing of uploads */
    int64_t size_bytes;
    int64_t modified_ms;
};

struct s3_page {
    struct wb_arena *arena; /* of the caller; holds the entries */
    struct s3_entry *entries;
    size_t count;
    bool more;
    const char *next;        /* where to go on, "" at the end; of uploads the key */
    const char *next_upload; /* of uploads */
};

/* A page of a listing of objects or of uploads. INVALID for anything that is none. */
enum wb_rc wb_s3_parse_page(struct wb_span body, struct s3_page *ret,
                            struct wb_err *err) WB_MUST_USE;
/* What was not removed of a removal of many: the first error, if any. */
enum wb_rc wb_s3_parse_removed(struct wb_span body, struct wb_err *err) WB_MUST_USE;

/* ---- s3_names.c ---- */

/* `<prefix><path>` in the arena, checked: INVALID for names that no key can have, or that this
 * server was found not to keep as they are. */
enum wb_rc wb_s3_final_key(struct s3_store *store, struct wb_span path, struct wb_arena *arena,
                           const char **ret, struct wb_err *err) WB_MUST_USE;
/* `<prefix>.waybill/<instance>[/part]`; `part` NULL or what it holds. INVALID for a bad instance.
 */
enum wb_rc wb_s3_staged_key(const struct s3_store *store, const char *instance, const char *part,
                            struct wb_arena *arena, const char **ret,
                            struct wb_err *err) WB_MUST_USE;
/* `<offset>` as a part's name; `ret` holds 24 bytes. */
void wb_s3_range_name(int64_t offset, char ret[24]);
/* The offset that a part's name says, -1 for others. */
int64_t wb_s3_range_offset(const char *name);
/* `/<bucket>/<key>` for x-amz-copy-source. */
const char *wb_s3_copy_source(const struct s3_store *store, const char *key, struct wb_arena *arena)
    __attribute__((returns_nonnull));
/* Instance's id in tags: short whatever the name. `ret` holds 33 bytes. */
void wb_s3_instance_id(const char *instance, char ret[33]);

/* The ETag of a reply without quotes. INVALID when there is none or it is too long. */
enum wb_rc wb_s3_etag(const struct wb_http_reply *reply, char ret[S3_ETAG_MAX + 1],
                      struct wb_err *err) WB_MUST_USE;
/* Copies an ETag without quotes; false when it is too long. */
bool wb_s3_etag_copy(const char *text, char ret[S3_ETAG_MAX + 1]);

/* What a reply to HEAD or GET says of an object of `size_bytes`. */
enum wb_rc wb_s3_stat_of(const struct wb_http_reply *reply, int64_t size_bytes, struct wb_stat *ret,
                         struct wb_err *err) WB_MUST_USE;

/* The headers of metadata: of a file that is staged (UNSUPPORTED where attributes are too many), or
 * those for the final name that a reply about what is staged has. */
enum wb_rc wb_s3_meta_headers(const struct s3_store *store, struct s3_headers *headers,
                              const struct wb_meta *meta, struct wb_err *err) WB_MUST_USE;
void wb_s3_meta_again(struct s3_headers *headers, const struct wb_http_reply *reply);

/* ---- s3_probe.c ---- */

/* Tries out once what the server does, in the staging area, and sets caps and traits. */
enum wb_rc wb_s3_probe(struct s3_store *store, struct wb_err *err) WB_MUST_USE;

/* ---- s3_look.c ---- */

/* HEAD of a key; `ret_reply` may be NULL. NOT_FOUND when there is none, or no bucket. */
enum wb_rc wb_s3_head(struct s3_store *store, const char *key, struct wb_stat *ret,
                      struct wb_http_reply *ret_reply, struct wb_err *err) WB_MUST_USE;
/* After NOT_FOUND: UNREACHABLE in its place when the bucket itself is not there. */
enum wb_rc wb_s3_confirm_missing(struct s3_store *store, struct wb_err *err);
/* The instance, in whichever form it is staged. NOT_FOUND when there is none. */
enum s3_form { S3_WHOLE, S3_OPEN, S3_SEALED };
enum wb_rc wb_s3_head_staged(struct s3_store *store, const char *instance, struct wb_stat *ret,
                             enum s3_form *ret_form, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_stat(struct wb_store *base, enum wb_place place, struct wb_span name,
                      struct wb_stat *ret, struct wb_err *err) WB_MUST_USE;

/* ---- s3_list.c ---- */

/* Calls for each key of a prefix, page by page; `arena` of a page is the callee's until it returns.
 */
typedef enum wb_rc s3_page_visit(void *arg, const struct s3_page *page, struct wb_err *err);
enum wb_rc wb_s3_each_page(struct s3_store *store, const char *prefix, bool uploads,
                           s3_page_visit *visit, void *arg, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_list(struct wb_store *base, struct wb_span prefix, wb_store_visit *visit,
                      void *arg, struct wb_err *err) WB_MUST_USE;

/* ---- s3_seal.c: the list of an instance's ranges ---- */

struct s3_range {
    int64_t offset;
    int64_t length;
    char etag[S3_ETAG_MAX + 1];
};

struct s3_ranges {
    struct s3_range *list;
    size_t count;
    int64_t size_bytes;
};
void wb_s3_ranges_free(struct s3_ranges *ranges); /* fits WB_AUTO */

/* As text, a line a range, and back. INVALID unless the ranges follow each other from 0 to the end.
 */
enum wb_rc wb_s3_ranges_format(const struct s3_ranges *ranges, struct wb_buf *ret,
                               struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_ranges_parse(struct wb_span text, struct s3_ranges *ret,
                              struct wb_err *err) WB_MUST_USE;
/* What is staged of an instance now. CORRUPT unless it is the whole of it, with the `tags` in their
 * order where there are any. */
enum wb_rc wb_s3_ranges_list(struct s3_store *store, const char *instance, int64_t size_bytes,
                             const char *const *tags, size_t count, struct s3_ranges *ret,
                             struct wb_err *err) WB_MUST_USE;
/* The seal of an instance, and the reply with its metadata. `etag`: what it must be; "" any. */
enum wb_rc wb_s3_seal_read(struct s3_store *store, const char *instance, const char *etag,
                           struct s3_ranges *ret, struct wb_http_reply *ret_reply,
                           struct wb_err *err) WB_MUST_USE;

/* ---- s3_read.c, s3_write.c ---- */

struct s3_file {
    struct wb_file base;
    bool writes;
};

/* The callbacks of store.h for files that are read. */
enum wb_rc wb_s3_open(struct wb_store *base, enum wb_place place, struct wb_span name, bool medium,
                      struct wb_file **ret, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_read_stat(struct wb_file *file, struct wb_stat *ret,
                           struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_read_bytes(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err) WB_MUST_USE;
/* The next window need not go beyond. */
void wb_s3_read_expect(struct wb_file *file, int64_t offset, int64_t length);
enum wb_rc wb_s3_read_xattrs(struct wb_file *file, struct wb_buf *xattrs,
                             struct wb_err *err) WB_MUST_USE;
void wb_s3_read_close(struct wb_file *file);

/* And for those that are written. */
enum wb_rc wb_s3_create(struct wb_store *base, const char *instance, enum wb_file_kind kind,
                        int64_t size_bytes, bool sparse, struct wb_file **ret,
                        struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_reopen(struct wb_store *base, const char *instance, struct wb_file **ret,
                        struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_write_stat(struct wb_file *file, struct wb_stat *ret,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_write_bytes(struct wb_file *file, int64_t offset, struct wb_span bytes,
                             struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_range_done(struct wb_file *file, int64_t offset, int64_t length, char *ret_tag,
                            struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_seal(struct wb_file *file, const struct wb_meta *meta,
                      const char *const *range_tags, size_t count, char *ret_tag,
                      struct wb_err *err) WB_MUST_USE;
void wb_s3_write_close(struct wb_file *file);

/* ---- s3_put.c: one object, in one request or in parts ---- */

struct s3_put;

/* `key` is copied. Nothing is sent yet. */
struct s3_put *wb_s3_put_new(struct s3_store *store, const char *key);
/* Gives up what was begun: parts that were sent are dropped as far as that works. Fits WB_AUTO. */
void wb_s3_put_free(struct s3_put **put);
enum wb_rc wb_s3_put_write(struct s3_put *put, struct wb_span bytes,
                           struct wb_err *err) WB_MUST_USE;
int64_t wb_s3_put_size(const struct s3_put *put);  /* written so far */
bool wb_s3_put_is_small(const struct s3_put *put); /* all of it is in memory still */
/* What is in memory, while _is_small. */
struct wb_span wb_s3_put_bytes(const struct s3_put *put);
/* Makes the object; `headers` (metadata, conditions; NULL none) only while it is small. CHANGED
 * with code PreconditionFailed when a condition did not hold. */
enum wb_rc wb_s3_put_finish(struct s3_put *put, const char *const *headers,
                            char ret_etag[S3_ETAG_MAX + 1], struct wb_err *err) WB_MUST_USE;

/* ---- s3_upload.c: uploads in parts ---- */

/* `headers`: metadata of the object to be, or NULL. */
enum wb_rc wb_s3_upload_begin(struct s3_store *store, const char *key, const char *const *headers,
                              char ret_upload[S3_UPLOAD_MAX + 1], struct wb_err *err) WB_MUST_USE;
/* `etags` in the order of the parts, 1 … count. `headers`: conditions, or NULL. */
enum wb_rc wb_s3_upload_end(struct s3_store *store, const char *key, const char *upload,
                            char (*etags)[S3_ETAG_MAX + 1], size_t count,
                            const char *const *headers, char ret_etag[S3_ETAG_MAX + 1],
                            struct wb_err *err) WB_MUST_USE;
/* Until the server knows it no more; WB_OK as well when it never did. */
enum wb_rc wb_s3_upload_abort(struct s3_store *store, const char *key, const char *upload,
                              struct wb_err *err) WB_MUST_USE;

/* ---- s3_publish.c, s3_assemble.c ---- */

/* Of store.h. */
enum wb_rc wb_s3_publish(struct wb_store *base, struct wb_publish *items, size_t count,
                         struct wb_err *err) WB_MUST_USE;

/* Makes the final object of a sealed instance of ranges. `condition`: a header line, or "".
 * NOT_FOUND when something of it is not staged any more. */
enum wb_rc wb_s3_assemble(struct s3_store *store, const char *instance, const char *seal_etag,
                          const char *tag, const char *key, const char *condition,
                          struct wb_err *err) WB_MUST_USE;

/* ---- s3_remove.c ---- */

/* Removes keys, several in a request; one that is not there is fine. */
enum wb_rc wb_s3_delete_keys(struct s3_store *store, const char *const *keys, size_t count,
                             struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_discard(struct wb_store *base, const char *instance,
                         struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_remove(struct wb_store *base, struct wb_span path, const char *tag,
                        const char *token, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_sweep(struct wb_store *base, int64_t age_ms, int64_t *ret_count,
                       struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_s3_marker(struct wb_store *base, bool make, char *ret,
                        struct wb_err *err) WB_MUST_USE;

#endif
