/* XML of strangers: the same document in pieces of any size is told in the same way, and within the
 * bounds. The first byte says how long the pieces are. */
#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/xml.h"
#include "tests/fuzz/fuzz.h"

struct told {
    uint64_t sum;
    int depth;
    long begun;
    long ended;
};

static void add(struct told *told, const char *text)
{
    uint64_t pair[2] = {told->sum, wb_hash64_of(wb_span_str(text))};
    told->sum = wb_hash64_of(wb_span_of(pair, sizeof(pair)));
}

static enum wb_rc on_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    struct told *told = arg;
    (void)err;
    told->begun++;
    must_hold(element->depth == ++told->depth);
    must_hold(told->depth <= WB_XML_DEPTH_MAX);
    must_hold(element->name[0] && !strchr(element->name, '<'));
    must_hold((element->depth == 1) == (element->parent[0] == 0));
    add(told, element->space);
    add(told, element->name);
    return WB_OK;
}

static enum wb_rc on_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                         struct wb_err *err)
{
    struct told *told = arg;
    (void)err;
    told->ended++;
    must_hold(element->depth == told->depth--);
    must_hold(text.len <= WB_XML_TEXT_MAX);
    must_hold(wb_utf8_valid(text));
    uint64_t pair[2] = {told->sum, wb_hash64_of(text)};
    told->sum = wb_hash64_of(wb_span_of(pair, sizeof(pair)));
    return WB_OK;
}

static enum wb_rc parse(struct wb_span bytes, size_t piece, struct told *told, struct wb_err *err)
{
    struct wb_xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = told};
    struct wb_xml *xml WB_AUTO(wb_xml_free) = wb_xml_new(&visitor, bytes.len + 1);
    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        if (wb_xml_feed(xml, wb_span_of(bytes.data + at, len), err) != WB_OK)
            return WB_ERROR;
    }
    return wb_xml_finish(xml, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_err err = {0};
    struct wb_err err_pieces = {0};
    struct told whole = {0};
    struct told pieces = {0};
    if (size < 2)
        return 0;
    struct wb_span bytes = wb_span_of(data + 1, size - 1);
    enum wb_rc rc = parse(bytes, bytes.len, &whole, &err);
    must_hold(parse(bytes, 1 + data[0] % 64, &pieces, &err_pieces) == rc);
    if (rc != WB_OK) {
        must_be_error(&err);
        must_be_error(&err_pieces);
        must_hold(err.category == WB_CAT_INVALID);
        return 0;
    }
    must_hold(whole.sum == pieces.sum && whole.begun == pieces.begun);
    must_hold(whole.begun == whole.ended && whole.begun > 0 && whole.depth == 0);
    return 0;
}
