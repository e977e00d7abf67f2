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
    const char *names[STAGES + 2] = {"all"};
    if (strcmp(cli->words[0], "all") == 0)
        return wb_service_run(cli->config, stages, STAGES);
    for (size_t i = 0; i < STAGES; i++) {
        names[i + 1] = stages[i]->name;
        if (strcmp(cli->words[0], stages[i]->name) == 0)
            return wb_service_run(cli->config, &stages[i], 1);
    }
    const char *nearest = wb_nearest_name(cli->words[0], names);
    if (nearest)
        return wb_cli_usage(cli, "unknown stage \"%s\", did you mean \"%s\"", cli->words[0],
                            nearest);
    return wb_cli_usage(cli, "unknown stage \"%s\"; there are planner, transfer, verifier and all",
                        cli->words[0]);
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
