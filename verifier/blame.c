/* Who is to blame for bytes that differ: what a second look at both sides says. It changes nothing
 * of the verdict; a cause that repeats shows what needs mending. */
#include <stdio.h>

#include "verifier/judge.h"

enum cause { TARGET_READ, SOURCE_READ, TARGET_WRITE };

struct cause_row {
    const char *code;
    enum wb_scope scope;
    const char *text;
};

static const struct cause_row causes[] = {
    [TARGET_READ] = {"TARGET_READ", WB_SCOPE_TARGET,
                     "what was read back differs from what was copied, but not when it is read "
                     "again: the target was read wrong"},
    [SOURCE_READ] = {"SOURCE_READ", WB_SCOPE_SOURCE,
                     "what was copied differs from what the source gives now, which the target "
                     "holds: the source was read wrong"},
    [TARGET_WRITE] =
        {"TARGET_WRITE", WB_SCOPE_TARGET,
         "what was read back differs from what was copied, also when it is read again: "
         "the target was written wrong"},
};

/* False when the range is not there as a whole. */
static bool digest_opened(struct wb_judge *judge, struct wb_file *file,
                          const struct wb_range *range, struct wb_xxh3 *ret)
{
    int64_t got;
    struct wb_err ignored;
    wb_hasher_reset(judge->hasher, false);
    if (wb_judge_digest(judge, file, range->offset, range->length, &got, &ignored) != WB_OK)
        return false;
    wb_hasher_final(judge->hasher, ret, NULL);
    return got == range->length;
}

static bool digest_target(struct wb_judge *judge, const struct wb_result *claim,
                          const struct wb_range *range, struct wb_xxh3 *ret)
{
    struct wb_err ignored;
    struct wb_file *file = NULL;
    bool whole = wb_store_read(judge->target, WB_PLACE_STAGED, wb_span_str(claim->instance), true,
                               &file, &ignored) == WB_OK &&
                 digest_opened(judge, file, range, ret);
    wb_file_close(&file);
    return whole;
}

static bool is_version(struct wb_file *file, const struct wb_version *version)
{
    struct wb_stat stat;
    struct wb_err ignored;
    return wb_file_stat(file, &stat, &ignored) == WB_OK && wb_version_same(version, &stat.version);
}

static bool digest_origin(struct wb_judge *judge, const struct wb_result *claim,
                          const struct wb_range *range, struct wb_xxh3 *ret)
{
    struct wb_err ignored;
    struct wb_file *file = NULL;
    bool whole =
        judge->origin &&
        wb_store_read(judge->origin, WB_PLACE_FINAL, claim->path, true, &file, &ignored) == WB_OK &&
        is_version(file, claim->version) && digest_opened(judge, file, range, ret) &&
        is_version(file, claim->version);
    wb_file_close(&file);
    return whole;
}

static enum cause find_cause(struct wb_judge *judge, const struct wb_result *claim,
                             const struct wb_range *range)
{
    struct wb_xxh3 target;
    struct wb_xxh3 origin;
    if (!digest_target(judge, claim, range, &target))
        return TARGET_WRITE;
    if (wb_span_eq(range->digest, wb_span_of(target.bytes, WB_XXH3_SIZE)))
        return TARGET_READ;
    if (digest_origin(judge, claim, range, &origin) &&
        memcmp(origin.bytes, target.bytes, WB_XXH3_SIZE) == 0)
        return SOURCE_READ;
    return TARGET_WRITE;
}

void wb_judge_blame(struct wb_judge *judge, const struct wb_result *claim,
                    const struct wb_range *range, struct wb_err *err)
{
    const struct cause_row *row = &causes[find_cause(judge, claim, range)];
    (void)wb_err_at(err, row->scope, "prove", WB_CAT_CORRUPT, "%s", row->text);
    /* Copying again may well give a good copy. */
    err->retryable = true;
    (void)snprintf(err->code, sizeof(err->code), "%s", row->code);
}
