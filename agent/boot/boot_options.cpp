#include "agent/boot/boot_options.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "wire/host_prefix.h"

namespace ka::agent {

namespace {

using asio::ip::address_v4;

// Words as the kernel cuts them: blanks between double quotes do not separate.
std::vector<std::string> kernel_words(std::string_view line) {
  std::vector<std::string> found;
  std::string word;
  bool quoted = false;
  for (char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0')) {
      if (!word.empty()) found.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) found.push_back(std::move(word));
  return found;
}

// "255.255.255.0" or "24".
std::optional<unsigned> parse_netmask(std::string_view text) {
  if (auto length = parse_unsigned(text)) {
    return *length >= 1 && *length <= 32 ? std::optional(static_cast<unsigned>(*length)) : std::nullopt;
  }
  auto mask = parse_address(text);
  if (!mask) return std::nullopt;
  const auto ones = static_cast<unsigned>(std::countl_one(*mask));
  const bool contiguous = ones == static_cast<unsigned>(std::popcount(*mask));
  return ones >= 1 && contiguous ? std::optional(ones) : std::nullopt;
}

// An address that one machine can have.
bool is_host(address_v4 address) {
  const std::uint32_t value = address.to_uint();
  return value >> 24 != 0 && !address.is_loopback() && !address.is_multicast() && value < 0xf0000000;
}

std::optional<address_v4> parse_host(std::string_view text) {
  auto address = parse_address(text);
  return address && is_host(address_v4(*address)) ? std::optional(address_v4(*address)) : std::nullopt;
}

constexpr std::size_t longest_token = 64;

bool only_of(std::string_view text, std::string_view more) {
  for (char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && more.find(c) == std::string_view::npos) return false;
  }
  return true;
}

class Parser {
 public:
  BootOptions take(std::string_view command_line, std::string_view keys) {
    for (std::string_view line : words(keys)) server_keys(keys_file, line);
    for (const std::string& word : kernel_words(command_line)) one_word(word);
    if (static_) finish_static();
    return std::move(options_);
  }

 private:
  void one_word(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string_view key = std::string_view(word).substr(0, equals);
    const std::string_view value = equals == std::string::npos ? "" : std::string_view(word).substr(equals + 1);
    if (key == "automatic") return automatic(value);
    if (key == "BOOTIF") return boot_interface(word, value);
    if (key == "kaserver") return server(word, value);
    if (key == "kasession") return session(word, value);
    if (key == "katarget") return target(word, value);
    if (key == "kahostprefix") return host_prefix(word, value);
    if (key == "kakey") return server_keys(word, value);
    if (key == "katoken") return token(word, value);
    if (word == "kashell") {
      options_.shell = true;
    } else if (key.starts_with("ka") && word != "kamethod" && key != "kaslr" && !key.starts_with("kasan")) {
      warn(word,
           "not a word of KA; known are kamethod, kaserver=, kasession=, kakey=, katoken=, katarget=, kahostprefix=, "
           "kashell");
    }
  }

  void automatic(std::string_view list) {
    for (std::string_view item : split(list, ',')) {
      if (item.empty()) continue;
      const std::size_t colon = item.find(':');
      const std::string_view key = item.substr(0, colon);
      const std::string_view value = colon == std::string_view::npos ? "" : item.substr(colon + 1);
      automatic_item(std::string(item), key, value);
    }
  }

  void automatic_item(const std::string& item, std::string_view key, std::string_view value) {
    if (key == "method") {
      if (value != "ka") warn("automatic=" + item, "the only method here is ka");
    } else if (key == "interface") {
      // 15: IFNAMSIZ without its end.
      if (value.empty() || value.size() > 15 || !only_of(value, "._-")) {
        warn("automatic=" + item, "not the name of an interface; all are tried");
      } else {
        options_.network.interface = value == "auto" ? "" : value;
      }
    } else if (key == "network") {
      if (value == "static") {
        static_ = true;
      } else if (value == "dhcp") {
        static_ = false;
      } else {
        fail("automatic=" + item, "network is dhcp or static");
      }
    } else if (key == "ip") {
      set(address_, parse_host(value), item, "an address such as 10.0.1.35");
    } else if (key == "netmask") {
      set(prefix_, parse_netmask(value), item, "a netmask such as 255.255.255.0, or its length");
    } else if (key == "gateway") {
      set(gateway_, parse_host(value), item, "an address such as 10.0.1.1");
    } else if (key == "dns") {
      std::optional<address_v4> dns;
      set(dns, parse_host(value), item, "an address such as 10.0.1.2");
      if (dns) dns_.push_back(*dns);
    } else {
      warn("automatic=" + item, "not understood; known are method, interface, network, ip, netmask, gateway, dns");
    }
  }

