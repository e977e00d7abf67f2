#include "core/store/xml.h"

#include <expat.h>
#include <stdlib.h>

/* Between namespace and name; no name holds it. */
#define SEPARATOR '\n'

enum { NAMES_MAX = WB_XML_DEPTH_MAX * 1024 };

struct level {
    size_t text_at; /* in `text`: what stands in this element so far */
    size_t name_at; /* in `names` */
};

struct wb_xml {
    XML_Parser parser;
    struct wb_xml_visitor visitor;
    size_t most_bytes;
    size_t bytes;
    int depth;
    struct level levels[WB_XML_DEPTH_MAX + 1];
    struct wb_buf names; /* of the open elements, each with its NUL */
    struct wb_buf text;  /* of the open elements, the innermost last */
    enum wb_rc rc;
    struct wb_err err;
};

static void stop(struct wb_xml *xml, enum wb_rc rc)
{
    if (rc == WB_OK || xml->rc != WB_OK)
        return;
    xml->rc = WB_ERROR;
    (void)XML_StopParser(xml->parser, XML_FALSE);
}

static enum wb_rc refuse(struct wb_xml *xml, const char *what)
{
    (void)wb_err_set(&xml->err, WB_CAT_INVALID, "%s in the reply's xml", what);
    return WB_ERROR;
}

/* `space SEPARATOR name` as expat gives it; both stay in `names` until the element ends. */
static struct wb_xml_element element_of(const struct wb_xml *xml)
{
    const char *names = (const char *)xml->names.data;
    const char *space = names + xml->levels[xml->depth].name_at;
    const char *parent = xml->depth > 1 ? names + xml->levels[xml->depth - 1].name_at : NULL;
    return (struct wb_xml_element){
        .space = space,
        .name = space + strlen(space) + 1,
        .depth = xml->depth,
        .parent = parent ? parent + strlen(parent) + 1 : "",
    };
}

static enum wb_rc open_level(struct wb_xml *xml, const char *full)
{
    const char *at = strchr(full, SEPARATOR);
    size_t space_len = at ? (size_t)(at - full) : 0;
    if (xml->depth == WB_XML_DEPTH_MAX)
        return refuse(xml, "too many elements within each other");
    xml->depth++;
    xml->levels[xml->depth] = (struct level){.text_at = xml->text.len, .name_at = xml->names.len};
    if (wb_buf_append(&xml->names, wb_span_of(full, space_len), &xml->err) != WB_OK ||
        wb_buf_append(&xml->names, wb_span_of("", 1), &xml->err) != WB_OK ||
        wb_buf_append(&xml->names, wb_span_str(at ? at + 1 : full), &xml->err) != WB_OK ||
        wb_buf_append(&xml->names, wb_span_of("", 1), &xml->err) != WB_OK)
        return refuse(xml, "a name that is too long");
    return WB_OK;
}

static void XMLCALL on_begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct wb_xml *xml = arg;
    (void)attributes;
    if (xml->rc != WB_OK)
        return;
    enum wb_rc rc = open_level(xml, name);
    if (rc == WB_OK && xml->visitor.begin) {
        struct wb_xml_element element = element_of(xml);
        rc = xml->visitor.begin(xml->visitor.arg, &element, &xml->err);
    }
    stop(xml, rc);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct wb_xml *xml = arg;
    (void)name;
    if (xml->rc != WB_OK)
        return;
    const struct level *level = &xml->levels[xml->depth];
    struct wb_span text = wb_span_of(xml->text.data ? xml->text.data + level->text_at : NULL,
                                     xml->text.len - level->text_at);
    struct wb_xml_element element = element_of(xml);
    if (xml->visitor.end)
        stop(xml, xml->visitor.end(xml->visitor.arg, &element, text, &xml->err));
    xml->text.len = level->text_at;
    xml->names.len = level->name_at;
    xml->depth--;
}

static void XMLCALL on_text(void *arg, const XML_Char *bytes, int len)
{
    struct wb_xml *xml = arg;
    if (xml->rc != WB_OK)
        return;
    size_t have = xml->text.len - xml->levels[xml->depth].text_at;
    if ((size_t)len > WB_XML_TEXT_MAX - have ||
        wb_buf_append(&xml->text, wb_span_of(bytes, (size_t)len), &xml->err) != WB_OK)
        stop(xml, refuse(xml, "a text that is too long"));
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    struct wb_xml *xml = arg;
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    if (xml->rc == WB_OK)
        stop(xml, refuse(xml, "a document type"));
}

struct wb_xml *wb_xml_new(const struct wb_xml_visitor *visitor, size_t most_bytes)
{
    struct wb_xml *xml = wb_xcalloc(1, sizeof(*xml));
    xml->visitor = *visitor;
    xml->most_bytes = most_bytes;
    xml->names = wb_buf_make(NAMES_MAX);
    xml->text = wb_buf_make((size_t)WB_XML_DEPTH_MAX * WB_XML_TEXT_MAX);
    xml->parser = XML_ParserCreateNS(NULL, SEPARATOR);
    if (!xml->parser)
        abort(); /* memory is out, as in wb_xcalloc */
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(xml->parser, on_text);
    XML_SetStartDoctypeDeclHandler(xml->parser, on_doctype);
    return xml;
}

void wb_xml_free(struct wb_xml **xml)
{
    if (!*xml)
        return;
    XML_ParserFree((*xml)->parser);
    wb_buf_free(&(*xml)->names);
    wb_buf_free(&(*xml)->text);
    free(*xml);
    *xml = NULL;
}

static enum wb_rc parse(struct wb_xml *xml, struct wb_span bytes, bool final, struct wb_err *err)
{
    if (xml->rc == WB_OK && bytes.len > xml->most_bytes - xml->bytes)
        xml->rc = refuse(xml, "more bytes than there may be");
    xml->bytes += xml->rc == WB_OK ? bytes.len : 0;
    if (xml->rc == WB_OK &&
        XML_Parse(xml->parser, (const char *)bytes.data, (int)bytes.len, final) != XML_STATUS_OK &&
        xml->rc == WB_OK)
        xml->rc = wb_err_set(&xml->err, WB_CAT_INVALID, "the reply is no xml: %s",
                             XML_ErrorString(XML_GetErrorCode(xml->parser)));
    if (xml->rc != WB_OK)
        *err = xml->err;
    return xml->rc;
}

enum wb_rc wb_xml_feed(struct wb_xml *xml, struct wb_span bytes, struct wb_err *err)
{
    return parse(xml, bytes, false, err);
}

enum wb_rc wb_xml_finish(struct wb_xml *xml, struct wb_err *err)
{
    return parse(xml, wb_span_of("", 0), true, err);
}

enum wb_rc wb_xml_parse(struct wb_span bytes, const struct wb_xml_visitor *visitor,
                        struct wb_err *err)
{
    struct wb_xml *xml WB_AUTO(wb_xml_free) = wb_xml_new(visitor, bytes.len);
    if (wb_xml_feed(xml, bytes, err) != WB_OK)
        return WB_ERROR;
    return wb_xml_finish(xml, err);
}
