/* Where nodes lie. A target inside its source would be copied into itself without end, each copy
 * being a new file of the source; so would a source inside its target, and any way of rules that
 * leads back to where it began by another name. Nodes that no rule connects may overlap. */
#ifndef WB_CLI_ROOTS_H
#define WB_CLI_ROOTS_H

#include "core/wire/records.h"

/* True when the root of one is that of the other or inside it: by what this machine sees where it
 * sees both, else by their URLs. Nodes of different sites never do. */
bool wb_roots_overlap(const struct wb_node *one, const struct wb_node *other);

/* Whether files that `candidate`, replacing the one of its name among `rules`, copies would come to
 * lie in its source again: USAGE that says where. Names without a node among `nodes` lead nowhere.
 */
enum wb_rc wb_roots_check(struct wb_node *const *nodes, size_t node_count,
                          struct wb_rule *const *rules, size_t rule_count,
                          const struct wb_rule *candidate, struct wb_err *err) WB_MUST_USE;

#endif
