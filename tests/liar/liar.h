/* The lying server as a child process, steered by lines (liar.py says which). */
#ifndef WB_TESTS_LIAR_LIAR_H
#define WB_TESTS_LIAR_LIAR_H

#include "core/base/hash.h"
#include "tests/liar/helper.h"

enum { LIES_MOST = 512 };

/* A row of the server's table; texts as they stand there. */
struct lie {
    char name[64];
    char kinds[128];
    char classes[128];
    char flags[64];
};

struct liar {
    struct helper helper;
    struct lie lies[LIES_MOST];
    size_t lie_count;
};

/* Ends the program when the server does not start or does not answer. */
struct liar *liar_start(void);
void liar_stop(struct liar **liar);

/* The answer to a line, without its end; valid until the next question. */
char *liar_ask(struct liar *liar, const char *fmt, ...) WB_PRINTF(2, 3);

int liar_port(struct liar *liar, const char *protocol);

/* A file that is just there. */
void liar_put(struct liar *liar, const char *protocol, const char *name, struct wb_span bytes);

/* True when the server really has exactly these bytes under the name. */
bool liar_has(struct liar *liar, const char *protocol, const char *name, struct wb_span bytes);
bool liar_lacks(struct liar *liar, const char *protocol, const char *name);

/* True when a name that holds `part` is there. */
bool liar_knows(struct liar *liar, const char *protocol, const char *part);

/* True when one of the words separated by blanks is `word`. */
bool has_word(const char *words, const char *word);

#endif
