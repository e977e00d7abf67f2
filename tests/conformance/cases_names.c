/* Names from hell. Whatever a node cannot hold it must refuse as a name, at once and for good; it
 * may never hold it under another one. */
#include "tests/conformance/suite.h"

/* Looks for one path in a listing. */
struct search {
    struct wb_span path;
    int found;
    int problems;
    int others;
};

static enum wb_rc look(void *arg, struct wb_span path, const struct wb_stat *stat,
                       const struct wb_err *problem, struct wb_err *err)
{
    struct search *search = arg;
    (void)stat;
    (void)err;
    if (problem)
        search->problems++;
    else if (wb_span_eq(path, search->path))
        search->found++;
    else
        search->others++;
    return WB_OK;
}

/* Deeper than a walk goes it is told as a problem: that is fine, silence is not. */
static void check_listed(struct wb_conf *conf, struct wb_span path, int wanted)
{
    struct wb_err err;
    char shown[300];
    struct search search = {.path = path};
    if (!conf->store->caps.lists)
        return;
    check_ok(wb_store_list(conf->store, wb_span_of(NULL, 0), look, &search, &err));
    bool told = search.problems > 0 && search.found == 0;
    if ((search.found != wanted && !told) || search.others)
        fail_msg("\"%s\" is listed %d times, %d others", wb_path_show(path, shown, sizeof(shown)),
                 search.found, search.others);
}

/* Refused as a name: not to be tried again, and nothing is left. */
static void check_refused(struct wb_conf *conf, const char *instance, struct wb_span path,
                          const struct wb_err *why)
{
    struct wb_err err;
    bool named = why->category == WB_CAT_INVALID || why->category == WB_CAT_UNSUPPORTED ||
                 why->category == WB_CAT_DENIED;
    char shown[300];
    if (!named || why->retryable)
        fail_msg("\"%s\" is refused as %s%s: %s", wb_path_show(path, shown, sizeof(shown)),
                 wb_category_name(why->category), why->retryable ? ", retryable" : "", why->text);
    check_listed(conf, path, 0);
    check_ok(wb_store_discard(conf->store, instance, &err));
}

bool wb_conf_takes(struct wb_conf *conf, struct wb_span path)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    static int count;
    char tag[WB_TAG_MAX];
    char instance[32];
    char buffer[64];
    size_t len;
    (void)snprintf(instance, sizeof(instance), "take.%d", ++count);
    wb_conf_stage(conf->store, instance, "these bytes", tag);
    if (wb_conf_publish(conf->store, instance, tag, path, &err) != WB_OK) {
        check_refused(conf, instance, path, &err);
        return false;
    }
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, path, &stat, &err));
    assert_string_equal(stat.tag, tag);
    check_ok(wb_store_read(conf->store, WB_PLACE_FINAL, path, false, &file, &err));
    check_ok(wb_file_read(file, 0, buffer, sizeof(buffer), &len, &err));
    wb_file_close(&file);
    check_span(wb_span_of(buffer, len), "these bytes");
    check_listed(conf, path, 1);
    check_ok(wb_store_remove(conf->store, path, tag, "j.del", &err));
    check_listed(conf, path, 0);
    return true;
}

static void takes(struct wb_conf *conf)
{
    char shown[300];
    struct wb_span path = wb_span_str(conf->test->text);
    if (!wb_conf_takes(conf, path))
        wb_conf_skip("\"%s\" is refused, as a name", wb_path_show(path, shown, sizeof(shown)));
}

/* ---- every byte ---- */

/* All in one folder, so that two that become one are seen. */
static void every_byte(struct wb_conf *conf)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    char instance[16];
    bool taken[256] = {false};
    for (int c = 1; c < 256; c++) {
        char path[] = {'d', '/', 'a', (char)c, 'b', 0};
        if (c == '/')
            continue;
        (void)snprintf(instance, sizeof(instance), "j.%d", c);
        wb_conf_stage(conf->store, instance, path, tag);
        taken[c] = wb_conf_publish_to(conf->store, instance, tag, path, &err) == WB_OK;
        if (!taken[c] && err.category != WB_CAT_INVALID && err.category != WB_CAT_UNSUPPORTED)
            fail_msg("byte %02x: %s: %s", c, wb_category_name(err.category), err.text);
    }
    for (int c = 1; c < 256; c++) {
        char path[] = {'d', '/', 'a', (char)c, 'b', 0};
        if (taken[c])
            wb_conf_check_text(conf->store, path, path);
    }
}

/* ---- pairs that are two names ---- */

static bool put_as(struct wb_conf *conf, const char *instance, const char *path)
{
    struct wb_err err;
    char tag[WB_TAG_MAX];
    wb_conf_stage(conf->store, instance, path, tag);
    if (wb_conf_publish_to(conf->store, instance, tag, path, &err) == WB_OK)
        return true;
    assert_true(err.category == WB_CAT_INVALID || err.category == WB_CAT_UNSUPPORTED);
    return false;
}

/* `text` is the one, a newline, the other. */
static void two_names(struct wb_conf *conf)
{
    char one[128];
    const char *line = strchr(conf->test->text, '\n');
    (void)snprintf(one, sizeof(one), "%.*s", (int)(line - conf->test->text), conf->test->text);
    if (!put_as(conf, "j.1", one) || !put_as(conf, "j.2", line + 1))
        wb_conf_skip("one of them is refused, as a name");
    wb_conf_check_text(conf->store, one, one);
    wb_conf_check_text(conf->store, line + 1, line + 1);
}

