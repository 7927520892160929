#pragma once
/// IPv4 addresses alone, for what needs no sockets.

#include <boost/asio/ip/address_v4.hpp>

namespace ka {
namespace asio = boost::asio;
}
