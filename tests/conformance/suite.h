/* One suite for every backend: what store.h promises, on the real thing.
 *
 * backends.c has the table of backends, cases_*.c the cases, each written against store.h alone. A
 * case says what it needs: of the store's capabilities, and of what the suite itself can do behind
 * the store's back. Where one is lacking the case is skipped and says which: never passed. */
#ifndef WB_TESTS_CONFORMANCE_SUITE_H
#define WB_TESTS_CONFORMANCE_SUITE_H

#include "tests/check.h"

#include "core/base/config.h"
#include "core/base/path.h"
#include "core/store/store.h"

enum { WB_CONF_KIB = 1024, WB_CONF_MIB = 1024 * 1024, WB_CONF_OPTIONS_MOST = 8 };

/* What a case may need; one row each in needs.c gives its name. */
enum wb_conf_need {
    WB_CONF_WRITES = 1 << 0, /* capabilities of the store */
    WB_CONF_RANDOM = 1 << 1,
    WB_CONF_ATOMIC = 1 << 2,
    WB_CONF_CONDITIONAL = 1 << 3,
    WB_CONF_LISTS = 1 << 4,
    WB_CONF_SYMLINKS = 1 << 5,
    WB_CONF_MODES = 1 << 6,
    WB_CONF_MTIMES = 1 << 7,
    WB_CONF_SPARSE = 1 << 8,
    WB_CONF_FOLDER = 1 << 9, /* of the suite: the node's root is a folder here */
    WB_CONF_AWAY = 1 << 10,  /* its root can be taken away */
    WB_CONF_ANOTHER = 1 << 11,
    WB_CONF_SPECIAL = 1 << 12, /* a fifo and a link out of the root can be put there */
    WB_CONF_DISK = 1 << 13,    /* a small disk can be mounted there */
    WB_CONF_SECRET = 1 << 14,  /* it asks for a secret */
    WB_CONF_NETWORK = 1 << 15, /* it has an address */
    WB_CONF_NEED_COUNT = 16
};

struct wb_conf;

struct wb_conf_backend {
    const char *name;
    const char *service; /* of compose/services; NULL: none is needed */
    const char *about;
    const char *scheme;
    unsigned can;                        /* needs of the suite that it can meet */
    void (*begin)(struct wb_conf *conf); /* an empty node: sets root, url, options, secret */
    void (*end)(struct wb_conf *conf);   /* takes it away */
    void (*set_away)(struct wb_conf *conf, bool away);
    void (*set_another)(struct wb_conf *conf, bool another); /* an empty root takes its place */
    void (*make_special)(struct wb_conf *conf);              /* a fifo called `fifo` */
    void (*make_way_out)(struct wb_conf *conf);              /* a link `way` to a folder outside */
    void (*unmake_way_out)(struct wb_conf *conf); /* fails when anything got into that folder */
};

struct wb_conf_case {
    const char *name;
    void (*run)(struct wb_conf *conf);
    unsigned needs;
    int64_t number; /* what rows of one function differ in */
    const char *text;
};

struct wb_conf_group {
    const struct wb_conf_case *cases;
    size_t count;
};

/* What a case works with: a node of its own, opened. */
struct wb_conf {
    const struct wb_conf_backend *backend;
    const struct wb_conf_case *test;
    struct wb_config *config;
    struct wb_store *store;
    char root[256]; /* the folder that is the node's root, or mem's name of it; "" when neither */
    char url[512];
    const char *options[2 * WB_CONF_OPTIONS_MOST + 1];
    char secret[64];
};

/* ---- backends.c ---- */

extern const struct wb_conf_backend wb_conf_backends[];
extern const size_t wb_conf_backend_count;

/* Opens the node once more, ready to be written to; the caller closes. Fails the test when it
 * cannot. */
struct wb_store *wb_conf_open(const struct wb_conf *conf);

/* ---- needs.c ---- */

/* Those of `needs` that this store and the suite cannot meet. */
unsigned wb_conf_lacking(const struct wb_conf *conf, unsigned needs);
/* `random writes`, …; static. */
const char *wb_conf_need_name(unsigned need);

