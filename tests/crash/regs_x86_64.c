#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "tests/crash/regs.h"

bool regs_known(void)
{
    return true;
}

static struct user_regs_struct get(pid_t pid)
{
    struct user_regs_struct regs = {0};
    (void)ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    return regs;
}

void regs_skip_call(pid_t pid)
{
    struct user_regs_struct regs = get(pid);
    regs.orig_rax = (unsigned long long)-1;
    (void)ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

void regs_set_argument(pid_t pid, int index, uint64_t value)
{
    struct user_regs_struct regs = get(pid);
    if (index == 1)
        regs.rsi = value;
    else
        regs.rdx = value;
    (void)ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}

void regs_set_result(pid_t pid, int64_t result)
{
    struct user_regs_struct regs = get(pid);
    regs.rax = (unsigned long long)result;
    (void)ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}
