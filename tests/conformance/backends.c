/* The backends: a row each. Those that are servers have been started by compose/services, whose
 * variables say where they are. */
#include "tests/conformance/suite.h"

#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/store/mem.h"

struct wb_store *wb_conf_open(const struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    check_ok(wb_store_open("t", conf->url, conf->options[0] ? conf->options : NULL, conf->secret,
                           conf->config, &store, &err));
    check_ok(wb_store_prepare(store, &err));
    return store;
}

/* ---- folders ---- */

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void folder_end(struct wb_conf *conf)
{
    if (conf->root[0])
        (void)nftw(conf->root, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

static void folder_make_special(struct wb_conf *conf)
{
    char place[300];
    (void)snprintf(place, sizeof(place), "%s/fifo", conf->root);
    assert_int_equal(mkfifo(place, 0600), 0);
}

static void folder_make_way_out(struct wb_conf *conf)
{
    char outside[300];
    char place[300];
    (void)snprintf(outside, sizeof(outside), "%s.out", conf->root);
    assert_int_equal(mkdir(outside, 0700), 0);
    (void)snprintf(place, sizeof(place), "%s/way", conf->root);
    assert_int_equal(symlink(outside, place), 0);
}

static void folder_unmake_way_out(struct wb_conf *conf)
{
    char outside[300];
    (void)snprintf(outside, sizeof(outside), "%s.out", conf->root);
    assert_int_equal(rmdir(outside), 0);
}

static void folder_set_away(struct wb_conf *conf, bool away)
{
    char moved[300];
    (void)snprintf(moved, sizeof(moved), "%s.moved", conf->root);
    assert_int_equal(rename(away ? conf->root : moved, away ? moved : conf->root), 0);
}

static void folder_set_another(struct wb_conf *conf, bool another)
{
    if (!another)
        assert_int_equal(rmdir(conf->root), 0); /* fails when anything got in */
    folder_set_away(conf, another);
    if (another)
        assert_int_equal(mkdir(conf->root, 0700), 0);
}

static void posix_begin(struct wb_conf *conf)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(conf->root, sizeof(conf->root), "%s/wb-conf-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(conf->root));
    (void)snprintf(conf->url, sizeof(conf->url), "file://%s", conf->root);
}

/* ---- memory ---- */

static void mem_begin(struct wb_conf *conf)
{
    (void)snprintf(conf->root, sizeof(conf->root), "conformance");
    (void)snprintf(conf->url, sizeof(conf->url), "mem://%s", conf->root);
}

static void mem_end(struct wb_conf *conf)
{
    (void)conf;
    wb_mem_reset();
}

static void mem_make_special(struct wb_conf *conf)
{
    wb_mem_put(conf->root, wb_span_str("fifo"), WB_FILE_SPECIAL, wb_span_of(NULL, 0), -1, false);
}

static void mem_make_way_out(struct wb_conf *conf)
{
    wb_mem_put(conf->root, wb_span_str("way"), WB_FILE_SYMLINK, wb_span_str("/outside"), -1, false);
}

static void mem_unmake_way_out(struct wb_conf *conf)
{
    (void)conf; /* there is no outside */
}

static void mem_set_away(struct wb_conf *conf, bool away)
{
    wb_mem_mount(conf->root, away ? WB_MEM_AWAY : WB_MEM_MOUNTED);
}

static void mem_set_another(struct wb_conf *conf, bool another)
{
    wb_mem_mount(conf->root, another ? WB_MEM_BARE : WB_MEM_MOUNTED);
}

/* ---- servers ---- */

/* WB_<service>_<what>; NULL when compose/services does not say. */
static const char *said(const struct wb_conf *conf, const char *what)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "WB_%s_%s", conf->backend->service, what);
    for (int i = 0; i < len; i++)
        name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    return getenv(name);
}

static const char *said_surely(const struct wb_conf *conf, const char *what)
{
    const char *value = said(conf, what);
    if (!value)
        fail_msg("no %s is known; eval \"$(compose/services start %s)\" first",
                 conf->backend->service, conf->backend->service);
    return value;
}

