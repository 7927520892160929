#pragma once
/// The kept log of a node, for a page that shows it as it grows: a piece of the file at a time, and where the next one
/// begins. Nothing is remembered of who asks, so whoever asks slowly, or not at all, costs nothing.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace ka::server {

/// The file of the node with that NodeStatus::number, open to be read; invalid: none is kept.
using OpenLog = std::function<UniqueFd(std::size_t number)>;

/// Whole lines from byte `from` of the file on, 64 KiB of it at most; without `from`, or where the file has become
/// shorter, the last ones. As JSON: {"kept", "from", "next", "lines"}; nothing in a line moves a cursor.
std::string log_piece_json(const UniqueFd& file, std::optional<std::uint64_t> from);

}  // namespace ka::server
