/* The commands there are; each is defined in the file of its group (cmd_<group>.c). */
#ifndef WB_CLI_COMMANDS_H
#define WB_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct wb_command wb_cmd_run;
extern const struct wb_command wb_cmd_watch;
extern const struct wb_command wb_cmd_put;
extern const struct wb_command wb_cmd_status;
extern const struct wb_command wb_cmd_get;
extern const struct wb_command wb_cmd_describe;
extern const struct wb_command wb_cmd_trace;
extern const struct wb_command wb_cmd_check;
extern const struct wb_command wb_cmd_pause;
extern const struct wb_command wb_cmd_resume;
extern const struct wb_command wb_cmd_cancel;
extern const struct wb_command wb_cmd_topics_init;
extern const struct wb_command wb_cmd_topics_check;
extern const struct wb_command wb_cmd_node_add;
extern const struct wb_command wb_cmd_node_ls;
extern const struct wb_command wb_cmd_node_test;
extern const struct wb_command wb_cmd_node_drain;
extern const struct wb_command wb_cmd_node_undrain;
extern const struct wb_command wb_cmd_node_rm;
extern const struct wb_command wb_cmd_rule_set;
extern const struct wb_command wb_cmd_rule_ls;
extern const struct wb_command wb_cmd_rule_rm;
extern const struct wb_command wb_cmd_rule_test;
extern const struct wb_command wb_cmd_settings_get;
extern const struct wb_command wb_cmd_settings_set;
extern const struct wb_command wb_cmd_completion;
extern const struct wb_command wb_cmd_help;
extern const struct wb_command wb_cmd_man;
extern const struct wb_command wb_cmd_version;

#endif
