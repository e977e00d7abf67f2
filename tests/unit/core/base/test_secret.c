/* Where secrets come from, and which are refused. */
#include "tests/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/secret.h"

struct fixture {
    char folder[64];
    struct wb_config *config;
};

static int begin(void **state)
{
    struct wb_err err;
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/wb-secret-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->config = wb_config_new();
    check_ok(wb_config_set(fixture->config, WB_OPT_SECRETS_DIR, fixture->folder, "test", &err));
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    *state = fixture;
    return 0;
}

static void path_of(const struct fixture *fixture, const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", fixture->folder, name);
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    path_of(fixture, "dav.one", path);
    (void)unlink(path);
    (void)rmdir(fixture->folder);
    wb_config_free(&fixture->config);
    free(fixture);
    return 0;
}

static void keep(const struct fixture *fixture, struct wb_span text, mode_t mode)
{
    char path[128];
    path_of(fixture, "dav.one", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text.data, text.len), text.len);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void a_file_of_the_folder_is_read(void **state)
{
    const struct fixture *fixture = *state;
    char text[WB_SECRET_MAX];
    struct wb_err err;
    keep(fixture, wb_span_str("me:it is\r\n"), 0600);
    check_ok(wb_secret_get(fixture->config, "dav.one", text, &err));
    assert_string_equal(text, "me:it is");
    keep(fixture, wb_span_str("Bearer x"), 0400);
    check_ok(wb_secret_get(fixture->config, "dav.one", text, &err));
    assert_string_equal(text, "Bearer x");
}

static void the_environment_comes_first(void **state)
{
    const struct fixture *fixture = *state;
    char text[WB_SECRET_MAX];
    struct wb_err err;
    keep(fixture, wb_span_str("file"), 0600);
    (void)setenv("WAYBILL_SECRET_DAV_ONE", "environment", 1);
    check_ok(wb_secret_get(fixture->config, "dav.one", text, &err));
    assert_string_equal(text, "environment");
    check_ok(wb_secret_get(NULL, "dav.one", text, &err));
    (void)unsetenv("WAYBILL_SECRET_DAV_ONE");
    (void)setenv("CREDENTIALS_DIRECTORY", fixture->folder, 1);
    check_ok(wb_secret_get(NULL, "dav.one", text, &err));
    assert_string_equal(text, "file");
    (void)unsetenv("CREDENTIALS_DIRECTORY");
}

static void what_others_can_read_is_refused(void **state)
{
    static const mode_t modes[] = {0644, 0640, 0602, 0620};
    const struct fixture *fixture = *state;
    char text[WB_SECRET_MAX];
    struct wb_err err;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        keep(fixture, wb_span_str("hush:hush"), modes[i]);
        check_fails(wb_secret_get(fixture->config, "dav.one", text, &err), WB_CAT_DENIED,
                    "open to others");
    }
}

static void what_is_no_line_of_text_is_refused_and_not_told(void **state)
{
    static const char *const bad[] = {"", "\n", "hush\nhush\n", "hush\r\nX: y", "hush\x01"};
    const struct fixture *fixture = *state;
    char text[WB_SECRET_MAX];
    char much[WB_SECRET_MAX];
    struct wb_err err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        keep(fixture, wb_span_str(bad[i]), 0600);
        check_fails(wb_secret_get(fixture->config, "dav.one", text, &err), WB_CAT_DENIED, "");
        assert_null(strstr(err.text, "hush"));
        assert_int_equal(text[0], 0);
    }
    memset(much, 'h', sizeof(much));
    keep(fixture, wb_span_of(much, sizeof(much)), 0600);
    check_fails(wb_secret_get(fixture->config, "dav.one", text, &err), WB_CAT_DENIED, "");
    keep(fixture, wb_span_of("a\0b", 3), 0600);
    check_fails(wb_secret_get(fixture->config, "dav.one", text, &err), WB_CAT_DENIED, "");
}

static void one_that_is_nowhere_is_denied(void **state)
{
    const struct fixture *fixture = *state;
    char text[WB_SECRET_MAX];
    struct wb_err err;
    check_fails(wb_secret_get(fixture->config, "other", text, &err), WB_CAT_DENIED, "no secret");
    check_fails(wb_secret_get(NULL, "other", text, &err), WB_CAT_DENIED, "no secret");
    check_fails(wb_secret_get(fixture->config, "../x", text, &err), WB_CAT_DENIED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_of_the_folder_is_read, begin, end),
        cmocka_unit_test_setup_teardown(the_environment_comes_first, begin, end),
        cmocka_unit_test_setup_teardown(what_others_can_read_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_line_of_text_is_refused_and_not_told, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_is_nowhere_is_denied, begin, end),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
