#pragma once
/// What the golden machine's initrds hold, looked up once for all nodes: to unpack one takes each of them its time when
/// all its files are there and nothing is left to wait for but that.

#include <string>
#include <vector>

#include "base/asio.h"
#include "wire/manifest.h"

namespace ka::server {

/// Of those in /boot below `root`, by their usual names for each kernel in /lib/modules, and `used`, the paths of those
/// that the clones start with. stage2's programs, seen at `stage2_root`, unpack them. One that is behind a link, or
/// cannot be looked into, is left out: a node looks itself then, and says what is wrong with it.
Awaitable<std::vector<wire::InitrdContent>> look_into_initrds(asio::io_context& io, std::string root,
                                                              std::string stage2_root, std::vector<std::string> used);

}  // namespace ka::server
