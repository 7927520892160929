#pragma once
/// Whether this machine may have disks that nobody sees: a storage controller without a driver, one that has not found
/// its disks yet, disks behind a controller's back. Where that may be, the only disk that is seen is not the only disk.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ka::agent {

/// Each reason in words, with the device's place, ids and modalias; empty: what is seen is all there is.
/// `drives_storage` says whether a module that is at hand serves this modalias and drives storage: devices of buses
/// that have no classes (platform, ACPI) are known by nothing else.
std::vector<std::string> storage_doubts(const std::string& sysfs,
                                        const std::function<bool(std::string_view modalias)>& drives_storage);

}  // namespace ka::agent
