/* A Python script as a child process that answers lines with lines, and ends with our end of its
 * standard input. */
#ifndef WB_TESTS_LIAR_HELPER_H
#define WB_TESTS_LIAR_HELPER_H

#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/base/buf.h"

enum { ANSWER_MOST = 64 * 1024 };

struct helper {
    pid_t pid;
    FILE *to;
    FILE *from;
    char answer[ANSWER_MOST];
};

/* `script` is its path. Ends the program when it does not start. */
void helper_start(struct helper *helper, const char *script);
void helper_stop(struct helper *helper);

/* The answer to a line, without its end; valid until the next question. Ends the program when there
 * is none. */
char *helper_ask(struct helper *helper, const char *fmt, va_list args) WB_PRINTF(2, 0);
/* The next line of an answer of several. */
char *helper_more(struct helper *helper);

#endif
