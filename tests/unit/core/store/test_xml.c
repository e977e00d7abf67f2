#include "tests/check.h"

#include "core/store/xml.h"

enum { SEEN_MAX = 64 * 1024 };

static enum wb_rc see_begin(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    return wb_buf_printf(arg, err, "<%s", element->name);
}

static enum wb_rc see_end(void *arg, const struct wb_xml_element *element, struct wb_span text,
                          struct wb_err *err)
{
    return wb_buf_printf(arg, err, "|%d %s %.*s>", element->depth, element->parent, (int)text.len,
                         (const char *)text.data);
}

static struct wb_xml_visitor seeing(struct wb_buf *seen)
{
    return (struct wb_xml_visitor){see_begin, see_end, seen};
}

static void check_seen(const char *document, const char *want)
{
    struct wb_err err;
    size_t len = strlen(document);
    for (size_t cut = 0; cut <= len; cut++) {
        struct wb_buf seen WB_AUTO(wb_buf_free) = wb_buf_make(SEEN_MAX);
        struct wb_xml_visitor visitor = seeing(&seen);
        struct wb_xml *xml WB_AUTO(wb_xml_free) = wb_xml_new(&visitor, len);
        check_ok(wb_xml_feed(xml, wb_span_of(document, cut), &err));
        check_ok(wb_xml_feed(xml, wb_span_of(document + cut, len - cut), &err));
        check_ok(wb_xml_finish(xml, &err));
        check_span(wb_buf_span(&seen), want);
    }
}

static enum wb_rc parse(struct wb_span document, struct wb_err *err)
{
    struct wb_buf seen WB_AUTO(wb_buf_free) = wb_buf_make(SEEN_MAX * 16);
    struct wb_xml_visitor visitor = seeing(&seen);
    return wb_xml_parse(document, &visitor, err);
}

static void elements_come_with_their_own_text_wherever_it_is_cut(void **state)
{
    (void)state;
    check_seen("<?xml version=\"1.0\"?><a>x<b>y</b>z<c/></a>", "<a<b|2 a y><c|2 a >|1  xz>");
    check_seen("<a>&lt;&amp;&#10;&#xe4;<![CDATA[<b>]]></a>", "<a|1  <&\n\xc3\xa4<b>>");
}

static enum wb_rc check_space(void *arg, const struct wb_xml_element *element, struct wb_err *err)
{
    (void)err;
    assert_string_equal(element->space, arg);
    assert_string_equal(element->name, "href");
    return WB_OK;
}

static void names_come_apart_from_their_namespace(void **state)
{
    struct wb_err err;
    char dav[] = "DAV:";
    char none[] = "";
    struct wb_xml_visitor visitor = {check_space, NULL, dav};
    (void)state;
    check_ok(wb_xml_parse(wb_span_str("<D:href xmlns:D=\"DAV:\"/>"), &visitor, &err));
    check_ok(wb_xml_parse(wb_span_str("<href xmlns=\"DAV:\"/>"), &visitor, &err));
    visitor.arg = none;
    check_ok(wb_xml_parse(wb_span_str("<href/>"), &visitor, &err));
}

static void what_is_no_document_is_refused(void **state)
{
    struct wb_err err;
    static const char *const bad[] = {
        "",
        " ",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "a",
        "<a>&nbsp;</a>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "<x:a/>",
        "{\"a\": 1}",
        "<a b=1/>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fails(parse(wb_span_str(bad[i]), &err), WB_CAT_INVALID, "no xml");
}

static void document_types_and_so_entities_are_refused(void **state)
{
    struct wb_err err;
    static const char *const bad[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b \"b\">]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fails(parse(wb_span_str(bad[i]), &err), WB_CAT_INVALID, "document type");
}

static void nest(struct wb_buf *document, int depth)
{
    struct wb_err err;
    wb_buf_clear(document);
    for (int i = 0; i < depth; i++)
        check_ok(wb_buf_printf(document, &err, "<a>"));
    for (int i = 0; i < depth; i++)
        check_ok(wb_buf_printf(document, &err, "</a>"));
}

static void depth_is_bounded(void **state)
{
    struct wb_err err;
    struct wb_buf document WB_AUTO(wb_buf_free) = wb_buf_make(1024 * 1024);
    (void)state;
    nest(&document, WB_XML_DEPTH_MAX);
    check_ok(parse(wb_buf_span(&document), &err));
    nest(&document, WB_XML_DEPTH_MAX + 1);
    check_fails(parse(wb_buf_span(&document), &err), WB_CAT_INVALID, "within each other");
}

static void text_of_an_element_is_bounded(void **state)
{
    struct wb_err err;
    struct wb_buf document WB_AUTO(wb_buf_free) = wb_buf_make(1024 * 1024);
    (void)state;
    check_ok(wb_buf_printf(&document, &err, "<a>%*s<b>%*s</b></a>", WB_XML_TEXT_MAX, "",
                           WB_XML_TEXT_MAX, ""));
    check_ok(parse(wb_buf_span(&document), &err));
    wb_buf_clear(&document);
    check_ok(wb_buf_printf(&document, &err, "<a>%*s<b/> </a>", WB_XML_TEXT_MAX, ""));
    check_fails(parse(wb_buf_span(&document), &err), WB_CAT_INVALID, "too long");
}

static void names_are_bounded(void **state)
{
    struct wb_err err;
    struct wb_buf document WB_AUTO(wb_buf_free) = wb_buf_make(1024 * 1024);
    (void)state;
    check_ok(wb_buf_printf(&document, &err, "<a%0100000d/>", 1));
    check_fails(parse(wb_buf_span(&document), &err), WB_CAT_INVALID, "too long");
}

static void the_whole_is_bounded_and_an_error_stays(void **state)
{
    struct wb_err err;
    struct wb_xml_visitor visitor = {NULL, NULL, NULL};
    struct wb_xml *xml WB_AUTO(wb_xml_free) = wb_xml_new(&visitor, 10);
    (void)state;
    check_ok(wb_xml_feed(xml, wb_span_str("<a>123</"), &err));
    check_fails(wb_xml_feed(xml, wb_span_str("a> "), &err), WB_CAT_INVALID, "more bytes");
    check_fails(wb_xml_feed(xml, wb_span_str("a"), &err), WB_CAT_INVALID, "more bytes");
    check_fails(wb_xml_finish(xml, &err), WB_CAT_INVALID, "more bytes");
}

static enum wb_rc say_no(void *arg, const struct wb_xml_element *element, struct wb_span text,
                         struct wb_err *err)
{
    ++*(int *)arg;
    (void)element;
    (void)text;
    return wb_err_set(err, WB_CAT_LIMIT, "enough");
}

static void the_visitor_ends_it_with_its_own_error(void **state)
{
    struct wb_err err;
    int calls = 0;
    struct wb_xml_visitor visitor = {NULL, say_no, &calls};
    (void)state;
    check_fails(wb_xml_parse(wb_span_str("<a><b/><c/></a>"), &visitor, &err), WB_CAT_LIMIT,
                "enough");
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_with_their_own_text_wherever_it_is_cut),
        cmocka_unit_test(names_come_apart_from_their_namespace),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(document_types_and_so_entities_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(text_of_an_element_is_bounded),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(the_whole_is_bounded_and_an_error_stays),
        cmocka_unit_test(the_visitor_ends_it_with_its_own_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
