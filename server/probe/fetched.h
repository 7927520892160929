#pragma once
/// A file that a machine is told to load, as far as it was loaded here.

#include <cstdint>
#include <optional>
#include <string>

namespace ka::server {

struct Fetched {
  enum class How {
    there,    ///< `content` is it, or its beginning
    refused,  ///< the server says no, in `why`
    silent,   ///< nothing answers
    stalls,   ///< the server answers, and large packets of it do not arrive
  };

  How how = How::silent;
  std::string why;
  std::string content;
  std::optional<std::uint64_t> size;  ///< of the whole, if the server says it
};

/// At most this much of a file is loaded.
inline constexpr std::size_t most_fetched = std::size_t{4} << 20;

}  // namespace ka::server