  template <typename T>
  void set(std::optional<T>& field, const std::optional<T>& value, const std::string& item, std::string_view wanted) {
    if (!value) return fail("automatic=" + item, "should be " + std::string(wanted));
    field = value;
  }

  void finish_static() {
    if (!address_ || !prefix_) {
      return fail("automatic=network:static", "needs ip: and netmask:");
    }
    StaticNetwork network;
    network.address = *address_;
    network.prefix = *prefix_;
    network.gateway = gateway_;
    network.dns = dns_;
    const std::uint32_t mask = 0xffffffffu << (32 - network.prefix);
    if (gateway_ && ((gateway_->to_uint() ^ address_->to_uint()) & mask) != 0) {
      return fail("automatic=gateway:" + gateway_->to_string(), "is not in the network of " + address_->to_string());
    }
    options_.network.static_network = std::move(network);
  }

  void boot_interface(const std::string& word, std::string_view value) {
    options_.network.boot_interface = parse_hardware_address(value);
    if (!options_.network.boot_interface) warn(word, "not a hardware address such as 01-52-54-00-12-34-56");
  }

  void server(const std::string& word, std::string_view value) {
    const std::size_t colon = value.find(':');
    auto address = parse_host(value.substr(0, colon));
    std::optional<std::uint64_t> port = wire::control_port;
    if (colon != std::string_view::npos) port = parse_unsigned(value.substr(colon + 1));
    if (!address || !port || *port == 0 || *port > 65535) {
      return fail(word, "should be kaserver=10.0.1.40 or kaserver=10.0.1.40:30765");
    }
    ServerAddress server;
    server.address = *address;
    server.control_port = static_cast<std::uint16_t>(*port);
    options_.server = server;
  }

  void token(const std::string& word, std::string_view value) {
    if (value.empty() || value.size() > longest_token || !only_of(value, ""))
      return fail(word, "should be katoken=TOKEN, as this machine's own boot configuration has it");
    options_.token = value;
  }

  // A word that is there and says nothing must not make this machine one that believes every server.
  void server_keys(const std::string& word, std::string_view value) {
    try {
      for (const wire::PublicKey& key : wire::parse_public_keys(value)) {
        std::vector<wire::PublicKey>& keys = options_.server_keys;
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
      }
    } catch (const Error& error) {
      fail(word, words_of(error));
    }
  }

  void session(const std::string& word, std::string_view value) {
    if (value.empty() || value.size() > 64 || !only_of(value, "._-")) {
      return fail(word, "a session is named by at most 64 letters, digits, and ._-");
    }
    options_.session = value;
  }

  void target(const std::string& word, std::string_view value) {
    const std::size_t equals = value.find('=');
    const std::size_t colon = value.find(':', equals == std::string_view::npos ? 0 : equals);
    const bool whole =
        equals != std::string_view::npos && equals > 0 && colon != std::string_view::npos && colon + 1 < value.size();
    const std::string_view kind = whole ? value.substr(equals + 1, colon - equals - 1) : "";
    if (kind != "name" && kind != "serial" && kind != "wwn" && kind != "path") {
      return fail(word, "should be katarget=DISK=name:…, or serial:, wwn:, path: in place of name:");
    }
    options_.target_rules.emplace_back(value);
  }

  void host_prefix(const std::string& word, std::string_view value) {
    if (!wire::is_host_prefix(value)) return warn(word, "should be at most 60 letters, digits and hyphens");
    options_.network.host_prefix = value;
  }

  void warn(const std::string& word, std::string_view why) {
    options_.warnings.push_back(escape_bytes(word) + ": " + std::string(why));
  }
  void fail(const std::string& word, std::string_view why) {
    options_.errors.push_back(escape_bytes(word) + ": " + std::string(why));
  }

  BootOptions options_;
  bool static_ = false;
  std::optional<address_v4> address_, gateway_;
  std::optional<unsigned> prefix_;
  std::vector<address_v4> dns_;
};

}  // namespace

BootOptions parse_boot_options(std::string_view command_line, std::string_view keys) {
  return Parser().take(command_line, keys);
}

}  // namespace ka::agent
