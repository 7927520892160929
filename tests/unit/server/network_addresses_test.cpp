#include "server/golden/network_addresses.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <ifaddrs.h>

#include <list>

namespace ka::server {
namespace {

using testing::ElementsAre;

// A list as getifaddrs(3) makes it.
class Addresses {
 public:
  void add(const char* text) {
    sockaddr_storage& at = storage_.emplace_back();
    auto* four = reinterpret_cast<sockaddr_in*>(&at);
    auto* six = reinterpret_cast<sockaddr_in6*>(&at);
    if (::inet_pton(AF_INET, text, &four->sin_addr) == 1)
      at.ss_family = AF_INET;
    else if (::inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
      at.ss_family = AF_INET6;
    append(reinterpret_cast<sockaddr*>(&at));
  }
  // An interface without an address has an entry, too.
  void append(sockaddr* address) {
    ifaddrs& entry = entries_.emplace_back();
    entry.ifa_addr = address;
    if (entries_.size() > 1) std::prev(entries_.end(), 2)->ifa_next = &entry;
  }
  const ifaddrs* list() const { return entries_.empty() ? nullptr : &entries_.front(); }

 private:
  std::list<sockaddr_storage> storage_;
  std::list<ifaddrs> entries_;
};

TEST(NetworkAddresses, ThoseThatOnlyOneMachineHasEachOnce) {
  Addresses addresses;
  addresses.append(nullptr);
  for (const char* text : {"127.0.0.1", "::1", "10.0.1.40", "169.254.7.7", "fe80::5054:ff:fe12:3456", "2001:db8::28",
                           "10.0.1.40", "169.253.0.1", "fd00::1"})
    addresses.add(text);
  EXPECT_THAT(own_addresses(addresses.list()), ElementsAre("10.0.1.40", "2001:db8::28", "169.253.0.1", "fd00::1"));
  EXPECT_THAT(own_addresses(nullptr), ElementsAre());
}

}  // namespace
}  // namespace ka::server
