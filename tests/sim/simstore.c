/* Storage under test: between any two steps others run, each step may fail, and what takes effect
 * is told to the record. */
#include "core/store/mem.h"

#include <string.h>

#include "tests/sim/simcheck.h"

struct weather {
    bool full;
    bool read_only;
};

static struct weather weather[SIM_NODES];

void sim_store_weather(int node, bool full, bool read_only)
{
    weather[node] = (struct weather){full, read_only};
}

static bool changes_something(enum wb_mem_step step)
{
    switch (step) {
    case WB_MEM_CREATE:
    case WB_MEM_PUBLISH_MOVE:
    case WB_MEM_DISCARD:
    case WB_MEM_REMOVE_AWAY:
    case WB_MEM_REMOVE_DROP:
    case WB_MEM_WRITE:
    case WB_MEM_SEAL:
        return true;
    default:
        return false;
    }
}

static enum wb_rc weather_check(const struct wb_mem_call *call, struct wb_err *err)
{
    const struct weather *here = &weather[sim_node_index(call->root)];
    bool grows = call->step == WB_MEM_CREATE || call->step == WB_MEM_WRITE;
    if (here->full && grows)
        return wb_err_set(err, WB_CAT_NO_SPACE, "no space left on device");
    if (here->read_only && changes_something(call->step))
        return wb_err_set(err, WB_CAT_READ_ONLY, "read-only file system");
    return WB_OK;
}

/* What can't be taken back. */
static bool is_effect(enum wb_mem_step step)
{
    return step == WB_MEM_PUBLISH_MOVE || step == WB_MEM_DISCARD || step == WB_MEM_REMOVE_AWAY;
}

/* True when it is the source that is read, and the fault happens. */
static bool source_fault(const struct wb_mem_call *call, enum sim_fault fault)
{
    return call->step == WB_MEM_READ && call->place == WB_PLACE_FINAL &&
           strcmp(call->root, sim_nodes[0]) == 0 && sim_self()->role == SIM_ROLE_TRANSFER &&
           sim_file_named(call->name) && sim_fault(fault);
}

static void change_source(const struct wb_mem_call *call)
{
    sim_source_change((int)(sim_file_named(call->name) - sim_file_at(0)));
}

/* The moments at which it does the most harm. */
static void strike(const struct wb_mem_call *call)
{
    if (changes_something(call->step) && call->step != WB_MEM_WRITE &&
        sim_fault(SIM_FAULT_STOP_AT_EFFECT))
        sim_stop_ns(sim_spread(SIM_FAULTS, 10 * SIM_MS, 600 * SIM_SECOND));
    if (source_fault(call, SIM_FAULT_LATE_READ)) {
        sim_stop_ns(sim_spread(SIM_FAULTS, SIM_SECOND, 600 * SIM_SECOND));
        change_source(call);
    }
    if (call->step == WB_MEM_PUBLISH_LOOK && !call->bare && sim_check_first_look(call) &&
        sim_fault(SIM_FAULT_TAMPER))
        (void)wb_mem_flip(call->root, WB_PLACE_STAGED, call->name, false);
}

static void spoil_write(struct wb_mem_call *call)
{
    if (sim_check_is_published(call->inode))
        return;
    if (call->len && sim_fault(SIM_FAULT_FLIP_WRITE))
        call->bytes[sim_below(SIM_FAULTS, (int64_t)call->len)] ^= 1;
    if (call->len && sim_fault(SIM_FAULT_TORN_WRITE))
        call->len = (size_t)sim_below(SIM_FAULTS, (int64_t)call->len);
}

static enum wb_rc before(struct wb_mem_call *call, struct wb_err *err)
{
    if (!sim_pause())
        return wb_err_set(err, WB_CAT_CANCELLED, "killed");
    if (sim_fault(SIM_FAULT_SLOW))
        sim_sleep_ns(sim_spread(SIM_FAULTS, SIM_MS, 5 * SIM_SECOND));
    strike(call);
    if (sim_self()->killed)
        return wb_err_set(err, WB_CAT_CANCELLED, "killed");
    sim_note(wb_mem_step_name(call->step), call->name, (int64_t)call->inode, call->offset);
    if (weather_check(call, err) != WB_OK)
        return WB_ERROR;
    if (sim_fault(SIM_FAULT_IO) || (is_effect(call->step) && sim_fault(SIM_FAULT_REFUSED)))
        return wb_err_set(err, WB_CAT_IO, "input/output error");
    if (call->step == WB_MEM_CREATE)
        sim_check_created(call);
    if (call->step == WB_MEM_WRITE)
        spoil_write(call);
    return WB_OK;
}

/* What a worker that copies is given is not what is there. At the source nothing can tell but the
 * digest that an event claims. */
static void spoil_read(struct wb_mem_call *call)
{
    bool source = call->place == WB_PLACE_FINAL && sim_node_index(call->root) < (sim.chain ? 2 : 1);
    struct sim_file *file = sim_file_named(call->name);
    if (!call->len || sim_self()->role != SIM_ROLE_TRANSFER)
        return;
    if (source && file && sim_fault(SIM_FAULT_FLIP_SOURCE)) {
        file->misread = true;
        call->bytes[sim_below(SIM_FAULTS, (int64_t)call->len)] ^= 0x40;
    }
    if (!source && sim_fault(SIM_FAULT_FLIP_LOOK))
        call->bytes[sim_below(SIM_FAULTS, (int64_t)call->len)] ^= 0x20;
}

static void after_read(struct wb_mem_call *call)
{
    if (source_fault(call, SIM_FAULT_CHANGE_AT_READ))
        change_source(call);
    spoil_read(call);
    if (sim_self()->role != SIM_ROLE_VERIFIER)
        return;
    if (call->len && sim_fault(SIM_FAULT_FLIP_PROOF))
        call->bytes[sim_below(SIM_FAULTS, (int64_t)call->len)] ^=
            0x80; /* undoes no flipped write */
    else
        sim_check_proved(call->inode, call->offset, call->len);
}

static enum wb_rc after(struct wb_mem_call *call, struct wb_err *err)
{
    if (call->step == WB_MEM_READ)
        after_read(call);
    else if (call->step == WB_MEM_WRITE && call->changed)
        sim_check_written(call->inode, call->offset, call->len);
    else if (call->step == WB_MEM_PUBLISH_MOVE)
        sim_check_published(call);
    else if (call->step == WB_MEM_REMOVE_DROP)
        sim_check_removed(call);
    if (changes_something(call->step) && sim_fault(SIM_FAULT_IO_AFTER))
        return wb_err_set(err, WB_CAT_IO, "input/output error after the fact");
    return WB_OK;
}

static enum wb_rc hook(void *arg, struct wb_mem_call *call, struct wb_err *err)
{
    (void)arg;
    if (!sim_self() || sim_self()->role == SIM_ROLE_WORLD)
        return WB_OK;
    return call->done ? after(call, err) : before(call, err);
}

void sim_store_begin(void)
{
    memset(weather, 0, sizeof(weather));
    wb_mem_reset();
    wb_mem_set_hook(hook, NULL);
}
