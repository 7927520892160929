#include "server/probe/tftp_client.h"

#include <chrono>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

using asio::ip::udp;
using Packet = std::vector<std::uint8_t>;

enum Opcode : std::uint16_t { read_request = 1, data = 3, acknowledgment = 4, error = 5, options_acknowledged = 6 };

constexpr std::uint16_t tftp_port = 69;
constexpr unsigned most_tries = 4;
constexpr auto patience = std::chrono::milliseconds(1000);
constexpr auto longest = std::chrono::seconds(30);  // for all of it: a server that sends crumbs ends, too
constexpr std::size_t header = 4;

void add16(Packet& packet, unsigned value) {
  packet.push_back(static_cast<std::uint8_t>(value >> 8));
  packet.push_back(static_cast<std::uint8_t>(value));
}
void add_text(Packet& packet, const std::string& text) {
  packet.insert(packet.end(), text.begin(), text.end());
  packet.push_back(0);
}
unsigned get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
}

Packet request(const std::string& path, std::size_t block) {
  Packet packet;
  add16(packet, read_request);
  for (const std::string& word : {path, std::string("octet"), std::string("tsize"), std::string("0"),
                                  std::string("blksize"), std::to_string(block)})
    add_text(packet, word);
  return packet;
}

Packet reply(Opcode opcode, unsigned number) {
  Packet packet;
  add16(packet, opcode);
  add16(packet, number);
  if (opcode == error) packet.push_back(0);  // no text
  return packet;
}

// One transfer: packets in, packets out.
class Transfer {
 public:
  Transfer(const std::string& path, std::size_t block, bool whole)
      : whole_(whole), packet_(request(path, block)), asked_(block) {}

  const Packet& packet() const { return packet_; }
  bool over() const { return over_; }
  bool began() const { return began_; }
  bool has_data() const { return !file.content.empty(); }

  /// False: it is of no use, and the last packet stays the last.
  bool received(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < header) return false;
    const unsigned opcode = get16(bytes, 0);
    if (opcode == error) {
      const std::string text(bytes.begin() + header, bytes.end());
      file.how = Fetched::How::refused;
      file.why = printable(text.substr(0, text.find('\0')));
      if (file.why.empty()) file.why = "error " + std::to_string(get16(bytes, 2));
      over_ = true;
      return true;
    }
    if (opcode == options_acknowledged && !has_data()) {
      take_options(std::string(bytes.begin() + 2, bytes.end()));
      packet_ = reply(acknowledgment, 0);
      return true;
    }
    if (opcode != data || get16(bytes, 2) != ((blocks_ + 1) & 0xffff)) return false;
    take_data(bytes.subspan(header));
    return true;
  }

  Fetched file;

 private:
  void take_options(const std::string& text) {
    began_ = true;
    block_ = smallest_block;
    const std::vector<std::string_view> fields = split(text, '\0');
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      const auto value = parse_unsigned(fields[i + 1]);
      const std::string name = lowered(fields[i]);
      if (name == "tsize") file.size = value;
      if (name == "blksize" && value && *value >= 8 && *value <= asked_) block_ = *value;
    }
  }

  void take_data(std::span<const std::uint8_t> bytes) {
    began_ = true;
    ++blocks_;
    file.content.append(bytes.begin(), bytes.end());
    file.how = Fetched::How::there;
    const bool last = bytes.size() < block_;
    over_ = last || !whole_ || file.content.size() >= most_fetched;
    if (last) file.size = file.content.size();
    packet_ = over_ && !last ? reply(error, 0) : reply(acknowledgment, blocks_ & 0xffff);
  }

  bool whole_, over_ = false, began_ = false;
  Packet packet_;
  std::size_t asked_, block_ = smallest_block;
  unsigned blocks_ = 0;
};

}  // namespace

Awaitable<Fetched> tftp_fetch(asio::io_context& io, asio::ip::address_v4 server, std::string path, std::size_t block,
                              bool whole) {
  udp::socket socket(io, udp::v4());
  Transfer transfer(path, block, whole);
  udp::endpoint to(server, tftp_port);
  asio::steady_timer timer(io);
  constexpr std::size_t room = 2048;
  Packet answer(room);
  const auto end = std::chrono::steady_clock::now() + longest;
  for (unsigned tries = 0; tries < most_tries && !transfer.over() && std::chrono::steady_clock::now() < end;) {
    const auto out = asio::buffer(transfer.packet());
    co_await socket.async_send_to(out, to, asio::as_tuple(asio::use_awaitable));
    ++tries;
    timer.expires_after(patience);
    timer.async_wait([&socket](boost::system::error_code late) {
      if (!late) socket.cancel();
    });
    for (bool heard = false; !heard;) {
      udp::endpoint from;
      const auto in = asio::buffer(answer);
      const auto [failed, size] = co_await socket.async_receive_from(in, from, asio::as_tuple(asio::use_awaitable));
      if (failed) break;  // too late: once more
      // The server goes on from a port of its own.
      if (from.address() != to.address() || (to.port() != tftp_port && from.port() != to.port())) continue;
      heard = transfer.received(std::span<const std::uint8_t>(answer).first(size));
      if (heard) to = from;
      if (heard) tries = 0;
    }
    timer.cancel();
  }
  if (transfer.over() && transfer.has_data()) {
    const auto last = asio::buffer(transfer.packet());
    co_await socket.async_send_to(last, to, asio::as_tuple(asio::use_awaitable));
  } else if (transfer.began() && !transfer.over()) {
    transfer.file.how = Fetched::How::stalls;
    transfer.file.why = "it stops after " + std::to_string(transfer.file.content.size()) + " bytes";
  } else if (!transfer.over()) {
    transfer.file.why = "no answer";
  }
  co_return std::move(transfer.file);
}

}  // namespace ka::server
