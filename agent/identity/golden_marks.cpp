#include "agent/identity/golden_marks.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "agent/identity/hardware_text.h"
#include "base/text.h"

namespace ka::agent {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

bool is_of_address(char c) { return std::string_view("0123456789abcdefABCDEF.:").find(c) != std::string_view::npos; }

std::optional<asio::ip::address> parse(std::string_view text) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(address);
}

// "10.0.1.40", "10.0.1.40:80", "2001:db8::28", also at the end of a sentence.
std::vector<asio::ip::address> addresses_in(std::string_view word) {
  while (!word.empty() && (word.back() == '.' || (word.back() == ':' && !word.ends_with("::")))) word.remove_suffix(1);
  if (auto whole = parse(word)) return {*whole};
  std::vector<asio::ip::address> addresses;
  for (std::string_view part : split(word, ':'))
    if (auto address = parse(part)) addresses.push_back(*address);
  return addresses;
}

}  // namespace

GoldenMarks::GoldenMarks(const HostNames& names, const wire::Manifest& manifest, const std::vector<NetworkCard>& here)
    : host_name_(names.golden_word()) {
  for (const std::string& text : manifest.golden_addresses)
    if (auto address = parse(text)) addresses_.push_back(*address);
  for (const wire::NetworkCard& card : manifest.network_cards) {
    auto own = [&card](const NetworkCard& other) { return other.address == card.address; };
    auto address = parse_hardware_address(card.address);
    if (address && std::none_of(here.begin(), here.end(), own)) cards_.push_back(*address);
  }
}

const char* GoldenMarks::in(std::string_view line) const {
  line = trim(line);
  if (line.empty() || line[0] == '#' || line[0] == ';') return nullptr;
  if (has_address(line)) return wire::found_address;
  if (has_hardware_address(line)) return wire::found_hardware_address;
  return has_host_name(line) ? wire::found_host_name : nullptr;
}

bool GoldenMarks::has_host_name(std::string_view line) const {
  if (host_name_.empty()) return false;
  const std::string text = lowered(line);
  for (std::size_t at = 0; (at = text.find(host_name_, at)) != std::string::npos; ++at) {
    const std::size_t end = at + host_name_.size();
    if ((at == 0 || !is_of_name(text[at - 1])) && (end == text.size() || !is_of_name(text[end]))) return true;
  }
  return false;
}

bool GoldenMarks::has_address(std::string_view line) const {
  if (addresses_.empty()) return false;
  while (!line.empty()) {
    auto begin = std::find_if(line.begin(), line.end(), is_of_address);
    auto end = std::find_if_not(begin, line.end(), is_of_address);
    const std::string_view word(begin, end);
    const bool may_be_one = word.find_first_of(".:") != std::string_view::npos && word.size() < 64;
    if (may_be_one)
      for (const asio::ip::address& address : addresses_in(word))
        if (std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end()) return true;
    line = std::string_view(end, line.end());
  }
  return false;
}

bool GoldenMarks::has_hardware_address(std::string_view line) const {
  if (cards_.empty()) return false;
  auto place = find_address(line, 0);
  while (place && std::find(cards_.begin(), cards_.end(), place->address) == cards_.end())
    place = find_address(line, place->end);
  return place.has_value();
}

namespace {

class Search {
 public:
  Search(const CloneTree& clone, IdentityRecord& record, const GoldenMarks& marks, const SearchLimits& limits)
      : clone_(clone), record_(record), marks_(marks), limits_(limits) {}

  void run() {
    std::vector<std::string> folders = {"/etc"};
    while (!folders.empty() && !stopped_) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      look_in(folder, folders);
    }
    tell();
  }

 private:
  struct Find {
    const char* what;
    std::string place;
  };

  void look_in(const std::string& folder, std::vector<std::string>& folders) {
    std::vector<std::string> deeper;
    for (const std::string& name : clone_.list(folder)) {
      const std::string path = folder + "/" + name;
      struct stat status;
      if (::lstat(clone_.outside(path).c_str(), &status) != 0) continue;
      if (S_ISDIR(status.st_mode)) deeper.push_back(path);
      if (!S_ISREG(status.st_mode)) continue;
      if (looked_at_ == limits_.files) {
        stopped_ = true;
        return;
      }
      ++looked_at_;
      if (static_cast<std::size_t>(status.st_size) <= limits_.file_bytes && !record_.tells_of(path)) read(path);
    }
    folders.insert(folders.end(), deeper.rbegin(), deeper.rend());
  }

  void read(const std::string& path) {
    const std::string text = clone_.read(path).value_or("");
    if (text.find('\0') != std::string::npos) return;
    std::size_t number = 0;
    for (std::string_view line : split(text, '\n')) {
      ++number;
      const char* what = marks_.in(line);
      if (!what) continue;
      add(what, path + ":" + std::to_string(number));
      return;  // the first line says enough
    }
  }

  // What names an address is rarer than what holds a word, and breaks more.
  void add(const char* what, std::string place) {
    ++found_;
    std::vector<Find>& finds = what == wire::found_host_name ? names_ : addresses_;
    if (finds.size() < limits_.listed) finds.push_back({what, std::move(place)});
  }

  void tell() {
    std::size_t listed = 0;
    for (const std::vector<Find>* finds : {&addresses_, &names_})
      for (const Find& find : *finds)
        if (listed < limits_.listed) {
          record_.add_found(find.what, find.place);
          ++listed;
        }
    if (found_ > listed) record_.add_found(wire::found_more, "and " + std::to_string(found_ - listed) + " more");
    if (stopped_)
      record_.add_found(wire::found_more,
                        "/etc has more files than the " + std::to_string(limits_.files) + " that were looked at");
  }

  const CloneTree& clone_;
  IdentityRecord& record_;
  const GoldenMarks& marks_;
  const SearchLimits& limits_;
  std::size_t looked_at_ = 0, found_ = 0;
  bool stopped_ = false;
  std::vector<Find> addresses_, names_;
};

}  // namespace

void find_golden_marks(const CloneTree& clone, IdentityRecord& record, const GoldenMarks& marks,
                       const SearchLimits& limits) {
  Search(clone, record, marks, limits).run();
}

}  // namespace ka::agent
