/* The registers of a traced process at a system call; one source file a kind of machine. */
#ifndef WB_TESTS_CRASH_REGS_H
#define WB_TESTS_CRASH_REGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* False where nobody wrote down what follows. */
bool regs_known(void);
/* At the entry of a call: the kernel executes none instead. */
void regs_skip_call(pid_t pid);
/* At the entry of a call: another value for argument `index`, 1 or 2. */
void regs_set_argument(pid_t pid, int index, uint64_t value);
/* At the exit of a call: what the process sees as its result. */
void regs_set_result(pid_t pid, int64_t result);

#endif
