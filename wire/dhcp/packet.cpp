#include "wire/dhcp/packet.h"

#include <algorithm>
#include <bit>
#include <map>

#include "base/text.h"

namespace ka::dhcp {

namespace {

using asio::ip::address_v4;

// RFC 2131 figure 1: where the fields are.
constexpr std::size_t at_xid = 4, at_secs = 8, at_flags = 10, at_ciaddr = 12, at_yiaddr = 16, at_siaddr = 20,
                      at_giaddr = 24, at_chaddr = 28;
constexpr std::size_t at_sname = 44, sname_size = 64, at_file = 108, file_size = 128, at_cookie = 236, at_options = 240;
constexpr std::uint32_t magic_cookie = 0x63825363;
// RFC 1542 §2.1: old relays and servers drop what is shorter.
constexpr std::size_t smallest_message = 300;

constexpr std::uint8_t option_mask = 1, option_routers = 3, option_dns = 6, option_host_name = 12, option_domain = 15,
                       option_requested = 50, option_lease = 51, option_overload = 52, option_type = 53,
                       option_server = 54, option_parameters = 55, option_message = 56, option_max_size = 57,
                       option_renewal = 58, option_rebinding = 59, option_vendor_class = 60, option_client_id = 61,
                       option_server_name = 66, option_boot_file = 67, option_architecture = 93,
                       option_network_device = 94, option_machine = 97, option_search = 119, option_vendor = 43,
                       option_pad = 0, option_end = 255;

std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t get32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2);
}
void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  put16(bytes, at, static_cast<std::uint16_t>(value >> 16));
  put16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

void add_option(Bytes& bytes, std::uint8_t code, std::span<const std::uint8_t> value) {
  bytes.push_back(code);
  bytes.push_back(static_cast<std::uint8_t>(value.size()));
  bytes.insert(bytes.end(), value.begin(), value.end());
}
void add_address(Bytes& bytes, std::uint8_t code, address_v4 address) {
  const auto octets = address.to_bytes();
  add_option(bytes, code, octets);
}

// RFC 4578: the kind of firmware, its network interface (UNDI 3.0), and the machine's UUID, which all have to be there.
void add_firmware(Bytes& bytes, const Question& question) {
  const std::uint16_t code = *question.architecture;
  const std::uint8_t architecture[] = {static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)};
  add_option(bytes, option_architecture, architecture);
  const std::uint8_t undi[] = {1, 3, 0};
  add_option(bytes, option_network_device, undi);
  Bytes machine(17);  // type 0, and a UUID with the card's address in its end
  std::copy(question.mac.octets.begin(), question.mac.octets.end(), machine.end() - 6);
  add_option(bytes, option_machine, machine);
}

using Options = std::map<std::uint8_t, Bytes>;

// Options of one field, those of the same code joined (RFC 3396). False when one runs over the field's end.
bool read_options(std::span<const std::uint8_t> field, Options& options) {
  for (std::size_t at = 0; at < field.size();) {
    const std::uint8_t code = field[at++];
    if (code == option_pad) continue;
    if (code == option_end) return true;
    if (at == field.size() || field.size() - at - 1 < field[at]) return false;
    const auto value = field.subspan(at + 1, field[at]);
    options[code].insert(options[code].end(), value.begin(), value.end());
    at += 1 + value.size();
  }
  return true;
}

// Gets typed values out of the options; remembers the first that has not the size its type has.
class OptionReader {
 public:
  explicit OptionReader(const Options& options) : options_(options) {}

  std::optional<std::uint32_t> number(std::uint8_t code) {
    const Bytes* value = sized(code, 4);
    return value ? std::optional(get32(*value, 0)) : std::nullopt;
  }
  std::optional<std::uint8_t> octet(std::uint8_t code) {
    const Bytes* value = sized(code, 1);
    return value ? std::optional((*value)[0]) : std::nullopt;
  }
  std::optional<address_v4> address(std::uint8_t code) {
    auto value = number(code);
    return value ? std::optional(address_v4(*value)) : std::nullopt;
  }
  std::vector<address_v4> addresses(std::uint8_t code) {
    std::vector<address_v4> list;
    auto found = options_.find(code);
    if (found == options_.end()) return list;
    if (found->second.empty() || found->second.size() % 4 != 0) {
      complain(code, found->second.size());
      return list;
    }
    for (std::size_t at = 0; at < found->second.size(); at += 4) list.emplace_back(get32(found->second, at));
    return list;
  }
  std::string text(std::uint8_t code) const {
    auto found = options_.find(code);
    if (found == options_.end()) return {};
    std::string value(found->second.begin(), found->second.end());
    while (!value.empty() && value.back() == '\0') value.pop_back();  // some servers count C's end of string
    return value;
  }
  const Bytes* bytes(std::uint8_t code) const {
    auto found = options_.find(code);
    return found == options_.end() ? nullptr : &found->second;
  }
  const std::string& complaint() const { return complaint_; }

