#include "tests/liar/liar.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NAME_MOST = 1024 };

char *liar_ask(struct liar *liar, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *answer = helper_ask(&liar->helper, fmt, args);
    va_end(args);
    return answer;
}

/* The fields of a row are separated by bars; an empty one is fine. */
static void take_field(char **at, char *out, size_t size)
{
    size_t len = strcspn(*at, "|");
    (void)snprintf(out, size, "%.*s", (int)len, *at);
    *at += len + ((*at)[len] != 0);
}

static void read_table(struct liar *liar)
{
    for (char *line = liar_ask(liar, "table"); strcmp(line, ".") != 0;
         line = helper_more(&liar->helper)) {
        struct lie *lie = &liar->lies[liar->lie_count++];
        take_field(&line, lie->name, sizeof(lie->name));
        take_field(&line, lie->kinds, sizeof(lie->kinds));
        take_field(&line, lie->classes, sizeof(lie->classes));
        take_field(&line, lie->flags, sizeof(lie->flags));
        if (liar->lie_count == LIES_MOST) {
            (void)fprintf(stderr, "there are more than %d lies\n", LIES_MOST);
            exit(1);
        }
    }
}

struct liar *liar_start(void)
{
    struct liar *liar = wb_xcalloc(1, sizeof(*liar));
    helper_start(&liar->helper, WB_SOURCE_DIR "/tests/liar/liar.py");
    read_table(liar);
    return liar;
}

void liar_stop(struct liar **liar)
{
    if (!*liar)
        return;
    helper_stop(&(*liar)->helper);
    free(*liar);
    *liar = NULL;
}

int liar_port(struct liar *liar, const char *protocol)
{
    char key[16];
    int len = snprintf(key, sizeof(key), "%s=", protocol);
    const char *at = strstr(liar_ask(liar, "ports"), key);
    return at ? (int)strtol(at + len, NULL, 10) : 0;
}

static const char *hex_of(const char *name, char out[2 * NAME_MOST + 1])
{
    wb_hex_format(wb_span_of(name, strnlen(name, NAME_MOST)), out);
    return out;
}

void liar_put(struct liar *liar, const char *protocol, const char *name, struct wb_span bytes)
{
    char hex[2 * NAME_MOST + 1];
    int fd = memfd_create("liar", MFD_CLOEXEC);
    for (size_t done = 0; done < bytes.len;) {
        ssize_t got = write(fd, bytes.data + done, bytes.len - done);
        if (got < 0)
            break;
        done += (size_t)got;
    }
    (void)liar_ask(liar, "put %s %s /proc/%d/fd/%d", protocol, hex_of(name, hex), (int)getpid(),
                   fd);
    (void)close(fd);
}

static const char *peek(struct liar *liar, const char *protocol, const char *name)
{
    char hex[2 * NAME_MOST + 1];
    return liar_ask(liar, "peek %s %s", protocol, hex_of(name, hex));
}

bool liar_has(struct liar *liar, const char *protocol, const char *name, struct wb_span bytes)
{
    char want[128];
    char sum[2 * WB_SHA256_SIZE + 1];
    struct wb_xxh3 ignored;
    struct wb_sha256 sha256;
    struct wb_hasher *hasher WB_AUTO(wb_hasher_free) = wb_hasher_new(true);
    wb_hasher_update(hasher, bytes);
    wb_hasher_final(hasher, &ignored, &sha256);
    wb_hex_format(wb_span_of(sha256.bytes, WB_SHA256_SIZE), sum);
    (void)snprintf(want, sizeof(want), "%zu %s", bytes.len, sum);
    return strcmp(peek(liar, protocol, name), want) == 0;
}

bool liar_lacks(struct liar *liar, const char *protocol, const char *name)
{
    return strcmp(peek(liar, protocol, name), "absent") == 0;
}

bool liar_knows(struct liar *liar, const char *protocol, const char *part)
{
    char hex[2 * NAME_MOST + 1];
    hex_of(part, hex);
    return strstr(liar_ask(liar, "names %s", protocol), hex) != NULL;
}

bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
            return true;
    return false;
}
