/* Nodes that are away, another, forbidden, full; and what somebody else put there. */
#include "tests/conformance/suite.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_says_free_space(struct wb_conf *conf)
{
    struct wb_err err;
    int64_t free_bytes = -2;
    check_ok(wb_store_check(conf->store, &free_bytes, &err));
    assert_true(free_bytes == -1 || free_bytes > 0);
}

static void check_changes_nothing(struct wb_conf *conf)
{
    struct wb_err err;
    int64_t free_bytes;
    char marker[WB_MARKER_MAX];
    char place[300];
    check_ok(wb_store_check(conf->store, &free_bytes, &err));
    check_fails(wb_store_marker(conf->store, false, marker, &err), WB_CAT_NOT_FOUND, "");
    (void)snprintf(place, sizeof(place), "%s/.waybill", conf->root);
    if (conf->backend->service && access(place, F_OK) == 0)
        wb_conf_skip("it finds out what the server can by trying");
    assert_int_not_equal(access(place, F_OK), 0);
}

/* ---- the root ---- */

static void away_is_not_empty(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    int64_t free_bytes;
    wb_conf_put(conf->store, "d/x", "hello", NULL);
    conf->backend->set_away(conf, true);
    check_fails(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d/y"), &stat, &err),
                WB_CAT_UNREACHABLE, "root");
    assert_true(err.retryable);
    check_fails(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str("d/y"), false, &file, &err),
                WB_CAT_UNREACHABLE, "root");
    /* A store that holds on to the folder it opened may still see what is in there. */
    if (wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("d/x"), &stat, &err) != WB_OK)
        assert_int_equal(err.category, WB_CAT_UNREACHABLE);
    check_fails(wb_store_check(conf->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "root");
    conf->backend->set_away(conf, false);
    check_ok(wb_store_check(conf->store, &free_bytes, &err));
    wb_conf_check_text(conf->store, "d/x", "hello");
}

static void away_at_the_start(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    conf->backend->set_away(conf, true);
    enum wb_rc rc = wb_store_open("t", conf->url, conf->options[0] ? conf->options : NULL,
                                  conf->secret, conf->config, &store, &err);
    conf->backend->set_away(conf, false);
    check_fails(rc, WB_CAT_UNREACHABLE, "");
}

static void another_is_not_taken_for_it(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    int64_t free_bytes;
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    conf->backend->set_another(conf, true);
    check_fails(wb_store_check(conf->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "another");
    check_fails(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err),
                WB_CAT_UNREACHABLE, "another");
    check_fails(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str("x"), false, &file, &err),
                WB_CAT_UNREACHABLE, "another");
    check_ok(wb_conf_publish_to(conf->store, "j.1", tag, "x", &err));
    conf->backend->set_another(conf, false);
    wb_conf_check_text(conf->store, "x", "hello");
}

/* ---- strangers ---- */

static void way_out_is_not_taken(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    conf->backend->make_way_out(conf);
    wb_conf_stage(conf->store, "j.1", "secret", tag);
    check_fails(wb_conf_publish_to(conf->store, "j.1", tag, "way/x", &err), WB_CAT_CONFLICT,
                "way/x");
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "way/x");
    conf->backend->unmake_way_out(conf);
}

static void special_files_are_told(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    conf->backend->make_special(conf);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("fifo"), &stat, &err));
    assert_int_equal(stat.version.kind, WB_FILE_SPECIAL);
    check_fails(wb_store_read(conf->store, WB_PLACE_FINAL, wb_span_str("fifo"), false, &file, &err),
                WB_CAT_UNSUPPORTED, "fifo");
}

static void write_behind(struct wb_conf *conf, const char *name, const char *text)
{
    char place[300];
    (void)snprintf(place, sizeof(place), "%s/%s", conf->root, name);
    int fd = open(place, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

/* What another tool put there is a file like any other: found, read, told from ours. */
static void file_of_another_tool(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    write_behind(conf, "x", "by hand");
    wb_conf_check_text(conf->store, "x", "by hand");
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err));
    assert_true(strlen(stat.tag) > 0 && strlen(stat.etag) > 0);
    memcpy(tag, stat.tag, sizeof(tag));
    check_fails(wb_store_remove(conf->store, wb_span_str("x"), "1-2-3", "j.del", &err),
                WB_CAT_CONFLICT, "not the file");
    check_ok(wb_store_remove(conf->store, wb_span_str("x"), tag, "j.del", &err));
    wb_conf_check_absent(conf->store, WB_PLACE_FINAL, "x");
}

