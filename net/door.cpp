#include "net/door.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "net/clock.h"
#include "wire/address_budget.h"

namespace ka::net {

namespace {

constexpr std::size_t most_unheard = 64;  // a jump of the filter goes no further than 255
constexpr auto unheard_for = std::chrono::seconds(1);

// A kernel without filters hears all, and so does a newer one (6.18 has been seen to) at a TCP port when it is asked by
// a process without capabilities: then a flood shares the queue with the others, and the budget alone holds it, which
// costs this side less than half of what it costs the flood (tests/net/strangers_test.py).
void hear_all_but(int socket, const std::vector<std::uint32_t>& addresses) {
  constexpr unsigned source_address = static_cast<unsigned>(SKF_NET_OFF) + 12;  // in the IPv4 header
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, source_address)};
  for (std::size_t left = addresses.size(); left > 0; --left) {
    const sock_filter test =
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, addresses[addresses.size() - left], static_cast<std::uint8_t>(left), 0);
    program.push_back(test);
  }
  const sock_filter take = BPF_STMT(BPF_RET | BPF_K, ~0U), drop = BPF_STMT(BPF_RET | BPF_K, 0);
  program.insert(program.end(), {take, drop});
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof whole);
}

}  // namespace

struct Door::State {
  State(asio::io_context& io, double per_second, double burst) : timer(io), budget(per_second, burst) {}

  void leave_unheard(std::shared_ptr<State> self, std::uint32_t address);

  int socket = -1;                     // -1: there is no door any more
  asio::steady_timer timer;            // until those unheard are heard again
  std::vector<std::uint32_t> unheard;  // addresses in host order
  wire::AddressBudget budget;
};

void Door::State::leave_unheard(std::shared_ptr<State> self, std::uint32_t address) {
  const bool known = std::find(unheard.begin(), unheard.end(), address) != unheard.end();
  if (socket < 0 || known || unheard.size() >= most_unheard) return;
  unheard.push_back(address);
  hear_all_but(socket, unheard);
  if (unheard.size() > 1) return;
  timer.expires_after(unheard_for);
  timer.async_wait([self](boost::system::error_code error) {
    if (error || self->socket < 0) return;
    self->unheard.clear();
    unfilter(self->socket);
  });
}

Door::Door(asio::io_context& io, double per_second, double burst)
    : state_(std::make_shared<State>(io, per_second, burst)) {}

Door::~Door() {
  state_->socket = -1;
  state_->timer.cancel();
}

void Door::guards(int socket) { state_->socket = socket; }

bool Door::admits(std::uint32_t address) {
  if (state_->budget.take(address, steady_now())) return true;
  state_->leave_unheard(state_, address);
  return false;
}

void Door::unfilter(int socket) {
  const int unused = 0;
  ::setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

}  // namespace ka::net