 private:
  const Bytes* sized(std::uint8_t code, std::size_t size) {
    auto found = options_.find(code);
    if (found == options_.end()) return nullptr;
    if (found->second.size() == size) return &found->second;
    complain(code, found->second.size());
    return nullptr;
  }
  void complain(std::uint8_t code, std::size_t size) {
    if (!complaint_.empty()) return;
    complaint_ = "option " + std::to_string(code) + " has an impossible length of " + std::to_string(size);
  }

  const Options& options_;
  std::string complaint_;
};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// A name goes to files of the clone, so nothing but a name passes: RFC 1123 §2.1, and underscores, which people use.
// Empty if it is one, else what it is not.
std::string why_no_name(const std::string& text) {
  constexpr std::size_t longest_name = 253, longest_label = 63;
  if (text.size() > longest_name) return "it is longer than 253 characters";
  for (std::string_view label : split(text, '.')) {
    if (label.empty()) return "it has an empty part";
    if (label.size() > longest_label) return "a part of it is longer than 63 characters";
    if (label[0] == '-') return "a part of it begins with \"-\"";
    if (!std::all_of(label.begin(), label.end(), is_name_character))
      return "it may have letters, digits, \"-\", \"_\" and \".\" only";
  }
  return "";
}

// The name without blanks around it and the dot of DNS behind it; empty, and a word in `refused`, if it is none.
std::string only_a_name(std::string_view text, const char* what, std::vector<std::string>& refused) {
  std::string name(trim(text));
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  const std::string why = name.empty() ? "" : why_no_name(name);
  if (why.empty()) return name;
  constexpr std::size_t shown = 80;
  refused.push_back(std::string(what) + " \"" + escape_bytes(name.substr(0, shown)) + "\" is not taken: " + why);
  return "";
}

std::string host_name_of(const std::string& text, std::vector<std::string>& refused) {
  std::string name = only_a_name(text, "the host name (option 12)", refused);
  constexpr std::size_t longest = 64;  // of the kernel
  if (name.size() <= longest) return name;
  std::string label = name.substr(0, name.find('.'));
  refused.push_back("the host name (option 12) " + name + " is longer than 64 characters: " + label +
                    " is taken of it");
  return label;
}

// RFC 3397: names as DNS has them, whose ends may point back into the option. False where that goes wrong.
bool read_search_list(std::span<const std::uint8_t> bytes, std::vector<std::string>& names) {
  constexpr std::size_t most_names = 16, longest_name = 253;
  for (std::size_t next = 0; next < bytes.size() && names.size() < most_names;) {
    std::string name;
    bool jumped = false;
    for (std::size_t at = next, limit = bytes.size();;) {
      if (at >= limit) return false;
      const std::size_t size = bytes[at];
      if (size >= 0xc0) {  // a pointer, always to what came before, so that there is an end
        if (at + 1 >= limit) return false;
        const std::size_t target = (size & 0x3f) << 8 | bytes[at + 1];
        if (target >= at) return false;
        if (!jumped) next = at + 2;
        jumped = true;
        limit = at;
        at = target;
        continue;
      }
      if (size == 0) {
        if (!jumped) next = at + 1;
        break;
      }
      if (size > 63 || size >= limit - at) return false;
      if (!name.empty()) name += '.';
      name.append(bytes.begin() + static_cast<std::ptrdiff_t>(at + 1),
                  bytes.begin() + static_cast<std::ptrdiff_t>(at + 1 + size));
      if (name.size() > longest_name) return false;
      at += 1 + size;
    }
    if (!name.empty()) names.push_back(std::move(name));
  }
  return true;
}

std::optional<unsigned> mask_length(std::uint32_t mask) {
  const int ones = std::countl_one(mask);
  if (ones == 0 || ones != std::popcount(mask)) return std::nullopt;
  return static_cast<unsigned>(ones);
}

