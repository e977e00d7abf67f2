/* Names and paths. A path that passes the check obeys each of its bounds, told here once more in
 * another way; and keys, words and what people are shown stay within theirs. */
#include "core/base/path.h"
#include "core/wire/topics.h"
#include "tests/fuzz/fuzz.h"

enum { SHOWN_LEAST = 16, SHOWN_MOST = 300, KEY_MAX = 8192, WORD_MAX = 5000, PARTITIONS = 12 };

static bool part_is_fine(const uint8_t *part, size_t len)
{
    bool dots = (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
    return len >= 1 && len <= 255 && !dots;
}

static bool may_leave_or_break(struct wb_span path)
{
    static const char staging[] = ".waybill";
    size_t begin = 0;
    if (path.len < 1 || path.len > 4095)
        return true;
    for (size_t at = 0; at <= path.len; at++) {
        if (at < path.len && path.data[at] == 0)
            return true;
        if (at < path.len && path.data[at] != '/')
            continue;
        size_t len = at - begin;
        bool is_staging =
            begin == 0 && len == sizeof(staging) - 1 && memcmp(path.data, staging, len) == 0;
        if (is_staging || !part_is_fine(path.data + begin, len))
            return true;
        begin = at + 1;
    }
    return false;
}

static void check_key(struct wb_span path)
{
    char target[64];
    char source[64];
    struct wb_err err;
    struct wb_span again;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(KEY_MAX);
    must_hold(wb_replica_key("b.2", "a_1", path, &key, &err) == WB_OK);
    must_hold(wb_replica_key_parse(wb_buf_span(&key), target, source, &again, &err) == WB_OK);
    must_hold(strcmp(target, "b.2") == 0 && strcmp(source, "a_1") == 0);
    must_hold(wb_span_eq(path, again));
    int32_t home = wb_home_partition("a_1", path, PARTITIONS);
    must_hold(home >= 0 && home < PARTITIONS);
}

static void check_shown(struct wb_span path, size_t room)
{
    char shown[SHOWN_MOST];
    must_hold(wb_path_show(path, shown, room) == shown);
    must_hold(strlen(shown) < room);
    must_hold(wb_utf8_valid(wb_span_str(shown)));
    for (const char *at = shown; *at; at++)
        must_hold((uint8_t)*at >= 0x20 && *at != 0x7f);
}

static void check_word(struct wb_span bytes)
{
    char word[WORD_MAX + 1];
    char node[64];
    struct wb_err err = {0};
    struct wb_span path;
    size_t len = bytes.len > WORD_MAX ? WORD_MAX : bytes.len;
    if (len)
        memcpy(word, bytes.data, len);
    word[len] = 0;
    if (wb_path_split(word, node, &path, &err) != WB_OK) {
        must_be_error(&err);
        return;
    }
    must_hold(wb_name_check(node, &err) == WB_OK);
    must_hold(strlen(node) + 1 + path.len <= strlen(word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char target[64];
    char source[64];
    struct wb_err err = {0};
    struct wb_span again;
    struct wb_span path = wb_span_of(data, size);
    bool fine = wb_path_check(path, &err) == WB_OK;
    must_hold(fine == !may_leave_or_break(path));
    if (fine)
        check_key(path);
    else
        must_be_error(&err);
    if (wb_replica_key_parse(path, target, source, &again, &err) == WB_OK)
        must_hold(wb_name_check(target, &err) == WB_OK && wb_name_check(source, &err) == WB_OK);
    check_shown(path, SHOWN_LEAST + size % (SHOWN_MOST - SHOWN_LEAST));
    check_word(path);
    return 0;
}
