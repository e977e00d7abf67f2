/* What a node takes as a name, measured by trying. */
#include "tests/conformance/suite.h"

static bool takes(struct wb_conf *conf, const char *text)
{
    return wb_conf_takes(conf, wb_span_str(text));
}

/* ---- bytes ---- */

static void append(char *out, size_t size, int first, int last)
{
    size_t len = strlen(out);
    const char *gap = len ? " " : "";
    if (first == last)
        (void)snprintf(out + len, size - len, "%s%02x", gap, (unsigned)first);
    else
        (void)snprintf(out + len, size - len, "%s%02x–%02x", gap, (unsigned)first, (unsigned)last);
}

/* Those that are refused, as ranges of hexadecimal numbers. */
static void measure_bytes(struct wb_conf *conf, char *ret, size_t size)
{
    int first = 0;
    ret[0] = 0;
    for (int c = 1; c <= 256; c++) {
        const char path[] = {'a', (char)c, 'b', 0};
        bool refused = c < 256 && c != '/' && !takes(conf, path);
        if (refused && !first)
            first = c;
        if (!refused && first) {
            append(ret, size, first, c - 1);
            first = 0;
        }
    }
}

/* ---- lengths ---- */

/* A path of `len` bytes in parts of at most `part`. */
static bool takes_path(struct wb_conf *conf, int32_t len, int32_t part)
{
    char path[WB_PATH_MAX + 1];
    memset(path, 'p', sizeof(path));
    for (int32_t i = part; i < len - 1; i += part + 1)
        path[i] = '/';
    return wb_conf_takes(conf, wb_span_of(path, (size_t)len));
}

/* The most that is taken, between what surely is and what may be. */
static int32_t measure_length(struct wb_conf *conf, int32_t least, int32_t most, int32_t part)
{
    if (takes_path(conf, most, part))
        return most;
    while (least + 1 < most) {
        int32_t middle = least + (most - least) / 2;
        if (takes_path(conf, middle, part))
            least = middle;
        else
            most = middle;
    }
    return least;
}

/* ---- pairs ---- */

static bool two(struct wb_conf *conf, const char *one, const char *other)
{
    struct wb_err err;
    struct wb_stat a;
    struct wb_stat b;
    if (!takes(conf, one) || !takes(conf, other))
        return false;
    wb_conf_put(conf->store, one, "one", NULL);
    wb_conf_put(conf->store, other, "other", NULL);
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str(one), &a, &err));
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str(other), &b, &err));
    check_ok(wb_store_remove(conf->store, wb_span_str(one), a.tag, "j.del1", &err));
    if (strcmp(a.tag, b.tag) == 0)
        return false;
    check_ok(wb_store_remove(conf->store, wb_span_str(other), b.tag, "j.del2", &err));
    return true;
}

/* ---- times ---- */

static int64_t measure_grain(struct wb_conf *conf)
{
    struct wb_err err;
    struct wb_stat stat;
    char tag[WB_TAG_MAX];
    static const int64_t grains[] = {1, 100, 1000, 1000000, 1000000000};
    const struct wb_meta meta = {.mtime_ns = 1234567890123456789};
    wb_conf_stage_as(conf->store, "time", wb_span_str("x"), &meta, tag);
    check_ok(wb_conf_publish_to(conf->store, "time", tag, "time", &err));
    check_ok(wb_store_stat(conf->store, WB_PLACE_FINAL, wb_span_str("time"), &stat, &err));
    check_ok(wb_store_remove(conf->store, wb_span_str("time"), stat.tag, "j.del", &err));
    for (size_t i = 0; i < sizeof(grains) / sizeof(grains[0]); i++)
        if (stat.version.mtime_ns == meta.mtime_ns / grains[i] * grains[i])
            return grains[i];
    return 0;
}

void wb_conf_measure(struct wb_conf *conf, struct wb_conf_limits *ret)
{
    enum { SURE = 100 };
    measure_bytes(conf, ret->bytes, sizeof(ret->bytes));
    ret->part = measure_length(conf, SURE, WB_PATH_PART_MAX, WB_PATH_PART_MAX);
    ret->path = measure_length(conf, ret->part, WB_PATH_MAX, ret->part < 99 ? ret->part : 99);
    ret->cases = two(conf, "Name", "nAME");
    ret->forms = two(conf, "\xc3\xa9", "e\xcc\x81");
    ret->ends = takes(conf, "a. . ") && takes(conf, "b...") && takes(conf, "c ");
    ret->grain_ns = measure_grain(conf);
}
