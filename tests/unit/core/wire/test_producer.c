/* Settings of clients, and errors of a producer by which many threads send. Not under TSan, which
 * does not know the threads that librdkafka makes. */
#include <pthread.h>

#include "core/wire/log.h"
#include "tests/check.h"

enum { THREADS = 4, SENDS = 200, LARGE = 4000 };

static void *send_what_is_too_large(void *arg)
{
    static const char bytes[LARGE];
    struct wb_err err;
    for (int i = 0; i < SENDS; i++) {
        if (wb_producer_send(arg, "t", 0, wb_span_of(NULL, 0), wb_span_of(bytes, LARGE), 0, &err) !=
                WB_ERROR ||
            err.category != WB_CAT_LIMIT || wb_producer_state(arg) != WB_PRODUCER_FINE)
            return arg;
    }
    return NULL;
}

static void threads_that_fail_at_once_are_each_told(void **state)
{
    pthread_t threads[THREADS];
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    struct wb_producer *producer WB_AUTO(wb_producer_free) = NULL;
    (void)state;
    check_ok(wb_config_set(config, WB_OPT_BROKERS, "127.0.0.1:1", "test", &err));
    check_ok(wb_config_set(config, WB_OPT_KAFKA, "message.max.bytes=2000", "test", &err));
    /* What the client logs of its connection is not this test's. */
    check_ok(wb_config_set(config, WB_OPT_KAFKA, "log_level=0", "test", &err));
    check_ok(wb_producer_new(config, NULL, NULL, NULL, &producer, &err));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_what_is_too_large, producer), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void a_setting_that_kafka_does_not_know_is_named_with_its_place(void **state)
{
    struct wb_err err;
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    struct wb_config *other WB_AUTO(wb_config_free) = wb_config_new();
    struct wb_producer *producer = NULL;
    (void)state;
    check_ok(
        wb_config_load_text(config, "w.yaml", wb_span_str("kafka:\n  sasl.usernam: u\n"), &err));
    check_fails(wb_producer_new(config, NULL, NULL, NULL, &producer, &err), WB_CAT_USAGE,
                "w.yaml:2:3: unknown kafka setting \"sasl.usernam\", did you mean "
                "\"sasl.username\"");
    check_ok(wb_config_set(other, WB_OPT_KAFKA_PRODUCER, "linger.ms=secret", "-X", &err));
    check_fails(wb_producer_new(other, NULL, NULL, NULL, &producer, &err), WB_CAT_USAGE,
                "-X: kafka setting \"linger.ms\" has a bad value");
    assert_null(strstr(err.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_fail_at_once_are_each_told),
        cmocka_unit_test(a_setting_that_kafka_does_not_know_is_named_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