/* Another one writes into our file: it is not the one that was proved any more. */
static void changed_by_another_tool(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    wb_conf_put(conf->store, "x", "hello", tag);
    write_behind(conf, "x", "changed by hand");
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("x"), &stat, &err));
    assert_string_not_equal(stat.tag, tag);
    check_fails(wb_store_remove(conf->store, wb_span_str("x"), tag, "j.del", &err), WB_CAT_CONFLICT,
                "not the file");
    wb_conf_check_text(conf->store, "x", "changed by hand");
}

/* ---- servers ---- */

static void nobody_listens(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    int64_t free_bytes;
    static const char dead[] = "http://127.0.0.1:1/";
    const char *options[] = {"endpoint", dead, "region", "us-east-1", NULL};
    bool s3 = strcmp(conf->backend->scheme, "s3") == 0;
    enum wb_rc rc = wb_store_open("t", s3 ? conf->url : dead, s3 ? options : NULL, conf->secret,
                                  conf->config, &store, &err);
    if (rc == WB_OK)
        rc = wb_store_check(store, &free_bytes, &err);
    wb_store_close(&store);
    check_fails(rc, WB_CAT_UNREACHABLE, "");
    assert_true(err.retryable);
}

static void check_denied(struct wb_conf *conf, const char *secret)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    int64_t free_bytes;
    enum wb_rc rc = wb_store_open("t", conf->url, conf->options[0] ? conf->options : NULL, secret,
                                  conf->config, &store, &err);
    if (rc == WB_OK)
        rc = wb_store_check(store, &free_bytes, &err);
    wb_store_close(&store);
    check_fails(rc, WB_CAT_DENIED, "");
    if (strstr(err.text, "wrong-password"))
        fail_msg("a secret is in an error: %s", err.text);
}

static void wrong_secret(struct wb_conf *conf)
{
    assert_int_equal(setenv("WAYBILL_SECRET_WRONG", "somebody:wrong-password", 1), 0);
    check_denied(conf, "wrong");
    assert_int_equal(unsetenv("WAYBILL_SECRET_WRONG"), 0);
    check_denied(conf, "wrong");
}

static void no_such_folder(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_store *store = NULL;
    char url[600];
    if (strcmp(conf->backend->scheme, "mem") == 0)
        wb_conf_skip("a root of memory is made when it is named");
    if (strcmp(conf->backend->scheme, "s3") == 0)
        (void)snprintf(url, sizeof(url), "s3://no-such-bucket/x");
    else
        (void)snprintf(url, sizeof(url), "%s/no/such/folder", conf->url);
    check_fails(wb_store_open("t", url, conf->options[0] ? conf->options : NULL, conf->secret,
                              conf->config, &store, &err),
                WB_CAT_UNREACHABLE, "");
}

/* ---- disks ---- */

/* Mounts a small file system over the root, in a name space of this process alone; false where that
 * is not allowed. The store is opened anew. */
static bool mount_small(struct wb_conf *conf)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", conf->root, "tmpfs", 0, "size=256k") != 0)
        return false;
    wb_store_close(&conf->store);
    conf->store = wb_conf_open(conf);
    return true;
}

