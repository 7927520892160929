// Who serves? Asked over real UDP.

#include "net/discovery.h"

#include <array>

#include "tests/unit/run_coroutine.h"
#include "wire/discovery.h"

namespace ka::net {
namespace {

using asio::ip::udp;

class DiscoveryTest : public CoroutineTest {
 protected:
  static constexpr std::uint64_t self = 7;

  DiscoveryTest() : server_(io_, udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    question_.port = server_.local_endpoint().port();
    question_.local = asio::ip::address_v4::loopback();
    question_.timeout = question_.again = std::chrono::milliseconds(50);
  }

  // Waits for a question and answers it `times`, as a server does that hears it on several networks.
  void answer(std::uint64_t server, int times) {
    std::array<char, 512> room;
    udp::endpoint from;
    const std::size_t size = server_.receive_from(asio::buffer(room), from);
    const wire::DiscoveryQuery query = wire::parse_discovery_query({room.data(), size});
    const std::string text = wire::encode(wire::DiscoveryAnswer{query.token, server, 1234, query.session});
    for (int i = 0; i < times; ++i) server_.send_to(asio::buffer(text), from);
  }

  udp::socket server_;
  Discovery question_;
};

// A server on a machine that had no time for it: its own answers and the end of its patience come at once.
TEST_F(DiscoveryTest, AnEndThatComesWithAnswersThatDoNotCountIsAnEnd) {
  bool ended = false;
  auto finish = [this, &ended](std::exception_ptr error, std::vector<FoundServer> found) {
    EXPECT_FALSE(error);
    EXPECT_TRUE(found.empty());
    ended = true;
    io_.stop();
  };
  const auto end = std::chrono::steady_clock::now() + question_.timeout;
  asio::co_spawn(io_, discover(io_, question_, self), finish);
  io_.poll();
  answer(self, 2);
  // Nothing here happens until the clock says so, which is the case that is tested.
  while (std::chrono::steady_clock::now() <= end + question_.timeout) {
  }
  io_.restart();
  io_.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace ka::net
