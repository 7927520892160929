#pragma once
/// Big-endian fields in and out of bytes; the only place that knows how numbers and texts look on the wire.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/disk_offer.h"
#include "wire/identity_note.h"
#include "wire/passphrase.h"

namespace ka::wire {

/// What came from the network is not what protocol.md allows. The connection it came on is of no more use.
class ProtocolError : public Error {
  using Error::Error;
};

/// An XXH3-128 digest in its canonical (big-endian) form.
using Digest = std::array<std::uint8_t, 16>;

/// An IPv4 address (host byte order) and a TCP port. Address 0 stands for "the server, as you reached it".
struct Endpoint {
  std::uint32_t address = 0;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  std::string address_text() const;  ///< "10.0.1.35"
};

/// Appends fields to a string. Texts longer than 65535 bytes are cut there.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void operator()(std::uint8_t value) { number(value, 1); }
  void operator()(std::uint16_t value) { number(value, 2); }
  void operator()(std::uint32_t value) { number(value, 4); }
  void operator()(std::uint64_t value) { number(value, 8); }
  void operator()(bool value) { number(value, 1); }
  void operator()(const Digest& digest) { out_.append(reinterpret_cast<const char*>(digest.data()), digest.size()); }
  void operator()(const Endpoint& at) {
    (*this)(at.address);
    (*this)(at.port);
  }
  void operator()(std::string_view text);
  void operator()(const std::vector<DiskOffer>& disks);
  void operator()(const std::vector<IdentityNote>& notes);
  void operator()(const std::vector<DevicePassphrase>& passphrases);

 private:
  void number(std::uint64_t value, int size);

  std::string& out_;
};

/// Takes fields from bytes; throws ProtocolError when there are too few, or a bool is neither 0 nor 1.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  void operator()(std::uint8_t& value) { value = static_cast<std::uint8_t>(number(1)); }
  void operator()(std::uint16_t& value) { value = static_cast<std::uint16_t>(number(2)); }
  void operator()(std::uint32_t& value) { value = static_cast<std::uint32_t>(number(4)); }
  void operator()(std::uint64_t& value) { value = number(8); }
  void operator()(bool& value);
  void operator()(Digest& digest);
  void operator()(Endpoint& at) {
    (*this)(at.address);
    (*this)(at.port);
  }
  void operator()(std::string& text);
  void operator()(std::vector<DiskOffer>& disks);
  void operator()(std::vector<IdentityNote>& notes);
  void operator()(std::vector<DevicePassphrase>& passphrases);

  /// Throws ProtocolError if anything is left over.
  void finish() const;

 private:
  std::string_view take(std::size_t size);
  std::uint64_t number(int size);

  std::string_view bytes_;
};

}  // namespace ka::wire
