/* Processes are coroutines on one thread; which of those that can runs next, the seed says. A
 * process that is killed is not cut off where it stands: every call that it makes from then on
 * fails without effect until it has unwound, which comes to the same for the world and leaves no
 * memory behind. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/sim/sim.h"

enum { STACK_BYTES = 512 * 1024, STEP_NS_MOST = 200000, GO_ON_PER_MILLE = 500 };

struct context {
    ucontext_t at;
    void *stack;
};

static struct sim_proc procs[SIM_PROCS_MOST];
static struct context contexts[SIM_PROCS_MOST]; /* stacks are kept over seeds */
static ucontext_t scheduler;
static struct sim_proc *running;

void sim_procs_begin(void)
{
    memset(procs, 0, sizeof(procs));
    running = NULL;
}

struct sim_proc *sim_self(void)
{
    return running;
}

struct sim_proc *sim_proc_at(int index)
{
    return index < SIM_PROCS_MOST && procs[index].used ? &procs[index] : NULL;
}

static void begin(void)
{
    running->main(running);
    running->ended = true;
    (void)swapcontext(&contexts[running - procs].at, &scheduler);
}

static void *stack_new(void)
{
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    return stack;
}

struct sim_proc *sim_spawn(enum sim_role role, int index, void (*main)(struct sim_proc *proc))
{
    static const char *const names[] = {"world", "planner", "transfer", "verifier"};
    int slot = 0;
    while (procs[slot].used)
        slot++;
    struct sim_proc *proc = &procs[slot];
    struct context *context = &contexts[slot];
    *proc = (struct sim_proc){.role = role,
                              .index = index,
                              .main = main,
                              .used = true,
                              .silent_ns = -1,
                              .context = context};
    (void)snprintf(proc->name, sizeof(proc->name), "%s-%d", names[role], index);
    if (!context->stack)
        context->stack = stack_new();
    (void)getcontext(&context->at);
    context->at.uc_stack.ss_sp = context->stack;
    context->at.uc_stack.ss_size = STACK_BYTES;
    context->at.uc_link = NULL;
    makecontext(&context->at, begin, 0);
    return proc;
}

static void switch_to(struct sim_proc *proc)
{
    running = proc;
    (void)swapcontext(&scheduler, &contexts[proc - procs].at);
    running = NULL;
}

static void give_turn(void)
{
    (void)swapcontext(&contexts[running - procs].at, &scheduler);
    running->waits_for_log = false;
}

/* ---- what a process calls ---- */

void sim_stop_ns(int64_t ns)
{
    struct sim_proc *self = running;
    sim_note_plain("stopped", ns / SIM_MS, 0);
    self->stopped = true;
    self->silent_ns = sim_now_ns();
    self->wake_ns = sim_now_ns() + ns;
    give_turn();
    self->stopped = false;
    self->silent_ns = -1;
}

static void maybe_stop(void)
{
    int64_t ns = 0;
    if (sim_fault(SIM_FAULT_STOP))
        ns = sim_spread(SIM_FAULTS, SIM_MS, 30 * SIM_SECOND);
    else if (sim_fault(SIM_FAULT_STOP_LONG))
        ns = sim_spread(SIM_FAULTS, 10 * SIM_SECOND, 72 * SIM_HOUR);
    if (ns)
        sim_stop_ns(ns);
}

bool sim_pause(void)
{
    struct sim_proc *self = running;
    if (!self || self->killed)
        return !self;
    if (self->role != SIM_ROLE_WORLD) {
        if (sim_fault(self->role == SIM_ROLE_PLANNER ? SIM_FAULT_KILL_PLANNER
                                                     : SIM_FAULT_KILL_WORKER)) {
            sim_kill(self);
            return false;
        }
        maybe_stop();
    }
    if (!self->killed && !sim_chance(SIM_SCHEDULE, GO_ON_PER_MILLE)) {
        self->wake_ns = sim_now_ns();
        give_turn();
    }
    return !self->killed;
}

void sim_sleep_ns(int64_t ns)
{
    if (!running || running->killed || ns <= 0)
        return;
    running->wake_ns = sim_now_ns() + ns;
    give_turn();
}

void sim_wait_for_log_ns(int64_t ns)
{
    if (!running || running->killed)
        return;
    running->waits_for_log = true;
    running->wake_ns = sim_now_ns() + ns;
    give_turn();
}

void sim_log_changed(void)
{
    for (int i = 0; i < SIM_PROCS_MOST; i++)
        if (procs[i].used && procs[i].waits_for_log) {
            procs[i].waits_for_log = false;
            procs[i].idle = 0;
            procs[i].wake_ns = sim_now_ns() + sim_below(SIM_SCHEDULE, 2 * SIM_MS);
        }
}

void sim_kill(struct sim_proc *proc)
{
    if (proc->killed || proc->ended)
        return;
    sim_note("killed", wb_span_str(proc->name), 0, 0);
    proc->killed = true;
    proc->stopped = false;
    proc->silent_ns = sim_now_ns();
    proc->wake_ns = sim_now_ns();
}

void sim_wake_all(void)
{
    for (int i = 0; i < SIM_PROCS_MOST; i++)
        if (procs[i].used && procs[i].stopped)
            procs[i].wake_ns = sim_now_ns();
}

/* ---- the scheduler ---- */

static int gather_runnable(struct sim_proc **list, int64_t *ret_next_ns)
{
    int count = 0;
    *ret_next_ns = INT64_MAX;
    for (int i = 0; i < SIM_PROCS_MOST; i++) {
        struct sim_proc *proc = &procs[i];
        if (!proc->used || proc->ended)
            continue;
        if (proc->wake_ns <= sim_now_ns())
            list[count++] = proc;
        else if (proc->wake_ns < *ret_next_ns)
            *ret_next_ns = proc->wake_ns;
    }
    return count;
}

bool sim_step(int64_t until_ns)
{
    struct sim_proc *list[SIM_PROCS_MOST];
    int64_t next_ns;
    int count = gather_runnable(list, &next_ns);
    if (count == 0) {
        if (next_ns > until_ns)
            return false;
        sim_time_set(next_ns);
        count = gather_runnable(list, &next_ns);
    }
    sim_time_set(sim_now_ns() + sim_below(SIM_SCHEDULE, STEP_NS_MOST));
    switch_to(list[sim_below(SIM_SCHEDULE, count)]);
    return true;
}

void sim_procs_end(void)
{
    for (int i = 0; i < SIM_PROCS_MOST; i++)
        while (procs[i].used && !procs[i].ended) {
            procs[i].killed = true;
            switch_to(&procs[i]);
        }
}
