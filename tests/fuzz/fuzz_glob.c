/* The glob of rules against a slow matcher that tries everything: the same answer for any pattern
 * and path. The first byte says how long the pattern is. */
#include "core/base/path.h"
#include "tests/fuzz/fuzz.h"

enum { PATTERN_MAX = 40, PATH_MAX_BYTES = 60, UNKNOWN = 0, NO = 1, YES = 2 };

struct slow {
    struct wb_span pattern;
    struct wb_span path;
    uint8_t known[PATTERN_MAX + 1][PATH_MAX_BYTES + 1];
};

static bool matches(struct slow *slow, size_t p, size_t s);

/* Where the class that begins at `p` ends, 0 when it has no end. */
static size_t class_end(struct wb_span pattern, size_t p)
{
    size_t at = p + 1;
    if (at < pattern.len && (pattern.data[at] == '!' || pattern.data[at] == '^'))
        at++;
    for (size_t first = at; at < pattern.len;) {
        if (pattern.data[at] == ']' && at > first)
            return at + 1;
        bool range =
            at + 2 < pattern.len && pattern.data[at + 1] == '-' && pattern.data[at + 2] != ']';
        at += range ? 3 : 1;
    }
    return 0;
}

static bool class_has(struct wb_span pattern, size_t p, size_t end, uint8_t c)
{
    bool negated = pattern.data[p + 1] == '!' || pattern.data[p + 1] == '^';
    bool found = false;
    for (size_t at = p + 1 + negated; at + 1 < end;) {
        bool range = at + 2 < end - 1 && pattern.data[at + 1] == '-';
        uint8_t low = pattern.data[at];
        uint8_t high = range ? pattern.data[at + 2] : low;
        found = found || (low <= c && c <= high);
        at += range ? 3 : 1;
    }
    return found != negated && c != '/';
}

/* One element of the pattern that is no star against one byte. */
static bool one(struct slow *slow, size_t p, size_t s)
{
    const uint8_t *pattern = slow->pattern.data;
    if (s == slow->path.len)
        return false;
    uint8_t c = slow->path.data[s];
    size_t end = pattern[p] == '[' ? class_end(slow->pattern, p) : 0;
    if (end)
        return class_has(slow->pattern, p, end, c) && matches(slow, end, s + 1);
    if (pattern[p] == '\\' && p + 1 < slow->pattern.len)
        return pattern[p + 1] == c && matches(slow, p + 2, s + 1);
    if (pattern[p] == '?')
        return c != '/' && matches(slow, p + 1, s + 1);
    return pattern[p] == c && matches(slow, p + 1, s + 1);
}

static bool stars(struct slow *slow, size_t p, size_t s)
{
    size_t count = 0;
    while (p + count < slow->pattern.len && slow->pattern.data[p + count] == '*')
        count++;
    size_t next = p + count;
    bool begins_part = s == 0 || slow->path.data[s - 1] == '/';
    bool whole_parts =
        count > 1 && begins_part && next < slow->pattern.len && slow->pattern.data[next] == '/';
    for (size_t to = s; to <= slow->path.len; to++) {
        bool part = to == s || slow->path.data[to - 1] == '/';
        if (count == 1 && to > s && part)
            return false;
        if ((!whole_parts || part) && matches(slow, next + whole_parts, to))
            return true;
    }
    return false;
}

static bool matches(struct slow *slow, size_t p, size_t s)
{
    if (p == slow->pattern.len)
        return s == slow->path.len;
    uint8_t *known = &slow->known[p][s];
    if (*known == UNKNOWN) {
        bool found = slow->pattern.data[p] == '*' ? stars(slow, p, s) : one(slow, p, s);
        *known = found ? YES : NO;
    }
    return *known == YES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t len = data[0] % (PATTERN_MAX + 1);
    size_t left = size - 1;
    if (len > left)
        len = left;
    size_t rest = left - len > PATH_MAX_BYTES ? PATH_MAX_BYTES : left - len;
    struct slow slow = {.pattern = wb_span_of(data + 1, len),
                        .path = wb_span_of(data + 1 + len, rest)};
    must_hold(wb_glob_match(slow.pattern, slow.path) == matches(&slow, 0, 0));
    struct wb_err err;
    (void)!wb_glob_check(slow.pattern, &err);
    /* However long, it comes to an end soon. */
    (void)wb_glob_match(wb_span_of(data, size / 2), wb_span_of(data + size / 2, size - size / 2));
    return 0;
}
