/* What a command says of its flags, its failures, and before it deletes. */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/parse.h"
#include "core/base/clock.h"
#include "core/base/path.h"

enum { MESSAGE_MAX = 1024, REASON_MAX = 500, EXIT_USAGE = 2, EXIT_KAFKA = 6 };

const char *wb_cli_flag_at(const struct wb_cli *cli, const char *name, size_t index)
{
    const struct wb_parsed *parsed = cli->parsed;
    for (size_t i = 0; i < parsed->given_count; i++)
        if (parsed->given[i].name && strcmp(parsed->given[i].name, name) == 0 && index-- == 0)
            return parsed->given[i].value;
    return NULL;
}

enum wb_rc wb_cli_flag_int(const struct wb_cli *cli, const char *name, int64_t least, int64_t most,
                           int64_t fallback, int64_t *ret, struct wb_err *err)
{
    const char *text = wb_cli_flag(cli, name);
    char *end = NULL;
    *ret = fallback;
    if (!text)
        return WB_OK;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return wb_err_set(err, WB_CAT_USAGE, "--%s: \"%s\" is not a whole number", name, text);
    if (value < least || value > most)
        return wb_err_set(err, WB_CAT_USAGE, "--%s: \"%s\" is not between %lld and %lld", name,
                          text, (long long)least, (long long)most);
    *ret = value;
    return WB_OK;
}

enum wb_rc wb_cli_flag_size(const struct wb_cli *cli, const char *name, int64_t fallback,
                            int64_t *ret, struct wb_err *err)
{
    const char *text = wb_cli_flag(cli, name);
    *ret = fallback;
    if (text && wb_size_parse(text, ret, err) != WB_OK)
        return wb_err_prefix(err, "--%s", name);
    return WB_OK;
}

enum wb_rc wb_cli_choice(const char *what, const char *value, const char *const *words, int *ret,
                         struct wb_err *err)
{
    struct wb_buf list WB_AUTO(wb_buf_free) = wb_buf_make(MESSAGE_MAX);
    for (int i = 0; words[i]; i++) {
        const char *between = i == 0 ? "" : words[i + 1] ? ", " : " and ";
        if (strcmp(words[i], value) == 0) {
            *ret = i;
            return WB_OK;
        }
        if (wb_buf_printf(&list, err, "%s%s", between, words[i]) != WB_OK)
            return WB_ERROR;
    }
    return wb_err_set(err, WB_CAT_USAGE, "unknown %s \"%s\"; there are %s", what, value,
                      wb_buf_cstr(&list));
}

static int exit_code(const struct wb_err *err)
{
    bool of_log = err->scope == WB_SCOPE_LOG &&
                  (err->category == WB_CAT_UNREACHABLE || err->category == WB_CAT_TIMEOUT ||
                   err->category == WB_CAT_IO);
    return of_log ? EXIT_KAFKA : wb_category_exit_code(err->category);
}

int wb_cli_fail_hint(const struct wb_cli *cli, const struct wb_err *err, const char *hint)
{
    char text[MESSAGE_MAX];
    int code = exit_code(err);
    /* The class is for faults of the world; of a wrong word the text says all. */
    if (err->category == WB_CAT_USAGE || err->category == WB_CAT_INVALID)
        (void)snprintf(text, sizeof(text), "%s", err->text);
    else
        wb_err_format(err, text, sizeof(text));
    (void)fflush(stdout);
    (void)fprintf(stderr, "waybill: %s\n", text);
    if (hint)
        (void)fprintf(stderr, "waybill: %s\n", hint);
    else if (code == EXIT_KAFKA && cli->config)
        (void)fprintf(stderr, "waybill: the brokers are \"%s\"; name others with -b HOST:PORT\n",
                      wb_config_text(cli->config, WB_OPT_BROKERS));
    return code;
}

int wb_cli_fail(const struct wb_cli *cli, const struct wb_err *err)
{
    return wb_cli_fail_hint(cli, err, NULL);
}

int wb_cli_usage(const struct wb_cli *cli, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)fprintf(stderr, "waybill: %s\n", text);
    if (cli->command)
        (void)fprintf(stderr, "waybill: see `waybill help %s`\n", cli->command->name);
    return EXIT_USAGE;
}

enum wb_rc wb_cli_check_reason(const struct wb_cli *cli, struct wb_err *err)
{
    const char *reason = wb_cli_flag(cli, "reason");
    if (!reason)
        return WB_OK;
    if (strlen(reason) > REASON_MAX)
        return wb_err_set(err, WB_CAT_USAGE, "--reason: more than %d bytes", REASON_MAX);
    if (!wb_utf8_valid(wb_span_str(reason)))
        return wb_err_set(err, WB_CAT_USAGE, "--reason: not UTF-8");
    for (const char *at = reason; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return wb_err_set(err, WB_CAT_USAGE, "--reason: has a control character");
    return WB_OK;
}

const char *wb_cli_who(char out[WB_WHO_MAX])
{
    char host[64] = "";
    const struct passwd *user = getpwuid(geteuid());
    (void)gethostname(host, sizeof(host) - 1);
    if (user && wb_utf8_valid(wb_span_str(user->pw_name)))
        (void)snprintf(out, WB_WHO_MAX, "%.60s@%s", user->pw_name, host);
    else
        (void)snprintf(out, WB_WHO_MAX, "%ld@%s", (long)geteuid(), host);
    return out;
}

bool wb_cli_confirm(const struct wb_cli *cli, const char *question)
{
    char answer[16];
    if (cli->yes || cli->dry_run)
        return true;
    if (!isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "waybill: %s: not done without an answer; give --yes\n", question);
        return false;
    }
    (void)fprintf(stderr, "%s? [y/N] ", question);
    (void)fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    return answer[0] == 'y' || answer[0] == 'Y';
}
