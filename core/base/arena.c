/* A list of blocks, newest first; the first one is kept over resets, so that a turn in steady state
 * allocates nothing. */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"

enum { FIRST_BLOCK_BYTES = 64 * 1024 };

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

struct wb_arena {
    struct block *head;
    size_t cap;
    size_t total;
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);
    if (!block)
        abort();
    *block = (struct block){.size = size};
    return block;
}

struct wb_arena *wb_arena_new(size_t cap)
{
    struct wb_arena *arena = wb_xcalloc(1, sizeof(*arena));
    arena->cap = cap;
    arena->head = block_new(FIRST_BLOCK_BYTES);
    return arena;
}

/* Frees all blocks but the oldest, and returns that one. */
static struct block *keep_oldest(struct block *head)
{
    while (head->next) {
        struct block *next = head->next;
        free(head);
        head = next;
    }
    return head;
}

void wb_arena_free(struct wb_arena **arena)
{
    if (!*arena)
        return;
    free(keep_oldest((*arena)->head));
    free(*arena);
    *arena = NULL;
}

void wb_arena_reset(struct wb_arena *arena)
{
    arena->head = keep_oldest(arena->head);
    arena->head->used = 0;
    arena->total = 0;
}

void wb_arena_adopt(struct wb_arena *into, struct wb_arena *from)
{
    if (!from->total)
        return;
    /* Behind the block that is being filled. */
    struct block *last = from->head;
    while (last->next)
        last = last->next;
    last->next = into->head->next;
    into->head->next = from->head;
    into->total += from->total;
    from->head = block_new(FIRST_BLOCK_BYTES);
    from->total = 0;
}

static size_t block_size_for(size_t size)
{
    size_t least = 4 * (size_t)FIRST_BLOCK_BYTES;
    return size > least ? size : least;
}

size_t wb_arena_left(const struct wb_arena *arena)
{
    /* What was adopted may be more than the cap. */
    return arena->total < arena->cap ? arena->cap - arena->total : 0;
}

size_t wb_arena_rounded(size_t size)
{
    const size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

/* Nobody could go on without the memory, and nobody counted what he asked for. */
static void exhausted(const struct wb_arena *arena, size_t size)
{
    (void)fprintf(stderr, "waybill: arena of %zu bytes is exhausted: %zu more asked for\n",
                  arena->cap, size);
    abort();
}

void *wb_arena_alloc(struct wb_arena *arena, size_t size)
{
    size_t rounded = wb_arena_rounded(size);
    if (rounded < size || rounded > wb_arena_left(arena))
        exhausted(arena, size);
    if (arena->head->size - arena->head->used < rounded) {
        struct block *block = block_new(block_size_for(rounded));
        block->next = arena->head;
        arena->head = block;
    }
    void *memory = arena->head->bytes + arena->head->used;
    arena->head->used += rounded;
    arena->total += rounded;
    memset(memory, 0, rounded);
    return memory;
}

struct wb_span wb_arena_span(struct wb_arena *arena, struct wb_span bytes)
{
    uint8_t *copy = wb_arena_alloc(arena, bytes.len + 1);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return wb_span_of(copy, bytes.len);
}

char *wb_arena_strdup(struct wb_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(wb_arena_alloc(arena, size), text, size);
}

char *wb_arena_printf(struct wb_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0)
        abort(); /* a format that is none */
    char *text = wb_arena_alloc(arena, (size_t)need + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)need + 1, fmt, args);
    va_end(args);
    return text;
}
