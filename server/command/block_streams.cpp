#include "server/command/block_streams.h"

#include "base/error.h"
#include "server/golden/used_blocks.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

Awaitable<UsedBlocks> look_at(asio::io_context& io, std::string stage2_root, storage::Node content,
                              std::string device) {
  const auto& blocks = storage::as<storage::Blocks>(content);
  UsedBlocks all;
  all.extents = {{0, blocks.bytes}};
  if (blocks.format.empty()) co_return all;
  co_return co_await used_blocks(io, stage2_root, blocks.format, std::move(device), blocks.bytes);
}

}  // namespace

std::string source_of(const storage::Storage& storage, const storage::Id& content) {
  return storage::device_path(storage, storage.at(storage.at(content).on.front()));
}

Awaitable<void> find_used_blocks(asio::io_context& io, Plan& plan, std::string stage2_root) {
  std::vector<std::string> refusals;
  for (const wire::Stream& stream : plan.manifest.streams) {
    storage::Node& node = plan.manifest.storage.at(stream.of);
    UsedBlocks used;
    try {
      const std::string device = source_of(plan.manifest.storage, node.id);
      used = co_await look_at(io, stage2_root, node, device);
    } catch (const Error& error) {
      refusals.push_back("-D " + node.on.front() + ": " + error.what());
      continue;
    }
    auto& blocks = std::get<storage::Blocks>(node.what);
    if (!used.why_all.empty()) {
      plan.warnings.push_back("-D " + node.on.front() + " (" + blocks.format + "): all blocks are copied, since " +
                              used.why_all);
      blocks.format.clear();
    }
    std::uint64_t& bytes = plan.expected_blocks[node.id];
    for (const wire::Extent& extent : used.extents) bytes += extent.size;
  }
  if (!refusals.empty()) throw Refusal(refusals, plan.warnings);
}

std::unique_ptr<Source> blocks_source(asio::io_context& io, std::string stage2_root, const storage::Storage& storage,
                                      const storage::Id& id) {
  const std::string device = source_of(storage, id);
  storage::Node content = storage.at(id);
  const std::uint64_t size = storage::as<storage::Blocks>(content).bytes;
  auto find = [&io, root = std::move(stage2_root), content = std::move(content), device]() -> Awaitable<ExtentsToRead> {
    UsedBlocks used = co_await look_at(io, root, content, device);
    ExtentsToRead what{std::move(used.extents), !storage::as<storage::Blocks>(content).format.empty()};
    co_return what;
  };
  return extents_source(io, device, size, std::move(find));
}

}  // namespace ka::server
