#pragma once
/// DHCP messages of a server, built byte by byte, also those that no right server sends.

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "wire/dhcp/packet.h"

namespace ka::dhcp::test {

inline constexpr HardwareAddress client_mac{{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};

/// Begins as a right reply without options; the verbs add, or spoil.
class ServerMessage {
 public:
  explicit ServerMessage(std::uint32_t xid, HardwareAddress mac = client_mac) : bytes_(240) {
    bytes_[0] = 2;
    bytes_[1] = 1;
    bytes_[2] = 6;
    for (int i = 0; i < 4; ++i) bytes_[4 + i] = static_cast<std::uint8_t>(xid >> (24 - 8 * i));
    for (int i = 0; i < 6; ++i) bytes_[28 + i] = mac.octets[i];
    const std::uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63};
    for (int i = 0; i < 4; ++i) bytes_[236 + i] = cookie[i];
  }

  ServerMessage& your_address(const char* address) {
    auto octets = asio::ip::make_address_v4(address).to_bytes();
    for (int i = 0; i < 4; ++i) bytes_[16 + i] = octets[i];
    return *this;
  }
  ServerMessage& option(std::uint8_t code, std::initializer_list<std::uint8_t> value) {
    bytes_.push_back(code);
    bytes_.push_back(static_cast<std::uint8_t>(value.size()));
    bytes_.insert(bytes_.end(), value);
    return *this;
  }
  ServerMessage& type(Type type) { return option(53, {static_cast<std::uint8_t>(type)}); }
  ServerMessage& address(std::uint8_t code, const char* address) {
    auto octets = asio::ip::make_address_v4(address).to_bytes();
    return option(code, {octets[0], octets[1], octets[2], octets[3]});
  }
  ServerMessage& seconds(std::uint8_t code, std::uint32_t value) {
    return option(code, {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                         static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
  }
  ServerMessage& text(std::uint8_t code, std::string_view value) {
    bytes_.push_back(code);
    bytes_.push_back(static_cast<std::uint8_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  ServerMessage& set(std::size_t at, std::initializer_list<std::uint8_t> bytes) {
    for (std::uint8_t byte : bytes) bytes_.at(at++) = byte;
    return *this;
  }
  ServerMessage& end() {
    bytes_.push_back(255);
    return *this;
  }
  ServerMessage& raw(std::initializer_list<std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes);
    return *this;
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// The value of an option of a message that this client built; empty if it is not there.
inline Bytes option_of(const Bytes& message, std::uint8_t code) {
  for (std::size_t at = 240; at + 1 < message.size() && message[at] != 255; at += 2u + message[at + 1]) {
    if (message[at] == code) return {message.begin() + at + 2, message.begin() + at + 2 + message[at + 1]};
  }
  return {};
}

inline std::uint32_t xid_of(const Bytes& message) {
  return static_cast<std::uint32_t>(message[4]) << 24 | message[5] << 16 | message[6] << 8 | message[7];
}

}  // namespace ka::dhcp::test
