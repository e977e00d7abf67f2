#include "cli/commands.h"

const struct wb_command *const wb_commands[] = {
    &wb_cmd_run,          &wb_cmd_watch,      &wb_cmd_put,
    &wb_cmd_status,       &wb_cmd_get,        &wb_cmd_describe,
    &wb_cmd_trace,        &wb_cmd_check,      &wb_cmd_pause,
    &wb_cmd_resume,       &wb_cmd_cancel,     &wb_cmd_topics_init,
    &wb_cmd_topics_check, &wb_cmd_node_add,   &wb_cmd_node_ls,
    &wb_cmd_node_test,    &wb_cmd_node_drain, &wb_cmd_node_undrain,
    &wb_cmd_node_rm,      &wb_cmd_rule_set,   &wb_cmd_rule_ls,
    &wb_cmd_rule_rm,      &wb_cmd_rule_test,  &wb_cmd_settings_get,
    &wb_cmd_settings_set, &wb_cmd_completion, &wb_cmd_help,
    &wb_cmd_man,          &wb_cmd_version,    NULL,
};
