// Any bytes as what a browser asks of --web: over a real connection, through Beast's parser and its limits, to the
// page, its status, metrics and logs. The first '@' stands for the token, so that what lies behind it is reached, too.
// Without the token nothing is ever found, and the server goes on to answer.

#include <fcntl.h>

#include <cstdint>
#include <cstdlib>

#include "base/asio.h"
#include "server/view/web_view.h"

namespace {

using namespace ka;
using asio::ip::tcp;

struct Site {
  Site() {
    keeper.node(server::NodeStatus());
    open();
  }
  // Also anew: those who followed the events have their places until there is one.
  void open() {
    followers = 0;
    view.reset();
    io.poll();
    const asio::ip::address_v4 here = asio::ip::address_v4::loopback();
    view.emplace(io, here, here, 0, keeper.state());
    view->begin();
    view->logs([](std::size_t) { return ka::UniqueFd(::open("/proc/self/status", O_RDONLY | O_CLOEXEC)); });
    const std::string& link = view->link();
    token = link.substr(link.size() - 33, 32);
    port = static_cast<std::uint16_t>(std::atoi(link.substr(link.rfind(':') + 1).c_str()));
  }

  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> open_ended{io.get_executor()};
  server::StateKeeper keeper;
  std::optional<server::WebView> view;
  std::string token;
  std::uint16_t port = 0;
  unsigned followers = 0;
};

// What the server says to one that asks from an address of its own: of one address it takes so many a second only.
std::string answer(Site& site, const std::string& request, std::uint32_t from) {
  tcp::socket socket(site.io, tcp::v4());
  socket.bind(tcp::endpoint(asio::ip::address_v4(0x7f000001 + (from % 0xfffff0)), 0));
  socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), site.port));
  socket.set_option(asio::socket_base::linger(true, 0));
  std::string said;
  bool ended = false;
  auto hear = [&](boost::system::error_code, std::size_t) { ended = true; };
  asio::write(socket, asio::buffer(request));
  socket.shutdown(tcp::socket::shutdown_send);
  asio::async_read(socket, asio::dynamic_buffer(said), asio::transfer_at_least(std::size_t{1} << 20), hear);
  // One that follows the events is never at its end: the first of them is enough.
  while (!ended && said.find("event: whole") == std::string::npos) site.io.run_one();
  const bool followed = !ended;
  socket.close();
  while (!ended) site.io.run_one();
  if (followed && ++site.followers == 100) site.open();
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Site site;
  static std::uint32_t from = 0;
  std::string request(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = request.find('@');
  if (mark != std::string::npos) request.replace(mark, 1, site.token);
  const std::string said = answer(site, request, ++from);
  if (!said.empty() && !said.starts_with("HTTP/1.")) std::abort();
  const bool found = said.find(" 200 OK\r\n") != std::string::npos;
  if (found && mark == std::string::npos) std::abort();
  if (from % 1000 == 0) {
    const std::string page = answer(site, "GET /" + site.token + "/ HTTP/1.0\r\n\r\n", ++from);
    if (page.find("<title>KA</title>") == std::string::npos) std::abort();
  }
  return 0;
}