/* ---- long and deep ---- */

static void long_part(struct wb_conf *conf)
{
    char part[WB_PATH_PART_MAX + 1];
    memset(part, 'x', sizeof(part));
    part[conf->test->number] = 0;
    if (!wb_conf_takes(conf, wb_span_str(part)))
        wb_conf_skip("a part of so many bytes is refused");
}

/* Parts of `number` bytes up to a path of 1,000. */
static void long_path(struct wb_conf *conf)
{
    char path[1001];
    memset(path, 'y', sizeof(path));
    for (size_t i = (size_t)conf->test->number; i < 999; i += (size_t)conf->test->number + 1)
        path[i] = '/';
    path[1000] = 0;
    if (!wb_conf_takes(conf, wb_span_str(path)))
        wb_conf_skip("a path of so many bytes is refused");
}

/* ---- names that are none ---- */

static void no_name(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    struct wb_file *file = NULL;
    char tag[WB_TAG_MAX];
    static const char *const bad[] = {"../x", "a/../x", "./x", "/x",
                                      "a//x", "a/",     "",    ".waybill/x"};
    wb_conf_stage(conf->store, "j.1", "these bytes", tag);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct wb_span path = wb_span_str(bad[i]);
        check_fails(wb_conf_publish(conf->store, "j.1", tag, path, &err), WB_CAT_INVALID, "");
        check_fails(wb_store_stat(conf->store, WB_PLACE_FINAL, path, &stat, &err), WB_CAT_INVALID,
                    "");
        check_fails(wb_store_read(conf->store, WB_PLACE_FINAL, path, false, &file, &err),
                    WB_CAT_INVALID, "");
        check_fails(wb_store_remove(conf->store, path, tag, "j.del", &err), WB_CAT_INVALID, "");
    }
    check_fails(wb_conf_publish(conf->store, "j.1", tag, wb_span_of("a\0b", 3), &err),
                WB_CAT_INVALID, "");
}

#define TAKES(name, text)                              \
    {                                                  \
        "names: " name, takes, WB_CONF_WRITES, 0, text \
    }
#define TWO(name, one, other)                                        \
    {                                                                \
        "names: " name, two_names, WB_CONF_WRITES, 0, one "\n" other \
    }

static const struct wb_conf_case cases[] = {
    {"names: every byte in the middle", every_byte, WB_CONF_WRITES, 0, NULL},
    TAKES("percent signs", "a%41%2F%00%zz%/100%"),
    TAKES("spaces", " a b / c  d "),
    TAKES("plus signs", "a+b/+/c+"),
    TAKES("question marks", "a?b=c/?x"),
    TAKES("hashes", "#a/b#c#"),
    TAKES("ampersands and other signs of URLs", "a&b;c=d,e:f@g!h$i'(j)*[k]"),
    TAKES("signs of XML", "<a href=\"x\">&amp;&lt;'/]]>"),
    TAKES("backslashes", "a\\b/\\\\c\\"),
    TAKES("line ends and tabs", "a\nb\rc\td"),
    TAKES("other controls", "a\x01\x1f\x7f"),
    TAKES("leading dots", ".a/..b/...c/...."),
    TAKES("trailing dots", "a./b../c..."),
    TAKES("trailing spaces", "a /b  "),
    TAKES("leading dashes and tildes", "-a/--b/~c/~"),
    TAKES("names that mean something elsewhere", "con/nul/.htaccess/.DS_Store/index.html"),
    TAKES("a folder of Apache's own", "d/.DAV/x"),
    TAKES("the staging area's name deeper down", "a/.waybill/b"),
    TAKES("the marker's name", "marker"),
    TAKES("composed letters", "\xc3\xa9t\xc3\xa9"),
    TAKES("decomposed letters", "e\xcc\x81te\xcc\x81"),
    TAKES("letters beyond the first plane", "\xf0\x9f\x9a\x80/\xf0\xa0\x80\x80"),
    TAKES("directions and joiners", "a\xe2\x80\xae"
                                    "b\xe2\x80\x8d"
                                    "c\xef\xbb\xbf"),
    TAKES("bytes that are no UTF-8", "a\xff\xfe"
                                     "b/\xc3(/\xed\xa0\x80"),
    TWO("case tells two", "d/Name", "d/nAME"),
    TWO("the form of letters tells two", "\xc3\xa9", "e\xcc\x81"),
    TWO("what looks escaped is another name", "a b%2Fc", "a%20b%2fc"),
    TWO("a plus is no space", "a+b", "a b"),
    TWO("a trailing dot tells two", "a", "a."),
    TWO("a trailing space tells two", "a", "a "),
    TWO("a longer name is another", "abc", "abcd"),
    {"names: a part of 255 bytes", long_part, WB_CONF_WRITES, WB_PATH_PART_MAX, NULL},
    {"names: a part of 200 bytes", long_part, WB_CONF_WRITES, 200, NULL},
    {"names: a path of 1,000 bytes in parts of 250", long_path, WB_CONF_WRITES, 250, NULL},
    {"names: a path of 1,000 bytes, 500 deep", long_path, WB_CONF_WRITES, 1, NULL},
    {"names: what is no name is refused", no_name, WB_CONF_WRITES, 0, NULL},
};

const struct wb_conf_group wb_conf_names = {cases, sizeof(cases) / sizeof(cases[0])};
