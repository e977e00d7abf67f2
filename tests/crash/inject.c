#include "tests/crash/inject.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/regs.h"

enum { SYSCALL_STOP = SIGTRAP | 0x80, HUNG_AFTER_S = 60, FLAGS_AT = 4 };

struct tracee {
    const struct injection *injection;
    pid_t pid;
    int index; /* of the call under way, or the next one */
    struct call call;
    bool failing; /* the call under way */
    bool skipped;
    int errnum;
};

void inject_end(void)
{
    (void)syscall(SYS_getppid);
}

static pid_t start(const struct injection *injection)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)alarm(HUNG_AFTER_S);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    (void)raise(SIGSTOP);
    injection->body(injection->arg);
    _exit(0);
}

static bool always_fails(const struct tracee *tracee)
{
    const struct call *fails = tracee->injection->fails;
    return fails && tracee->call.number == fails->number &&
           (!fails->args[FLAGS_AT] || tracee->call.args[FLAGS_AT] == fails->args[FLAGS_AT]);
}

/* A descriptor is given back even when close() fails. */
static bool has_effect_anyway(const struct tracee *tracee)
{
    return tracee->injection->fault.kind == FAULT_LOST || tracee->call.number == SYS_close;
}

static void fail(struct tracee *tracee, int errnum, bool skip)
{
    tracee->failing = true;
    tracee->errnum = errnum;
    tracee->skipped = skip;
    if (skip)
        regs_skip_call(tracee->pid);
}

static void cut_short(const struct tracee *tracee, bool half)
{
    int at = call_row_of(tracee->call.number)->count_at;
    uint64_t count = tracee->call.args[at];
    if (count > 1)
        regs_set_argument(tracee->pid, at, half ? count / 2 : 1);
}

static void on_entry(struct tracee *tracee)
{
    const struct fault *fault = &tracee->injection->fault;
    bool here = tracee->index == fault->at;
    tracee->failing = false;
    if (here && fault->kind == FAULT_MEANWHILE)
        tracee->injection->meanwhile(tracee->injection->arg);
    if (here && fault->kind == FAULT_KILL)
        (void)kill(tracee->pid, SIGKILL);
    else if (always_fails(tracee))
        fail(tracee, tracee->injection->fails_errnum, true);
    else if (here && (fault->kind == FAULT_HALF || fault->kind == FAULT_ONE_BYTE))
        cut_short(tracee, fault->kind == FAULT_HALF);
    else if ((here && (fault->kind == FAULT_ERROR || fault->kind == FAULT_LOST)) ||
             (fault->kind == FAULT_ERRORS && tracee->index >= fault->at &&
              call_can_fail(&tracee->call, fault->errnum)))
        fail(tracee, fault->errnum, !has_effect_anyway(tracee));
}

static void on_exit_of(struct tracee *tracee, int64_t real)
{
    int64_t told = tracee->failing ? -tracee->errnum : real;
    if (tracee->failing)
        regs_set_result(tracee->pid, told);
    if (tracee->injection->watch)
        tracee->injection->watch(tracee->injection->watch_arg, tracee->pid, &tracee->call,
                                 tracee->skipped && tracee->failing ? told : real, told);
    tracee->index++;
}

/* False when what follows is not traced any more. */
static bool on_stop(struct tracee *tracee)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) <= 0)
        return true; /* killed meanwhile */
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        on_exit_of(tracee, info.exit.rval);
        return true;
    }
    if (info.entry.nr == SYS_getppid)
        return false;
    tracee->call.number = (long)info.entry.nr;
    memcpy(tracee->call.args, info.entry.args, sizeof(tracee->call.args));
    on_entry(tracee);
    return true;
}

int inject_run(const struct injection *injection, int *ret_status)
{
    struct tracee tracee = {.injection = injection, .pid = start(injection)};
    int status = 0;
    int signal = 0;
    if (tracee.pid < 0 || waitpid(tracee.pid, &status, 0) < 0 || !WIFSTOPPED(status))
        abort();
    (void)ptrace(PTRACE_SETOPTIONS, tracee.pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    while (ptrace(PTRACE_SYSCALL, tracee.pid, NULL, signal) == 0 || errno == ESRCH) {
        if (waitpid(tracee.pid, &status, 0) < 0 || !WIFSTOPPED(status))
            break;
        bool call = WSTOPSIG(status) == SYSCALL_STOP;
        signal = call ? 0 : WSTOPSIG(status);
        if (call && !on_stop(&tracee)) {
            (void)ptrace(PTRACE_DETACH, tracee.pid, NULL, 0);
            (void)waitpid(tracee.pid, &status, 0);
            break;
        }
    }
    *ret_status = status;
    return tracee.index;
}

static void nothing(void *arg)
{
    (void)arg;
    (void)!write(-1, "", 1);
    inject_end();
}

static void seen(void *arg, pid_t pid, const struct call *call, int64_t real, int64_t told)
{
    (void)pid;
    (void)real;
    *(bool *)arg |= call->number == SYS_write && told == -ENOSPC;
}

bool inject_works(void)
{
    int status;
    bool works = false;
    const struct injection injection = {.body = nothing,
                                        .fault = {.kind = FAULT_ERROR, .errnum = ENOSPC},
                                        .watch = seen,
                                        .watch_arg = &works};
    if (!regs_known())
        return false;
    (void)inject_run(&injection, &status);
    return works;
}
