/* XML that comes from a server, and so from a stranger: a bounded reader over expat (the only place
 * that includes it). No DOCTYPE, so no entities but the five that XML has; every bound below is an
 * error of category INVALID, as is what is not well-formed.
 *
 * An element is told when it begins and when it ends, then with the text that stood directly in it.
 * Attributes are not told: neither S3 nor WebDAV says anything in them. */
#ifndef WB_STORE_XML_H
#define WB_STORE_XML_H

#include "core/base/buf.h"

enum { WB_XML_DEPTH_MAX = 32, WB_XML_TEXT_MAX = 64 * 1024 };

struct wb_xml_element {
    const char *space;  /* the namespace's name, "" for none */
    const char *name;   /* without prefix */
    int depth;          /* of the outermost element 1 */
    const char *parent; /* name of the element around it, "" for none */
};

/* Both may be NULL. WB_ERROR ends the parse with that error. All arguments are borrowed. */
struct wb_xml_visitor {
    enum wb_rc (*begin)(void *arg, const struct wb_xml_element *element, struct wb_err *err);
    enum wb_rc (*end)(void *arg, const struct wb_xml_element *element, struct wb_span text,
                      struct wb_err *err);
    void *arg;
};

struct wb_xml;

/* `most_bytes`: what the document may have in all. The caller frees; never NULL. */
struct wb_xml *wb_xml_new(const struct wb_xml_visitor *visitor, size_t most_bytes);
void wb_xml_free(struct wb_xml **xml); /* fits WB_AUTO */

/* The document in pieces of any size, then its end: only after _finish was it whole. After an error
 * every further call gives the same one. */
enum wb_rc wb_xml_feed(struct wb_xml *xml, struct wb_span bytes, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_xml_finish(struct wb_xml *xml, struct wb_err *err) WB_MUST_USE;

/* A whole document in one call. */
enum wb_rc wb_xml_parse(struct wb_span bytes, const struct wb_xml_visitor *visitor,
                        struct wb_err *err) WB_MUST_USE;

#endif
