/* Lists that two commands show: `node ls` is `get nodes`, `rule ls` is `get rules`. */
#ifndef WB_CLI_LISTS_H
#define WB_CLI_LISTS_H

#include "cli/cli.h"

/* Print the registry's nodes or rules; return the exit code. */
int wb_node_list(const struct wb_cli *cli);
int wb_rule_list(const struct wb_cli *cli);

#endif