/* ---- cases_*.c ---- */

extern const struct wb_conf_group wb_conf_sizes;
extern const struct wb_conf_group wb_conf_publishes;
extern const struct wb_conf_group wb_conf_ends;
extern const struct wb_conf_group wb_conf_ranges;
extern const struct wb_conf_group wb_conf_names;
extern const struct wb_conf_group wb_conf_listings;
extern const struct wb_conf_group wb_conf_reads;
extern const struct wb_conf_group wb_conf_threads;
extern const struct wb_conf_group wb_conf_faults;

/* ---- limits.c: what a node takes as a name, measured ---- */

struct wb_conf_limits {
    char bytes[256];  /* those that a name cannot hold, as text; "" when it can hold all */
    int32_t part;     /* bytes of the longest part */
    int32_t path;     /* bytes of the longest path */
    bool cases;       /* names that differ only in case are two */
    bool forms;       /* so are the composed and the decomposed form */
    bool ends;        /* names may end in dots and spaces */
    int64_t grain_ns; /* of the time that is kept; 0: none is */
};

/* Fails the test where a name is neither taken as it is nor refused as such. */
void wb_conf_measure(struct wb_conf *conf, struct wb_conf_limits *ret);
/* Publishes a file under this name, finds it there by all ways, and removes it: true; or it is
 * refused, the node's fault being that name's: false. Anything else fails the test. */
bool wb_conf_takes(struct wb_conf *conf, struct wb_span path);

/* ---- table.c ---- */

/* Writes docs/BACKENDS.md to stdout: every backend's capabilities and limits, and the cases that do
 * not apply to it. Returns an exit code. */
int wb_conf_table(const struct wb_conf_group *const *groups, size_t count);

/* ---- suite.c: what cases do again and again; each fails the test when it cannot ---- */

/* Skips the test, telling why. */
#define wb_conf_skip(...)                  \
    do {                                   \
        print_message("does not apply: "); \
        print_message(__VA_ARGS__);        \
        print_message("\n");               \
        skip();                            \
    } while (0)

/* Stages these bytes and gives the tag (WB_TAG_MAX). */
void wb_conf_stage(struct wb_store *store, const char *instance, const char *text, char *ret_tag);
void wb_conf_stage_as(struct wb_store *store, const char *instance, struct wb_span bytes,
                      const struct wb_meta *meta, char *ret_tag);
enum wb_rc wb_conf_publish(struct wb_store *store, const char *instance, const char *tag,
                           struct wb_span path, struct wb_err *err);
enum wb_rc wb_conf_publish_to(struct wb_store *store, const char *instance, const char *tag,
                              const char *path, struct wb_err *err);
/* Stages and publishes; `ret_tag` may be NULL. */
void wb_conf_put(struct wb_store *store, const char *path, const char *text, char *ret_tag);
void wb_conf_check_text(struct wb_store *store, const char *path, const char *text);
void wb_conf_check_absent(struct wb_store *store, enum wb_place place, const char *name);

/* Bytes that follow from the seed and their place in the file: what is missing, moved or of another
 * file is seen. */
void wb_conf_fill(uint64_t seed, int64_t offset, uint8_t *bytes, size_t len);
bool wb_conf_is_filled(uint64_t seed, int64_t offset, const uint8_t *bytes, size_t len);
/* Writes [offset, offset + length) of such a file in blocks of `block` bytes. */
enum wb_rc wb_conf_write(struct wb_file *file, uint64_t seed, int64_t offset, int64_t length,
                         size_t block, struct wb_err *err) WB_MUST_USE;
/* Stages a whole file in order; `declared` as for wb_store_create. */
void wb_conf_stage_filled(struct wb_store *store, const char *instance, uint64_t seed, int64_t size,
                          int64_t declared, char *ret_tag);
/* Makes an instance that others may write ranges of. */
void wb_conf_open_ranges(struct wb_store *store, const char *instance, int64_t size);
/* What is there has this size and these bytes. */
void wb_conf_check_filled(struct wb_store *store, enum wb_place place, const char *name,
                          uint64_t seed, int64_t size, size_t block);

#endif
