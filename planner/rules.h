/* Rules: which files go from a node to which targets and how. */
#ifndef WB_PLANNER_RULES_H
#define WB_PLANNER_RULES_H

#include "core/base/config.h"
#include "planner/plan.h"

/* One target of a file and how it gets there: all the rules that match, merged. */
struct wb_route {
    const char *target;
    struct wb_policy policy;
};

/* What the configuration says where a rule says nothing. */
struct wb_policy wb_rules_defaults(const struct wb_config *config);

/* Demands of one rule: valid names, a pattern, at least one target, none of them its own source;
 * USAGE otherwise. */
enum wb_rc wb_rule_check(const struct wb_rule *rule, struct wb_err *err) WB_MUST_USE;

/* Whether `candidate`, replacing the one of its name among `rules`, would send files round in a
 * circle: USAGE that shows the way ("a -> b -> a"). */
enum wb_rc wb_rules_check_circle(struct wb_rule *const *rules, size_t count,
                                 const struct wb_rule *candidate, struct wb_err *err) WB_MUST_USE;

/* The routes of a file of node `source`, sorted by target; in the arena.
 * Rules that send it to one target make one route: the strictest proof, the highest priority, the
 * first strategy that is not auto, propagated deletes only if all say so. */
size_t wb_rules_routes(struct wb_rule *const *rules, size_t count, const struct wb_policy *defaults,
                       const char *source, struct wb_span path, struct wb_arena *arena,
                       struct wb_route **ret);

#endif