/* A name below what the service serves, made there where it is a folder here. */
static void server_begin(struct wb_conf *conf)
{
    char name[32];
    const char *url = said_surely(conf, "URL");
    const char *root = said(conf, "ROOT");
    const char *slash = url[strlen(url) - 1] == '/' ? "" : "/";
    (void)snprintf(name, sizeof(name), "t-%016llx", (unsigned long long)wb_random_u64());
    (void)snprintf(conf->url, sizeof(conf->url), "%s%s%s", url, slash, name);
    (void)snprintf(conf->secret, sizeof(conf->secret), "%s", conf->backend->service);
    if (root)
        (void)snprintf(conf->root, sizeof(conf->root), "%s/%s", root, name);
}

static void dav_begin(struct wb_conf *conf)
{
    server_begin(conf);
    assert_int_equal(mkdir(conf->root, 0777), 0);
    assert_int_equal(chmod(conf->root, 0777), 0);
}

static void s3_begin(struct wb_conf *conf)
{
    server_begin(conf);
    conf->options[0] = "endpoint";
    conf->options[1] = said_surely(conf, "ENDPOINT");
    conf->options[2] = "region";
    conf->options[3] = "us-east-1";
}

/* ---- the table; tests/run reads its names and services ---- */

#define FOLDER_HOOKS                                                                   \
    .end = folder_end, .set_away = folder_set_away, .set_another = folder_set_another, \
    .make_special = folder_make_special, .make_way_out = folder_make_way_out,          \
    .unmake_way_out = folder_unmake_way_out

#define SERVER (WB_CONF_SECRET | WB_CONF_NETWORK)

const struct wb_conf_backend wb_conf_backends[] = {
    {.name = "posix",
     .service = NULL,
     .about = "a file system",
     .scheme = "file",
     .can = WB_CONF_FOLDER | WB_CONF_AWAY | WB_CONF_ANOTHER | WB_CONF_SPECIAL | WB_CONF_DISK,
     .begin = posix_begin,
     FOLDER_HOOKS},
    {.name = "mem",
     .service = NULL,
     .about = "memory, for tests",
     .scheme = "mem",
     .can = WB_CONF_AWAY | WB_CONF_ANOTHER | WB_CONF_SPECIAL,
     .begin = mem_begin,
     .end = mem_end,
     .set_away = mem_set_away,
     .set_another = mem_set_another,
     .make_special = mem_make_special,
     .make_way_out = mem_make_way_out,
     .unmake_way_out = mem_unmake_way_out},
    {.name = "webdav-nginx",
     .service = "webdav",
     .about = "nginx 1.22 with dav-ext",
     .scheme = "http",
     .can = SERVER | WB_CONF_FOLDER | WB_CONF_AWAY,
     .begin = dav_begin,
     FOLDER_HOOKS},
    {.name = "webdav-apache",
     .service = "webdav-apache",
     .about = "Apache 2.4 mod_dav",
     .scheme = "http",
     .can = SERVER | WB_CONF_FOLDER | WB_CONF_AWAY,
     .begin = dav_begin,
     FOLDER_HOOKS},
    {.name = "webdav-rclone",
     .service = "webdav-rclone",
     .about = "rclone 1.75 serve webdav",
     .scheme = "http",
     .can = SERVER | WB_CONF_FOLDER | WB_CONF_AWAY,
     .begin = dav_begin,
     FOLDER_HOOKS},
    {.name = "s3-seaweed",
     .service = "s3",
     .about = "SeaweedFS 4.48",
     .scheme = "s3",
     .can = SERVER,
     .begin = s3_begin,
     FOLDER_HOOKS},
    {.name = "s3-rclone",
     .service = "s3-rclone",
     .about = "rclone 1.75 serve s3",
     .scheme = "s3",
     .can = SERVER,
     .begin = s3_begin,
     FOLDER_HOOKS},
};

const size_t wb_conf_backend_count = sizeof(wb_conf_backends) / sizeof(wb_conf_backends[0]);
