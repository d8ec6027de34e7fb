/* SPDX-License-Identifier: MIT */
#pragma once

/* The orders of talkers: the most first. Private to stats.c. */

#include "base/top.h"
#include "stats/stats.h"

/* Offers it Talkers. `order` must live as long as it is used. */
Top talker_top(Talker *items, size_t max, TalkerOrder *order);
