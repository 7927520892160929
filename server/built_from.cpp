#include "server/built_from.h"

#include <xxhash.h>

#include <CLI/CLI.hpp>
#include <boost/version.hpp>
#include <nlohmann/json.hpp>

#include "built_from.inc"  // made by cmake/built-from.sh: KA_COMMIT, KA_MUSL

namespace ka::server {

namespace {

std::string number(unsigned major, unsigned minor, unsigned patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string compiler() {
#ifdef __clang__
  return __VERSION__;  // "Clang 16.0.6 (…)"
#else
  return "GCC " __VERSION__;
#endif
}

std::string library() {
#ifdef __GLIBC__
  return "glibc " + std::to_string(__GLIBC__) + "." + std::to_string(__GLIBC_MINOR__);
#else
  return "musl " KA_MUSL;
#endif
}

}  // namespace

std::string version_text() {
  return "ka-server " KA_VERSION "\nBuilt from " KA_COMMIT " by " + compiler() + " with " + library() + ", Boost " +
         number(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100) + ", CLI11 " CLI11_VERSION +
         ", nlohmann-json " +
         number(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH) + ", xxHash " +
         number(XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}

}  // namespace ka::server
