#include "core/base/config.h"

enum { WORD_MAX = 63 };

/* Optimal string alignment distance without transpositions (Levenshtein), one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[len];
}

/* In a short word two letters are most of it. What begins with the word is near. */
static size_t farness(const char *word, const char *name)
{
    size_t len = strlen(word);
    size_t most = len < 5 ? 1 : 2;
    size_t found = distance(word, name);
    if (found > most && len > 1 && strncmp(word, name, len) == 0)
        return most;
    return found > most || found >= len ? SIZE_MAX : found;
}

const char *wb_nearest_name(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    if (strlen(word) > WORD_MAX)
        return NULL;
    for (; *names; names++) {
        if (strlen(*names) > WORD_MAX)
            continue;
        size_t found = farness(word, *names);
        if (found < best) {
            best = found;
            nearest = *names;
        }
    }
    return nearest;
}
