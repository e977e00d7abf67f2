/* Verdicts over nodes whose reads are scripted: what each opening of the file gives. */
#include "tests/check.h"

#include "core/stage/pool.h"
#include "verifier/judge.h"

enum { OPENINGS = 3, ARENA = 1 << 20 };

/* A node with one file. A text that is NULL: the opening fails. */
struct fake {
    struct wb_store base; /* first */
    const char *texts[OPENINGS];
    const char *tag;
    const char *etag;
    const char *etag_later; /* from the first reading on; NULL: the same */
    int openings;
    bool gone;
};

struct fake_file {
    struct wb_file base; /* first */
    const char *text;
};

static void fill(const struct fake *fake, struct wb_stat *ret)
{
    bool later = fake->etag_later && fake->openings > 0;
    *ret = (struct wb_stat){.version = {WB_FILE_REGULAR, 5, 7, NULL}};
    (void)snprintf(ret->tag, sizeof(ret->tag), "%s", fake->tag);
    (void)snprintf(ret->etag, sizeof(ret->etag), "%s", later ? fake->etag_later : fake->etag);
    ret->version.etag = ret->etag;
}

static enum wb_rc fake_stat(struct wb_store *store, enum wb_place place, struct wb_span name,
                            struct wb_stat *ret, struct wb_err *err)
{
    const struct fake *fake = (struct fake *)store;
    (void)place;
    (void)name;
    if (fake->gone)
        return wb_err_set(err, WB_CAT_NOT_FOUND, "gone");
    fill(fake, ret);
    return WB_OK;
}

static enum wb_rc fake_open(struct wb_store *store, enum wb_place place, struct wb_span name,
                            bool medium, struct wb_file **ret, struct wb_err *err)
{
    struct fake *fake = (struct fake *)store;
    (void)place;
    (void)name;
    (void)medium;
    assert_true(fake->openings < OPENINGS);
    if (!fake->texts[fake->openings])
        return wb_err_set(err, WB_CAT_IO, "cannot open it");
    struct fake_file *file = wb_xcalloc(1, sizeof(*file));
    file->base = (struct wb_file){store->ops, store};
    file->text = fake->texts[fake->openings];
    *ret = &file->base;
    return WB_OK;
}

static enum wb_rc fake_file_stat(struct wb_file *file, struct wb_stat *ret, struct wb_err *err)
{
    (void)err;
    fill((struct fake *)file->store, ret);
    return WB_OK;
}

static enum wb_rc fake_read(struct wb_file *file, int64_t offset, void *buffer, size_t len,
                            size_t *ret_len, struct wb_err *err)
{
    const char *text = ((struct fake_file *)file)->text;
    size_t size = strlen(text);
    size_t left = (size_t)offset < size ? size - (size_t)offset : 0;
    (void)err;
    *ret_len = left < len ? left : len;
    memcpy(buffer, text + offset, *ret_len);
    ((struct fake *)file->store)->openings++;
    return WB_OK;
}

static void fake_close(struct wb_file *file)
{
    free(file);
}

static const struct wb_store_ops ops = {
    .stat = fake_stat,
    .open = fake_open,
    .file_stat = fake_file_stat,
    .file_read = fake_read,
    .file_close = fake_close,
};

struct fixture {
    struct wb_worker_env env;
    struct wb_report claims;
    struct wb_judge judge;
    struct fake source;
    struct fake target;
    struct wb_xxh3 digest;
    struct wb_range range;
    struct wb_version version;
    struct wb_result claim;
    struct wb_result verdict;
};

/* "bytes" was copied; both sides give it until a test says otherwise. */
static int set_up(void **state)
{
    struct fixture *fixture = wb_xcalloc(1, sizeof(*fixture));
    const struct fake good = {
        .base.ops = &ops, .texts = {"bytes", "bytes", "bytes"}, .tag = "tag", .etag = "etag"};
    fixture->source = fixture->target = good;
    fixture->env.pool = wb_pool_new(WB_POOL_BLOCK_BYTES);
    fixture->claims.from = "";
    fixture->digest = wb_xxh3_of(wb_span_str("bytes"));
    fixture->range = (struct wb_range){
        .length = 5, .digest = wb_span_of(fixture->digest.bytes, WB_XXH3_SIZE), .tag = ""};
    fixture->version = (struct wb_version){WB_FILE_REGULAR, 5, 7, "etag"};
    fixture->claim = (struct wb_result){.path = wb_span_str("x"),
                                        .outcome = WB_OUTCOME_COPIED,
                                        .version = &fixture->version,
                                        .instance = "j.1",
                                        .tag = "tag",
                                        .ranges = &fixture->range,
                                        .range_count = 1};
    fixture->judge = (struct wb_judge){.env = &fixture->env,
                                       .hasher = wb_hasher_new(true),
                                       .claims = &fixture->claims,
                                       .arena = wb_arena_new(ARENA),
                                       .source = &fixture->source.base,
                                       .origin = &fixture->source.base,
                                       .target = &fixture->target.base};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wb_hasher_free(&fixture->judge.hasher);
    wb_arena_free(&fixture->judge.arena);
    wb_pool_free(&fixture->env.pool);
    free(fixture);
    return 0;
}