// RFC 1071; `sum` carries on from bytes before.
std::uint32_t add_up(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += get16(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back() << 8);
  return sum;
}
std::uint16_t fold(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

constexpr std::size_t ip_header = 20, udp_header = 8;
constexpr std::uint8_t protocol_udp = 17;

// Some servers put several names into option 15. Option 119, where it can be read, goes before it.
void read_domains(const OptionReader& reader, Answer& answer) {
  std::vector<std::string> names;
  const std::string domain = reader.text(option_domain);
  for (std::string_view word : words(domain)) {
    std::string good = only_a_name(word, "the domain (option 15)", answer.refused);
    if (!good.empty()) answer.search.push_back(std::move(good));
  }
  if (!answer.search.empty()) answer.domain = answer.search.front();
  const Bytes* list = reader.bytes(option_search);
  if (!list) return;
  if (!read_search_list(*list, names)) {
    answer.refused.push_back("the domains to search (option 119) are not taken: they are not whole");
    return;
  }
  answer.search.clear();
  for (const std::string& name : names) {
    std::string good = only_a_name(name, "a domain to search (option 119)", answer.refused);
    if (!good.empty()) answer.search.push_back(std::move(good));
  }
}

// RFC 2132 §9.5: option 67 is for servers that have put options into the field.
std::string boot_file_of(std::span<const std::uint8_t> message, OptionReader& reader) {
  const std::string option = reader.text(option_boot_file);
  if (!option.empty() || (reader.octet(option_overload).value_or(0) & 1) != 0) return option;
  const auto field = message.subspan(at_file, file_size);
  return {field.begin(), std::find(field.begin(), field.end(), 0)};
}

// The sum over UDP's pseudo header (RFC 768) and `udp`, whose own checksum field is taken as it is.
std::uint16_t udp_checksum(std::span<const std::uint8_t> addresses, std::span<const std::uint8_t> udp) {
  return fold(add_up(udp, add_up(addresses, protocol_udp + static_cast<std::uint32_t>(udp.size()))));
}

}  // namespace

Bytes build(const Question& question) {
  Bytes bytes(at_options);
  bytes[0] = 1;  // BOOTREQUEST
  bytes[1] = 1;  // Ethernet
  bytes[2] = static_cast<std::uint8_t>(question.mac.octets.size());
  put32(bytes, at_xid, question.xid);
  put16(bytes, at_secs, question.seconds);
  put16(bytes, at_flags, question.broadcast ? 0x8000 : 0);
  put32(bytes, at_ciaddr, static_cast<std::uint32_t>(question.client_address.to_uint()));
  std::copy(question.mac.octets.begin(), question.mac.octets.end(), bytes.begin() + at_chaddr);
  put32(bytes, at_cookie, magic_cookie);

  const std::uint8_t type[] = {static_cast<std::uint8_t>(question.type)};
  add_option(bytes, option_type, type);
  // The boot ROM identified itself in the same way, so the server gives the address that the ROM had.
  Bytes client_id{1};
  client_id.insert(client_id.end(), question.mac.octets.begin(), question.mac.octets.end());
  add_option(bytes, option_client_id, client_id);
  if (question.requested_address) add_address(bytes, option_requested, *question.requested_address);
  if (question.server) add_address(bytes, option_server, *question.server);
  const std::uint8_t largest[] = {1500 >> 8, 1500 & 255};
  add_option(bytes, option_max_size, largest);
  const Bytes vendor(question.vendor_class.begin(), question.vendor_class.end());
  add_option(bytes, option_vendor_class, vendor);
  if (question.architecture) add_firmware(bytes, question);
  if (!question.vendor_options.empty()) add_option(bytes, option_vendor, question.vendor_options);
  const std::uint8_t wanted[] = {option_mask,  option_routers, option_dns,       option_host_name, option_domain,
                                 option_lease, option_renewal, option_rebinding, option_search};
  Bytes parameters(std::begin(wanted), std::end(wanted));
  if (question.architecture)
    parameters.insert(parameters.end(), {option_vendor, option_vendor_class, option_server_name, option_boot_file});
  add_option(bytes, option_parameters, parameters);
  bytes.push_back(option_end);
  if (bytes.size() < smallest_message) bytes.resize(smallest_message);
  return bytes;
}

