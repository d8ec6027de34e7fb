/* SPDX-License-Identifier: MIT */
#pragma once

#include "detect/alert.h"
#include "http/json-out.h"

/* Appends one alert as an object, as in /alerts and in the live view. */
void alert_json(JsonOut *out, const Alert *alert);
