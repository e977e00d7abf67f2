/* Bytes: a span borrows, a buf owns. Every buf has a cap given at birth; growing past it fails
 * (and the buf stays as it was), so nothing that grows is unbounded. */
#ifndef WB_BASE_BUF_H
#define WB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/err.h"

#define WB_AUTO(fn) __attribute__((cleanup(fn)))

struct wb_span {
    const uint8_t *data; /* may be NULL when len is 0; not NUL-terminated */
    size_t len;
};

struct wb_buf {
    uint8_t *data;
    size_t len;
    size_t size;
    size_t cap;
};

static inline struct wb_span wb_span_of(const void *data, size_t len)
{
    return (struct wb_span){.data = data, .len = len};
}

/* The bytes of a C string without its NUL; NULL gives the empty span. */
static inline struct wb_span wb_span_str(const char *text)
{
    return wb_span_of(text, text ? strlen(text) : 0);
}

static inline bool wb_span_eq(struct wb_span a, struct wb_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* memcmp order, the shorter first. */
int wb_span_cmp(struct wb_span a, struct wb_span b);

static inline struct wb_span wb_buf_span(const struct wb_buf *buf)
{
    return wb_span_of(buf->data, buf->len);
}

/* An empty buf that may grow to `cap` bytes; allocates nothing. */
static inline struct wb_buf wb_buf_make(size_t cap)
{
    return (struct wb_buf){.cap = cap};
}

/* Frees the bytes and makes the buf empty; fits WB_AUTO. */
void wb_buf_free(struct wb_buf *buf);

/* Forgets the contents, keeps the memory and the cap. */
static inline void wb_buf_clear(struct wb_buf *buf)
{
    buf->len = 0;
}

/* Room for `extra` more bytes; category LIMIT past the cap, and, to be tried again, out of memory.
 */
enum wb_rc wb_buf_reserve(struct wb_buf *buf, size_t extra, struct wb_err *err) WB_MUST_USE;

/* Append; LIMIT past the cap, and the buf stays as it was. */
enum wb_rc wb_buf_append(struct wb_buf *buf, struct wb_span bytes, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_buf_printf(struct wb_buf *buf, struct wb_err *err, const char *fmt, ...) WB_MUST_USE
    WB_PRINTF(3, 4);

/* The contents as a C string: appends a NUL that does not count in `len`. Valid until the next
 * change. A buf at its cap gets one byte more for it. NULL only when memory is out. */
const char *wb_buf_cstr(struct wb_buf *buf);

/* Memory of one record's life: everything allocated is freed together by _reset or _free; pointers
 * stay put until then. Nothing here ever gives NULL. Growing past `cap` aborts with a message: it
 * is a bound on what others have bounded already, never a check of input. Who takes in what has no
 * other bound asks for _left first, as wb_codec_decode does. */
struct wb_arena;

/* Never NULL: aborts when memory is out, as all the small allocations of this project do. */
struct wb_arena *wb_arena_new(size_t cap);
void wb_arena_free(struct wb_arena **arena); /* fits WB_AUTO; NULL is fine */
void wb_arena_reset(struct wb_arena *arena); /* keeps the first block for the next record */

/* What `from` holds belongs to `into` from now on, and `from` is empty. Caps are not added up. */
void wb_arena_adopt(struct wb_arena *into, struct wb_arena *from);

/* Bytes that may still be allocated, each allocation counted as _rounded gives it. */
size_t wb_arena_left(const struct wb_arena *arena);
size_t wb_arena_rounded(size_t size);

/* Zeroed, aligned for any type. */
void *wb_arena_alloc(struct wb_arena *arena, size_t size) __attribute__((returns_nonnull));

/* Copies; the span's copy is followed by a NUL, so that it is a C string where it holds none. */
struct wb_span wb_arena_span(struct wb_arena *arena, struct wb_span bytes);
char *wb_arena_strdup(struct wb_arena *arena, const char *text) __attribute__((returns_nonnull));
char *wb_arena_printf(struct wb_arena *arena, const char *fmt, ...) WB_PRINTF(2, 3)
    __attribute__((returns_nonnull));

/* malloc/calloc/strdup that abort with a message when memory is out: for small, bounded things.
 * What scales with input goes through a buf or an arena. The caller frees. */
void *wb_xcalloc(size_t count, size_t size);
char *wb_xstrdup(const char *text);

/* free() for WB_AUTO on any pointer variable. */
void wb_free_ptr(void *pointer_to_pointer);

#endif
