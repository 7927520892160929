#pragma once
/// A manifest's "boot" in JSON (docs/protocol.md).

#include <nlohmann/json.hpp>

#include "wire/boot/boot_plan.h"
#include "wire/json/json_reader.h"

namespace ka::wire {

nlohmann::json encode(const boot::BootPlan& plan);
/// Throws Error naming the field. What its parts mean to each other is for check().
boot::BootPlan decode_boot(const JsonReader& in);

}  // namespace ka::wire
