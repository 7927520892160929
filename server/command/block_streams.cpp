#include "server/command/block_streams.h"

#include "base/error.h"
#include "server/golden/used_blocks.h"

namespace ka::server {

namespace {

Awaitable<UsedBlocks> look_at(asio::io_context& io, std::string stage2_root, storage::Node content) {
  const auto& blocks = storage::as<storage::Blocks>(content);
  UsedBlocks all;
  all.extents = {{0, blocks.bytes}};
  if (blocks.format.empty()) co_return all;
  co_return co_await used_blocks(io, stage2_root, blocks.format, "/dev/" + content.on.front(), blocks.bytes);
}

}  // namespace

Awaitable<void> find_used_blocks(asio::io_context& io, Plan& plan, std::string stage2_root) {
  std::vector<std::string> refusals;
  for (const wire::Stream& stream : plan.manifest.streams) {
    storage::Node& node = plan.manifest.storage.at(stream.of);
    UsedBlocks used;
    try {
      used = co_await look_at(io, stage2_root, node);
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

std::unique_ptr<Source> blocks_source(asio::io_context& io, std::string stage2_root, storage::Node content) {
  const std::string device = "/dev/" + content.on.front();
  const std::uint64_t size = storage::as<storage::Blocks>(content).bytes;
  auto find = [&io, root = std::move(stage2_root), content = std::move(content)]() -> Awaitable<ExtentsToRead> {
    UsedBlocks used = co_await look_at(io, root, content);
    ExtentsToRead what{std::move(used.extents), !storage::as<storage::Blocks>(content).format.empty()};
    co_return what;
  };
  return extents_source(io, device, size, std::move(find));
}

}  // namespace ka::server
