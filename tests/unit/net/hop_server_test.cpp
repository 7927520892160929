// Hops over real TCP: whoever belongs behind a node is served, whatever others claim.

#include "net/hop_server.h"

#include <array>
#include <cstring>

#include "tests/unit/run_coroutine.h"

namespace ka::net {
namespace {

using asio::ip::tcp;
using namespace wire;

class HopServerTest : public CoroutineTest {
 protected:
  static constexpr std::uint64_t stream = 7;

  HopServerTest() { server_.attach(stream, ring_, end_); }

  // A caller from 127.0.0.`host`.
  tcp::socket call(unsigned host, std::uint32_t epoch) {
    tcp::socket socket(io_);
    socket.open(tcp::v4());
    socket.bind(tcp::endpoint(asio::ip::address_v4(0x7f000000 + host), 0));
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_.port()));
    const std::string open = encode(HopOpen{stream, epoch, 0});
    asio::write(socket, asio::buffer(open));
    io_.poll();
    return socket;
  }

  void add_chunk() {
    auto chunk = pool_.get();
    chunk->header = ChunkHeader();
    chunk->header.length = 100;
    chunk->header.offset = ring_.end();
    std::memset(chunk->room.get(), 'a', 100);
    ring_.push(std::move(chunk));
    server_.moved();
  }

  // Whether a chunk more comes; else it was cut off.
  bool gets_one(tcp::socket& socket) {
    std::array<char, chunk_header_size + 100> room;
    auto buffer = asio::buffer(room);
    auto [error, size] = get(asio::async_read(socket, buffer, asio::as_tuple(asio::use_awaitable)));
    return !error && size == room.size();
  }

  HopServer server_{io_, asio::ip::address_v4::loopback(), 0, false};
  ChunkPool pool_;
  Ring ring_;
  std::optional<ChunkHeader> end_;
};

TEST_F(HopServerTest, NoEpochHoweverHighCutsOffAnotherAddress) {
  tcp::socket honest = call(2, 5);
  add_chunk();
  EXPECT_TRUE(gets_one(honest));
  tcp::socket liar = call(3, 0xffffffff);
  add_chunk();
  EXPECT_TRUE(gets_one(honest)) << "it is served still";
  tcp::socket next = call(4, 6);
  EXPECT_TRUE(gets_one(next)) << "and so is whoever comes later";
  EXPECT_TRUE(gets_one(liar));
}

TEST_F(HopServerTest, TheNewestHopOfAnAddressTakesThePlaceOfItsOlderOne) {
  tcp::socket older = call(2, 5);
  tcp::socket newer = call(2, 6);
  add_chunk();
  EXPECT_TRUE(gets_one(newer));
  EXPECT_FALSE(gets_one(older));
  tcp::socket late = call(2, 5);
  EXPECT_FALSE(gets_one(late)) << "it was overtaken";
}

TEST_F(HopServerTest, ThoseWhoSayNothingMakeRoom) {
  std::vector<tcp::socket> mute;
  for (int i = 0; i < 40; ++i) {
    mute.emplace_back(io_);
    mute.back().connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_.port()));
    io_.poll();
  }
  tcp::socket honest = call(2, 5);
  add_chunk();
  EXPECT_TRUE(gets_one(honest));
}

}  // namespace
}  // namespace ka::net
