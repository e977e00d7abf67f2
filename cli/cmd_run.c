#include "cli/commands.h"
#include "core/stage/service.h"
#include "planner/planner.h"
#include "transfer/transfer.h"
#include "verifier/verifier.h"

static const struct wb_stage_ops *const stages[] = {&wb_planner_stage, &wb_transfer_stage,
                                                    &wb_verifier_stage};
enum { STAGES = sizeof(stages) / sizeof(stages[0]) };

static int run_run(struct wb_cli *cli)
{
    struct wb_err err;
    int found;
    const char *names[STAGES + 2] = {NULL};
    for (size_t i = 0; i < STAGES; i++)
        names[i] = stages[i]->name;
    names[STAGES] = "all";
    if (wb_cli_choice("stage", cli->words[0], names, &found, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    bool all = found == STAGES;
    return wb_service_run(cli->config, all ? stages : &stages[found], all ? STAGES : 1);
}

const struct wb_command wb_cmd_run = {
    .name = "run",
    .words = "planner|transfer|verifier|all",
    .group = "services",
    .summary = "run a stage of the ring, or all in one process",
    .help = "Runs until SIGTERM or SIGINT, then finishes what is begun (drain_timeout) and exits\n"
            "0; a second signal ends at once. Any number may run; they share the work. Admin\n"
            "HTTP (/livez /readyz /metrics /version) listens at http.listen.\n\n"
            "examples:\n"
            "  waybill run all\n"
            "  waybill run transfer --transfers 8 --site dc2 --listen 127.0.0.1:9470\n",
    .least_words = 1,
    .most_words = 1,
    .run = run_run,
};
