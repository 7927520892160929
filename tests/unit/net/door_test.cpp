// Who floods a port of ours is not heard for a second, by the kernel; all others are, and it is again afterwards.

#include "net/door.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <optional>

#include "net/control_connection.h"

namespace ka::net {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

const asio::ip::address_v4 flooder(0x7f000009), honest(0x7f000008);

class DoorTest : public testing::Test {
 protected:
  DoorTest() { door_.guards(acceptor_.native_handle()); }

  // On loopback a handshake has ended when connect() returns, if the listener heard it. Asio's would wait until it
  // does.
  tcp::socket connect_from(asio::ip::address_v4 address) {
    tcp::socket socket(io_);
    socket.open(tcp::v4());
    socket.bind(tcp::endpoint(address, 0));
    socket.native_non_blocking(true);
    const tcp::endpoint to = acceptor_.local_endpoint();
    ::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size()));
    return socket;
  }

  static bool is_connected(tcp::socket& socket) {
    pollfd writable{socket.native_handle(), POLLOUT, 0};
    return ::poll(&writable, 1, 0) == 1;
  }

  bool admits_one_from(asio::ip::address_v4 address) {
    tcp::socket caller = connect_from(address);
    EXPECT_TRUE(is_connected(caller)) << address << " is not heard";
    accepted_.emplace(acceptor_.accept());
    return door_.admits(to_wire(accepted_->remote_endpoint()).address);
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  Door door_{io_, 1, 3};
  std::optional<tcp::socket> accepted_;
};

TEST_F(DoorTest, WhoFloodsIsNotHeardForASecond) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admits_one_from(flooder));
  EXPECT_FALSE(admits_one_from(flooder));
  tcp::socket unheard = connect_from(flooder);
  EXPECT_FALSE(is_connected(unheard));
  EXPECT_TRUE(admits_one_from(honest)) << "another address";
  EXPECT_FALSE(is_connected(unheard));

  // Its SYN comes again.
  bool heard = false;
  auto accepted = [&heard](boost::system::error_code error, tcp::socket) { heard = !error; };
  acceptor_.async_accept(accepted);
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!heard && std::chrono::steady_clock::now() < end) io_.run_one_for(1s);
  EXPECT_TRUE(heard);
  EXPECT_TRUE(is_connected(unheard));
}

TEST_F(DoorTest, WhoIsInIsHeardWhateverOthersFromThereDo) {
  for (int i = 0; i < 4; ++i) admits_one_from(flooder);  // the fourth closes the door to it
  tcp::socket caller = connect_from(honest);
  tcp::socket in = acceptor_.accept();  // has the filter of this moment
  Door::unfilter(in.native_handle());
  while (door_.admits(honest.to_uint())) {
  }
  asio::write(caller, asio::buffer("word", 4));
  char word[4];
  EXPECT_EQ(asio::read(in, asio::buffer(word)), sizeof word);
}

}  // namespace
}  // namespace ka::net
