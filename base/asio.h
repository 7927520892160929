#pragma once
/// Boost.Asio under the one name the project uses for it.
///
/// g++ 12 miscompiles some co_await expressions: never write a lambda with captures, an aggregate
/// temporary or a braced list inside one. Name it first, then std::move it in.

#ifdef BOOST_ASIO_DISABLE_THREADS
#error "Asio must know of threads: a clone has a loop of its own beside that of its node."
#endif

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace ka {
namespace asio = boost::asio;
template <typename T = void>
using Awaitable = asio::awaitable<T>;
}  // namespace ka
