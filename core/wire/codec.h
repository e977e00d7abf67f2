/* Records <-> bytes. Framing by first byte: `00` + 4-byte schema id (Confluent wire format), or
 * `C3 01` + little-endian CRC-64-AVRO of the writer's schema in Parsing Canonical Form (Avro 1.11
 * spec, "Single-object encoding"); FileEvents also as JSON (first byte `{`). We write single-object
 * frames. Decoding walks the *writer's* schema over the bytes and sets the fields of the struct by
 * name: missing ones get their default, extra ones are skipped. Every length is checked against the
 * bytes that are left before anything is allocated; a record is at most 1 MiB, an array at most
 * 65,536 items, nesting at most 16, and what is decoded at most wb_decoded_most. avro-c parses the
 * schemas; the walk is ours, since avro-c's decoder trusts lengths. */
#ifndef WB_WIRE_CODEC_H
#define WB_WIRE_CODEC_H

#include "core/wire/records.h"

enum { WB_RECORD_MAX = 1024 * 1024, WB_RECORD_ITEMS_MAX = 65536 };

/* Bytes of an arena that a record of `len` bytes may take. Those of our schemas stay below: a
 * result with nothing but an error takes the most, 35 times its bytes. */
static inline size_t wb_decoded_most(size_t len)
{
    return 16 * (size_t)1024 + 40 * len;
}

/* Immutable after setup but for _add_schema; one per thread. */
struct wb_codec;

/* With the schemas compiled in (schemas/). */
enum wb_rc wb_codec_new(struct wb_codec **ret, struct wb_err *err) WB_MUST_USE;
void wb_codec_free(struct wb_codec **codec); /* fits WB_AUTO */

/* A writer's schema from elsewhere (registry, older version): by Confluent id (`id` >= 0) and by
 * its fingerprint. The record's full name says which type it is. INVALID when it is no schema. */
enum wb_rc wb_codec_add_schema(struct wb_codec *codec, int32_t id, struct wb_span json,
                               struct wb_err *err) WB_MUST_USE;

/* Appends one framed record. `record` is the struct of `type`. */
enum wb_rc wb_codec_encode(struct wb_codec *codec, enum wb_record_type type, const void *record,
                           struct wb_buf *out, struct wb_err *err) WB_MUST_USE;

/* Decodes into `arena`; `ret_record` points at the struct of `ret_type`. INVALID with what and at
 * which byte for anything malformed or with a schema that is not known; LIMIT when the arena has
 * less left than wb_decoded_most, whatever the record. Spans borrow from `bytes`. */
enum wb_rc wb_codec_decode(struct wb_codec *codec, struct wb_span bytes, struct wb_arena *arena,
                           enum wb_record_type *ret_type, void **ret_record,
                           struct wb_err *err) WB_MUST_USE;

/* The same, and demands `type`. */
enum wb_rc wb_codec_decode_as(struct wb_codec *codec, enum wb_record_type type,
                              struct wb_span bytes, struct wb_arena *arena, void **ret_record,
                              struct wb_err *err) WB_MUST_USE;

/* Fields shared by the JSON form of an event (INTERFACE "File events"): see event_json.c. Fields
 * that are not known are passed over, since producers may be newer. The arena must have
 * wb_decoded_most left. */
enum wb_rc wb_event_from_json(struct wb_span json, struct wb_arena *arena,
                              struct wb_file_event **ret, struct wb_err *err) WB_MUST_USE;
/* For events written by hand: INVALID that names the first field that is not known, with the
 * nearest one; malformed JSON is INVALID, too. */
enum wb_rc wb_event_json_check(struct wb_span json, struct wb_err *err) WB_MUST_USE;

/* CRC-64-AVRO of a schema's Parsing Canonical Form (Avro spec, "Schema Fingerprints"). */
enum wb_rc wb_schema_fingerprint(struct wb_span json, uint64_t *ret,
                                 struct wb_err *err) WB_MUST_USE;

#endif
