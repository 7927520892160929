#pragma once
/// The sessions that carry partitions block by block (-D).

#include <memory>
#include <string>

#include "base/asio.h"
#include "server/job/source.h"
#include "server/plan/plan.h"

namespace ka::server {

/// Asks of each which of its blocks are used, before anybody waits, and notes in the plan how many bytes that makes;
/// where it cannot be told, all are copied, with a warning. Throws Refusal of what must not be copied as it is.
Awaitable<void> find_used_blocks(asio::io_context& io, Plan& plan, std::string stage2_root);

/// The device here whose blocks a content's are: "/dev/sda5".
std::string source_of(const storage::Storage& storage, const storage::Id& content);

/// Asks again, and sends them. `id`: of a storage::Blocks of the plan.
std::unique_ptr<Source> blocks_source(asio::io_context& io, std::string stage2_root, const storage::Storage& storage,
                                      const storage::Id& id);

}  // namespace ka::server
