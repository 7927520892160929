#include "wire/extents.h"

#include <algorithm>

#include "wire/codec.h"

namespace ka::wire {

namespace {

constexpr const char* doing = "take blocks";

}  // namespace

std::string extent_header(const Extent& extent) {
  std::string header;
  Writer write(header);
  write(extent.offset);
  write(extent.size);
  return header;
}

std::string extents_end(std::uint64_t device_size) { return extent_header({device_size, 0}); }

void ExtentReader::take(std::span<const std::byte> bytes, const Found& found) {
  while (!bytes.empty()) {
    if (ended_) throw ProtocolError(doing, "there is more behind the end");
    if (left_ > 0) {
      const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      found(at_, bytes.first(some));
      at_ += some;
      left_ -= some;
      bytes = bytes.subspan(some);
      continue;
    }
    const std::size_t some = std::min(extent_header_size - header_.size(), bytes.size());
    header_.append(reinterpret_cast<const char*>(bytes.data()), some);
    bytes = bytes.subspan(some);
    if (header_.size() == extent_header_size) begin();
  }
}

void ExtentReader::begin() {
  Extent next;
  Reader read(header_);
  read(next.offset);
  read(next.size);
  header_.clear();
  if (next.size == 0) {
    if (next.offset != size_)
      throw ProtocolError(
          doing, "the golden device has " + std::to_string(next.offset) + " bytes and not " + std::to_string(size_));
    ended_ = true;
    return;
  }
  if (next.offset < at_ || next.offset > size_ || next.size > size_ - next.offset)
    throw ProtocolError(doing, std::to_string(next.size) + " bytes at " + std::to_string(next.offset) +
                                   " do not lie between " + std::to_string(at_) + " and " + std::to_string(size_));
  at_ = next.offset;
  left_ = next.size;
}

void ExtentReader::finish() const {
  if (!ended_) throw ProtocolError(doing, "the end is missing, at byte " + std::to_string(at_) + " of the device");
}

}  // namespace ka::wire