static void what_a_disk_cannot_do_has_its_class(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    char marker[WB_MARKER_MAX];
    int64_t free_bytes;
    if (!mount_small(conf))
        wb_conf_skip("mounting is not allowed here");
    check_ok(wb_store_check(conf->store, &free_bytes, &err));
    assert_true(free_bytes > 0 && free_bytes <= 256 * 1024);
    check_fails(
        wb_store_create(conf->store, "j.1", WB_FILE_REGULAR, WB_CONF_MIB, false, &file, &err),
        WB_CAT_NO_SPACE, "reserve");
    wb_conf_check_absent(conf->store, WB_PLACE_STAGED, "j.1");
    wb_conf_stage(conf->store, "j.2", "hello", tag);
    assert_int_equal(mount(NULL, conf->root, NULL, MS_REMOUNT | MS_RDONLY, "size=256k"), 0);
    check_ok(wb_store_check(conf->store, &free_bytes, &err));
    check_fails(wb_store_create(conf->store, "j.3", WB_FILE_REGULAR, 1, false, &file, &err),
                WB_CAT_READ_ONLY, "j.3");
    check_fails(wb_store_marker(conf->store, true, marker, &err), WB_CAT_READ_ONLY, "marker");
    check_fails(wb_conf_publish_to(conf->store, "j.2", tag, "x", &err), WB_CAT_READ_ONLY, "\"x\"");
    check_fails(wb_store_discard(conf->store, "j.2", &err), WB_CAT_READ_ONLY, "j.2");
    assert_int_equal(umount2(conf->root, MNT_DETACH), 0);
    check_fails(wb_store_check(conf->store, &free_bytes, &err), WB_CAT_UNREACHABLE, "another");
}

static void staging_area_is_made_anew(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char place[300];
    wb_conf_stage(conf->store, "j.1", "hello", tag);
    (void)snprintf(place, sizeof(place), "%s/.waybill", conf->root);
    check_ok(wb_store_discard(conf->store, "j.1", &err));
    if (rmdir(place) != 0)
        wb_conf_skip("something is left in its staging area");
    wb_conf_stage(conf->store, "j.2", "hello", tag);
    check_ok(wb_conf_publish_to(conf->store, "j.2", tag, "x", &err));
}

/* ---- URLs ---- */

static void urls_are_checked(struct wb_conf *conf)
{
    struct wb_err err;
    static const char *const options[] = {"colour", "red", NULL};
    check_ok(wb_store_check_url(conf->url, conf->options[0] ? conf->options : NULL, &err));
    check_fails(wb_store_check_url(conf->url, options, &err), WB_CAT_USAGE, "colour");
    check_fails(wb_store_check_url("ftp://x", NULL, &err), WB_CAT_USAGE, "scheme");
    check_fails(wb_store_check_url("file://x", NULL, &err), WB_CAT_USAGE, "absolute");
    check_fails(wb_store_check_url("mem://a/b", NULL, &err), WB_CAT_INVALID, "mem://a/b");
}

#define CASE(name, run, needs)               \
    {                                        \
        "faults: " name, run, needs, 0, NULL \
    }

static const struct wb_conf_case cases[] = {
    CASE("a check tells the free space, where it is known", check_says_free_space, 0),
    CASE("a check changes nothing", check_changes_nothing, WB_CONF_FOLDER),
    CASE("a root that went away is no empty node", away_is_not_empty,
         WB_CONF_AWAY | WB_CONF_WRITES),
    CASE("a root that is away is not opened", away_at_the_start, WB_CONF_AWAY),
    CASE("another root in its place is not taken for it", another_is_not_taken_for_it,
         WB_CONF_ANOTHER | WB_CONF_WRITES),
    CASE("a link out of the root is not followed", way_out_is_not_taken,
         WB_CONF_SPECIAL | WB_CONF_WRITES),
    CASE("special files are told, not read", special_files_are_told, WB_CONF_SPECIAL),
    CASE("a file of another tool is a file", file_of_another_tool, WB_CONF_FOLDER | WB_CONF_WRITES),
    CASE("a file that another tool changed is not ours", changed_by_another_tool,
         WB_CONF_FOLDER | WB_CONF_WRITES),
    CASE("where nobody listens the node is unreachable", nobody_listens, WB_CONF_NETWORK),
    CASE("a wrong secret is denied, and told to nobody", wrong_secret, WB_CONF_SECRET),
    CASE("a root that does not exist is unreachable", no_such_folder, 0),
    CASE("what a disk cannot do has its class", what_a_disk_cannot_do_has_its_class, WB_CONF_DISK),
    CASE("a staging area that is removed is made anew", staging_area_is_made_anew,
         WB_CONF_FOLDER | WB_CONF_WRITES),
    CASE("URLs and options are checked", urls_are_checked, 0),
};

const struct wb_conf_group wb_conf_faults = {cases, sizeof(cases) / sizeof(cases[0])};
