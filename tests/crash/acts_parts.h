/* Between the files of the acts only. */
#ifndef WB_TESTS_CRASH_ACTS_PARTS_H
#define WB_TESTS_CRASH_ACTS_PARTS_H

#include "tests/crash/acts.h"

enum { ACT_BYTES_MAX = 1200000 };

struct act_letter {
    char letter;
    enum wb_file_kind kind;
    size_t size;
};

/* Says what errno says and ends the process: the test itself is broken. */
void act_die(const char *what) __attribute__((noreturn));
const struct act_letter *act_letter_of(char letter);
int64_t act_mtime_ns(char letter);
/* The contents of a letter under a path; `out` holds ACT_BYTES_MAX. */
void act_bytes(const char *path, char letter, uint8_t *out);
/* Makes the file and the folders above it. */
void act_file_make(const char *root, const char *path, char letter);

#endif
