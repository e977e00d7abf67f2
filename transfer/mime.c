#include <magic.h>
#include <stdlib.h>

#include "core/stage/pool.h"
#include "transfer/exec.h"

enum { LOOK_BYTES = 64 * 1024 };

struct wb_magic {
    magic_t cookie;
    bool tried;
};

struct wb_magic *wb_magic_new(void)
{
    return wb_xcalloc(1, sizeof(struct wb_magic));
}

void wb_magic_free(struct wb_magic **magic)
{
    if (!*magic)
        return;
    if ((*magic)->cookie)
        magic_close((*magic)->cookie);
    free(*magic);
    *magic = NULL;
}

static bool loaded(struct wb_magic *magic)
{
    if (magic->tried)
        return magic->cookie != NULL;
    magic->tried = true;
    magic->cookie = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
    if (magic->cookie && magic_load(magic->cookie, NULL) != 0) {
        magic_close(magic->cookie);
        magic->cookie = NULL;
    }
    return magic->cookie != NULL;
}

const char *wb_magic_mime(struct wb_magic *magic, struct wb_exec *exec, struct wb_file *file)
{
    struct wb_err err;
    size_t len;
    if (!loaded(magic))
        return "";
    uint8_t *block = wb_pool_get(exec->env->pool);
    const char *mime = NULL;
    if (wb_file_read(file, 0, block, LOOK_BYTES, &len, &err) == WB_OK)
        mime = magic_buffer(magic->cookie, block, len);
    wb_pool_put(exec->env->pool, block);
    return mime ? mime : "";
}
