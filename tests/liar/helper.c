#include "tests/liar/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_up(const char *why)
{
    (void)fprintf(stderr, "a helper of the test %s: %s\n", why, strerror(errno));
    exit(1);
}

static void run_script(const char *script, int in, int out)
{
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        (void)execlp("python3", "python3", script, (char *)NULL);
    _exit(127);
}

void helper_start(struct helper *helper, const char *script)
{
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        give_up("gets no pipe");
    helper->pid = fork();
    if (helper->pid == 0)
        run_script(script, to[0], from[1]);
    (void)close(to[0]);
    (void)close(from[1]);
    helper->to = fdopen(to[1], "w");
    helper->from = fdopen(from[0], "r");
    if (helper->pid < 0 || !helper->to || !helper->from)
        give_up("does not start");
}

void helper_stop(struct helper *helper)
{
    (void)fclose(helper->to);
    (void)fclose(helper->from);
    (void)waitpid(helper->pid, NULL, 0);
}

char *helper_more(struct helper *helper)
{
    if (!fgets(helper->answer, sizeof(helper->answer), helper->from))
        give_up("does not answer");
    helper->answer[strcspn(helper->answer, "\n")] = 0;
    return helper->answer;
}

char *helper_ask(struct helper *helper, const char *fmt, va_list args)
{
    (void)vfprintf(helper->to, fmt, args);
    if (fputc('\n', helper->to) == EOF || fflush(helper->to) != 0)
        give_up("does not listen");
    return helper_more(helper);
}
