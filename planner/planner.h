/* Planner: the only stage that decides. */
#ifndef WB_PLANNER_PLANNER_H
#define WB_PLANNER_PLANNER_H

#include "core/stage/service.h"

extern const struct wb_stage_ops wb_planner_stage;

#endif
