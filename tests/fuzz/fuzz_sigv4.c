/* The canonical request of SigV4: six parts, each in the one form there is; the order in which
 * headers and parameters came makes no difference, and nothing that came can add a line. Input:
 * path, query and headers, a line each. */
#include "core/store/sigv4.h"

#include <strings.h>

#include "tests/fuzz/fuzz.h"

enum { TEXT_MOST = 4000, LINES_MOST = 8, CANONICAL_MOST = 256 * 1024 };

struct input {
    char text[TEXT_MOST + 1];
    char query[TEXT_MOST + 1];
    const char *path;
    const char *headers[LINES_MOST + 1];
    size_t header_count;
};

static void split(struct input *input, const uint8_t *data, size_t size)
{
    size_t len = size < TEXT_MOST ? size : TEXT_MOST;
    const char *query = "";
    if (len)
        memcpy(input->text, data, len);
    char *rest = input->text;
    char *line = strsep(&rest, "\n");
    input->path = line[0] == '/' ? line : "/";
    if ((line = strsep(&rest, "\n")) != NULL)
        query = line;
    (void)snprintf(input->query, sizeof(input->query), "%s", query);
    while ((line = strsep(&rest, "\n")) && input->header_count < LINES_MOST)
        input->headers[input->header_count++] = line;
}

static enum wb_rc canonical(const struct input *input, const char *query,
                            const char *const *headers, struct wb_buf *ret, struct wb_err *err)
{
    struct wb_buf names WB_AUTO(wb_buf_free) = wb_buf_make(CANONICAL_MOST);
    struct wb_sigv4_request request = {.method = "GET",
                                       .path = input->path,
                                       .query = query,
                                       .headers = headers,
                                       .payload = WB_SIGV4_UNSIGNED};
    return wb_sigv4_canonical(&request, ret, &names, err);
}

static bool is_canonical(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~/%=&", c);
}

/* Method, path, query, a line a header, an empty one, names, payload. */
static void check_lines(const struct input *input, const char *text)
{
    size_t lines = 1;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    must_hold(lines <= 6 + input->header_count);
    must_hold(strncmp(text, "GET\n", 4) == 0);
    const char *path = text + 4;
    size_t path_len = strcspn(path, "\n");
    size_t query_len = strcspn(path + path_len + 1, "\n");
    for (size_t i = 0; i < path_len + 1 + query_len; i++)
        must_hold(path[i] == '\n' ? i == path_len : path[i] && is_canonical((uint8_t)path[i]));
    const char *last = strrchr(text, '\n');
    must_hold(last && strcmp(last + 1, WB_SIGV4_UNSIGNED) == 0);
}

static bool same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, ":");
    return len == strcspn(b, ":") && strncasecmp(a, b, len) == 0;
}

static bool has_same_names(const struct input *input)
{
    for (size_t i = 0; i < input->header_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_name(input->headers[i], input->headers[j]))
                return true;
    return false;
}

/* The parameters in reverse. */
static void reverse(const char *query, char *out)
{
    size_t len = strlen(query);
    size_t at = 0;
    for (size_t end = len; at <= len;) {
        size_t start = end;
        while (start > 0 && query[start - 1] != '&')
            start--;
        memcpy(out + at, query + start, end - start);
        at += end - start;
        if (start == 0)
            break;
        out[at++] = '&';
        end = start - 1;
    }
    out[at] = 0;
}

static void check_order(const struct input *input, struct wb_span text)
{
    struct wb_err err = {0};
    char query[TEXT_MOST + 1];
    const char *headers[LINES_MOST + 1] = {NULL};
    struct wb_buf again WB_AUTO(wb_buf_free) = wb_buf_make(CANONICAL_MOST);
    for (size_t i = 0; i < input->header_count; i++)
        headers[i] = input->headers[input->header_count - 1 - i];
    reverse(input->query, query);
    must_hold(canonical(input, query, has_same_names(input) ? input->headers : headers, &again,
                        &err) == WB_OK);
    must_hold(wb_span_eq(text, wb_buf_span(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_err err = {0};
    static struct input input;
    struct wb_buf text WB_AUTO(wb_buf_free) = wb_buf_make(CANONICAL_MOST);
    memset(&input, 0, sizeof(input));
    split(&input, data, size);
    if (canonical(&input, input.query, input.headers, &text, &err) != WB_OK) {
        must_be_error(&err);
        return 0;
    }
    check_lines(&input, wb_buf_cstr(&text));
    check_order(&input, wb_buf_span(&text));
    return 0;
}
