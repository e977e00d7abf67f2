/* Matching by backtracking to the latest star only: `*` within a part, `**` over parts. Keeping one
 * place to go back to for each of the two kinds makes it polynomial for any pattern. */
#include "core/base/path.h"

struct cursor {
    struct wb_span pattern;
    struct wb_span path;
    size_t p;   /* in pattern */
    size_t s;   /* in path */
    bool parts; /* a star that takes whole parts only */
};

static bool is_range(struct wb_span pattern, size_t at)
{
    return at + 2 < pattern.len && pattern.data[at + 1] == '-' && pattern.data[at + 2] != ']';
}

/* Where the members of the class at `p` begin. */
static size_t class_first(struct wb_span pattern, size_t p, bool *ret_negated)
{
    size_t at = p + 1;
    *ret_negated = at < pattern.len && (pattern.data[at] == '!' || pattern.data[at] == '^');
    return at + *ret_negated;
}

/* `[a-z]`, `[!a-z]`: sets `ret_end` behind the class; an unclosed one is a plain '['. */
static bool class_match(struct wb_span pattern, size_t p, uint8_t c, size_t *ret_end)
{
    bool negated;
    bool found = false;
    size_t first = class_first(pattern, p, &negated);
    for (size_t at = first; at < pattern.len; at++) {
        uint8_t low = pattern.data[at];
        if (low == ']' && at > first) {
            *ret_end = at + 1;
            return found != negated && c != '/';
        }
        if (is_range(pattern, at))
            at += 2;
        found |= low <= c && c <= pattern.data[at];
    }
    *ret_end = p + 1;
    return c == '[';
}

/* One character of the path against one element of the pattern that is no star. */
static bool step_one(struct cursor *at)
{
    if (at->p >= at->pattern.len || at->s >= at->path.len)
        return false;
    uint8_t element = at->pattern.data[at->p];
    uint8_t c = at->path.data[at->s];
    size_t next = at->p + 1;
    bool match = element == c;
    if (element == '?')
        match = c != '/';
    else if (element == '[')
        match = class_match(at->pattern, at->p, c, &next);
    else if (element == '\\' && next < at->pattern.len)
        match = at->pattern.data[next++] == c;
    if (!match)
        return false;
    at->p = next;
    at->s++;
    return true;
}

static size_t stars_at(const struct cursor *at)
{
    size_t count = 0;
    while (at->p + count < at->pattern.len && at->pattern.data[at->p + count] == '*')
        count++;
    return count;
}

/* Begin of the part behind the one at `at`; past the end when it is the last. */
static size_t next_part(const struct cursor *at)
{
    const uint8_t *slash = memchr(at->path.data + at->s, '/', at->path.len - at->s);
    return slash ? (size_t)(slash - at->path.data) + 1 : at->path.len + 1;
}

/* Goes back to a star and lets it take one character more. */
static bool widen(struct cursor *at, struct cursor *star, bool over_parts)
{
    if (star->s >= star->path.len || (!over_parts && star->path.data[star->s] == '/'))
        return false;
    star->s = star->parts ? next_part(star) : star->s + 1;
    if (star->s > star->path.len)
        return false;
    *at = *star;
    return true;
}

/* Two stars and a slash also match no part at all: `a`, a slash, two stars, `/b` matches `a/b`. */
static void take_stars(struct cursor *at, size_t count)
{
    bool at_part = at->s == 0 || at->path.data[at->s - 1] == '/';
    at->p += count;
    at->parts = count > 1 && at_part && at->p < at->pattern.len && at->pattern.data[at->p] == '/';
    at->p += at->parts;
}

bool wb_glob_match(struct wb_span pattern, struct wb_span path)
{
    struct cursor at = {.pattern = pattern, .path = path};
    struct cursor star = at;
    struct cursor star2 = at;
    bool has_star = false;
    bool has_star2 = false;
    if (wb_span_eq(pattern, wb_span_str("**")))
        return true;
    while (at.s < path.len || at.p < pattern.len) {
        size_t stars = stars_at(&at);
        if (stars > 0) {
            take_stars(&at, stars);
            *(stars > 1 ? &star2 : &star) = at;
            has_star2 |= stars > 1;
            has_star = stars == 1;
        } else if (!step_one(&at)) {
            if (has_star && widen(&at, &star, false))
                continue;
            has_star = false;
            if (!has_star2 || !widen(&at, &star2, true))
                return false;
        }
    }
    return true;
}

/* Sets `ret_end` behind the class at `p`. */
static enum wb_rc class_check(struct wb_span pattern, size_t p, size_t *ret_end, struct wb_err *err)
{
    bool negated;
    size_t first = class_first(pattern, p, &negated);
    for (size_t at = first; at < pattern.len; at++) {
        if (pattern.data[at] == ']' && at > first) {
            *ret_end = at + 1;
            return WB_OK;
        }
        if (!is_range(pattern, at))
            continue;
        if (pattern.data[at] > pattern.data[at + 2])
            return wb_err_set(err, WB_CAT_USAGE, "the range \"%c-%c\" at byte %zu holds nothing",
                              pattern.data[at], pattern.data[at + 2], at + 1);
        at += 2;
    }
    return wb_err_set(err, WB_CAT_USAGE, "the class that begins at byte %zu is not closed", p + 1);
}

enum wb_rc wb_glob_check(struct wb_span pattern, struct wb_err *err)
{
    for (size_t at = 0; at < pattern.len;) {
        size_t next = at + 1;
        if (pattern.data[at] == '[' && class_check(pattern, at, &next, err) != WB_OK)
            return WB_ERROR;
        if (pattern.data[at] == '\\' && next++ == pattern.len)
            return wb_err_set(err, WB_CAT_USAGE, "nothing follows the '\\' at byte %zu", at + 1);
        at = next;
    }
    return WB_OK;
}