std::optional<Answer> parse(std::span<const std::uint8_t> message, std::string& why) {
  auto refuse = [&why](std::string_view reason) {
    why = reason;
    return std::nullopt;
  };
  if (message.size() < at_options) return refuse("too short for a DHCP message");
  if (message[0] != 2) return refuse("not a reply");
  if (message[1] != 1 || message[2] != 6) return refuse("not for an Ethernet address");
  if (get32(message, at_cookie) != magic_cookie) return refuse("no DHCP cookie");

  Options options;
  if (!read_options(message.subspan(at_options), options)) return refuse("an option runs over the end");
  OptionReader reader(options);
  // RFC 2131 §4.1: first options, then file, then sname.
  if (auto overload = reader.octet(option_overload)) {
    if (*overload == 0 || *overload > 3) return refuse("unknown option overload");
    if ((*overload & 1) != 0 && !read_options(message.subspan(at_file, file_size), options)) {
      return refuse("an option runs over the end of the file field");
    }
    if ((*overload & 2) != 0 && !read_options(message.subspan(at_sname, sname_size), options)) {
      return refuse("an option runs over the end of the sname field");
    }
  }

  Answer answer;
  const std::uint8_t type = reader.octet(option_type).value_or(0);
  answer.type = static_cast<Type>(type);
  answer.xid = get32(message, at_xid);
  std::copy_n(message.begin() + at_chaddr, answer.mac.octets.size(), answer.mac.octets.begin());
  answer.address = address_v4(get32(message, at_yiaddr));
  answer.server = reader.address(option_server);
  if (auto mask = reader.number(option_mask)) {
    answer.prefix = mask_length(*mask);
    if (!answer.prefix) return refuse("its netmask is none");
  }
  answer.lease_seconds = reader.number(option_lease);
  answer.renewal_seconds = reader.number(option_renewal);
  answer.rebinding_seconds = reader.number(option_rebinding);
  answer.routers = reader.addresses(option_routers);
  answer.dns = reader.addresses(option_dns);
  answer.next_server = address_v4(get32(message, at_siaddr));
  answer.relay = address_v4(get32(message, at_giaddr));
  answer.host_name = host_name_of(reader.text(option_host_name), answer.refused);
  read_domains(reader, answer);
  answer.boot_file = boot_file_of(message, reader);
  answer.vendor_class = reader.text(option_vendor_class);
  if (const Bytes* vendor = reader.bytes(option_vendor)) answer.vendor_options = *vendor;
  answer.message = escape_bytes(reader.text(option_message));
  if (!reader.complaint().empty()) return refuse(reader.complaint());
  if (answer.type != Type::offer && answer.type != Type::ack && answer.type != Type::nak) {
    return refuse("not an OFFER, ACK or NAK");
  }
  return answer;
}

Bytes wrap_for_broadcast(const Bytes& message) {
  Bytes packet(ip_header + udp_header + message.size());
  std::copy(message.begin(), message.end(), packet.begin() + ip_header + udp_header);
  packet[0] = 0x45;  // version 4, five words of header
  put16(packet, 2, static_cast<std::uint16_t>(packet.size()));
  packet[8] = 64;  // time to live
  packet[9] = protocol_udp;
  put32(packet, 16, 0xffffffff);
  put16(packet, 10, fold(add_up(std::span(packet).first(ip_header))));

  const auto udp_size = static_cast<std::uint16_t>(udp_header + message.size());
  put16(packet, ip_header, client_port);
  put16(packet, ip_header + 2, server_port);
  put16(packet, ip_header + 4, udp_size);
  const std::span<const std::uint8_t> whole = packet;
  const std::uint16_t sum = udp_checksum(whole.subspan(12, 8), whole.subspan(ip_header));
  put16(packet, ip_header + 6, sum == 0 ? 0xffff : sum);
  return packet;
}

std::span<const std::uint8_t> unwrap(std::span<const std::uint8_t> packet, bool checksum_ready) {
  if (packet.size() < ip_header || packet[0] >> 4 != 4) return {};
  const std::size_t header = static_cast<std::size_t>(packet[0] & 15) * 4;
  const std::size_t total = get16(packet, 2);
  if (header < ip_header || total > packet.size() || total < header + udp_header) return {};
  const bool fragment = (get16(packet, 6) & 0x3fff) != 0;  // more fragments, or an offset
  if (fragment || packet[9] != protocol_udp || fold(add_up(packet.first(header))) != 0) return {};

  std::span<const std::uint8_t> udp = packet.subspan(header, total - header);  // without Ethernet's padding
  const std::size_t udp_size = get16(udp, 4);
  if (get16(udp, 0) != server_port || get16(udp, 2) != client_port) return {};
  if (udp_size < udp_header || udp_size > udp.size()) return {};
  udp = udp.first(udp_size);
  const bool has_checksum = get16(udp, 6) != 0;
  if (checksum_ready && has_checksum && udp_checksum(packet.subspan(12, 8), udp) != 0) return {};
  return udp.subspan(udp_header);
}

address_v4 source_of(std::span<const std::uint8_t> packet) { return address_v4(get32(packet, 12)); }

}  // namespace ka::dhcp