static void check_verdict(struct fixture *fixture, enum wb_outcome want)
{
    fixture->verdict = (struct wb_result){.outcome = WB_OUTCOME_FAILED};
    wb_judge_result(&fixture->judge, &fixture->claim, &fixture->verdict);
    assert_string_equal(wb_outcome_name(fixture->verdict.outcome), wb_outcome_name(want));
}

static void check_blame(struct fixture *fixture, enum wb_scope scope, const char *code)
{
    check_verdict(fixture, WB_OUTCOME_MISMATCH);
    assert_string_equal(fixture->verdict.error->code, code);
    assert_int_equal(fixture->verdict.error->scope, scope);
    assert_int_equal(fixture->verdict.error->category, WB_CAT_CORRUPT);
    assert_true(fixture->verdict.error->retryable);
    assert_int_equal(fixture->verdict.range_count, 1);
}

static void equal_bytes_match(void **state)
{
    struct fixture *fixture = *state;
    check_verdict(fixture, WB_OUTCOME_MATCH);
    assert_int_equal(fixture->verdict.source_state, WB_SOURCE_SAME);
    assert_int_equal(fixture->target.openings, 1);
    assert_int_equal(fixture->source.openings, 0);
}

static void bytes_that_are_right_when_read_again_were_read_wrong(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.texts[0] = "bXtes";
    check_blame(fixture, WB_SCOPE_TARGET, "TARGET_READ");
    fixture->target.openings = 0;
    fixture->claim.outcome = WB_OUTCOME_RANGED;
    check_blame(fixture, WB_SCOPE_TARGET, "TARGET_READ");
}

static void bytes_that_the_source_gives_now_were_read_wrong_there(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.texts[0] = fixture->target.texts[1] = fixture->source.texts[0] = "bXtes";
    check_blame(fixture, WB_SCOPE_SOURCE, "SOURCE_READ");
}

static void bytes_that_only_the_target_holds_were_written_wrong(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.texts[0] = fixture->target.texts[1] = "bXtes";
    check_blame(fixture, WB_SCOPE_TARGET, "TARGET_WRITE");
}

static void a_source_that_went_on_takes_no_blame(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.texts[0] = fixture->target.texts[1] = fixture->source.texts[0] = "bXtes";
    fixture->source.etag = "another";
    check_blame(fixture, WB_SCOPE_TARGET, "TARGET_WRITE");
    assert_int_equal(fixture->verdict.source_state, WB_SOURCE_CHANGED);
}

static void a_source_that_is_away_fails_no_proof(void **state)
{
    struct fixture *fixture = *state;
    fixture->judge.source = fixture->judge.origin = NULL;
    check_verdict(fixture, WB_OUTCOME_MATCH);
    assert_int_equal(fixture->verdict.source_state, WB_SOURCE_UNKNOWN);
    fixture->target.texts[1] = fixture->target.texts[2] = "bXtes";
    check_blame(fixture, WB_SCOPE_TARGET, "TARGET_WRITE");
}

static void a_replica_has_an_etag_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    fixture->claims.from = "c";
    fixture->version.etag = "replica's";
    check_verdict(fixture, WB_OUTCOME_MATCH);
    assert_int_equal(fixture->verdict.source_state, WB_SOURCE_SAME);
}

static void a_present_file_is_proved_by_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    fixture->claim.outcome = WB_OUTCOME_PRESENT;
    fixture->claim.instance = "";
    check_verdict(fixture, WB_OUTCOME_MATCH);
    fixture->target.texts[1] = "bXtes";
    check_verdict(fixture, WB_OUTCOME_MISMATCH);
    assert_int_equal(fixture->verdict.error->category, WB_CAT_CONFLICT);
    assert_true(fixture->verdict.error->retryable);
}

static void a_present_file_that_changes_meanwhile_is_not_proved(void **state)
{
    struct fixture *fixture = *state;
    fixture->claim.outcome = WB_OUTCOME_PRESENT;
    fixture->target.etag_later = "later";
    check_verdict(fixture, WB_OUTCOME_MISMATCH);
    fixture->target.tag = "another";
    check_verdict(fixture, WB_OUTCOME_MISMATCH);
    fixture->target.gone = true;
    check_verdict(fixture, WB_OUTCOME_FAILED);
}

#define JUDGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JUDGE_TEST(equal_bytes_match),
        JUDGE_TEST(bytes_that_are_right_when_read_again_were_read_wrong),
        JUDGE_TEST(bytes_that_the_source_gives_now_were_read_wrong_there),
        JUDGE_TEST(bytes_that_only_the_target_holds_were_written_wrong),
        JUDGE_TEST(a_source_that_went_on_takes_no_blame),
        JUDGE_TEST(a_source_that_is_away_fails_no_proof),
        JUDGE_TEST(a_replica_has_an_etag_of_its_own),
        JUDGE_TEST(a_present_file_is_proved_by_its_bytes),
        JUDGE_TEST(a_present_file_that_changes_meanwhile_is_not_proved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
