#include "agent/bootable/firmware.h"

#include <algorithm>
#include <map>

#include "base/efi_variable.h"
#include "base/error.h"
#include "base/files.h"
#include "wire/boot/secure_boot.h"

namespace ka::agent {

namespace {

using boot::LoadOption;
using Numbers = std::vector<std::uint16_t>;

boot::Signatures signatures(Log& log, const std::string& variables, const char* name) {
  const auto content = read_efi_variable(variables, name, efi_security);
  try {
    return boot::parse_signatures(content.value_or(""));
  } catch (const Error& error) {
    log.line(std::string(" - The firmware's ") + name + " cannot be read: " + error.what());
    return {};
  }
}

class Nvram {
 public:
  Nvram(Machine& machine, Log& log, const std::string& variables)
      : machine_(machine), log_(log), variables_(variables) {
    for (const std::string& file : list_directory(variables)) {
      const std::size_t dash = std::min(file.find('-'), file.size());
      const auto number = boot::boot_number(std::string_view(file).substr(0, dash));
      if (!number || file.substr(std::min(dash + 1, file.size())) != efi_global) continue;
      content_[*number] = read_efi_variable(variables, boot::boot_variable(*number), efi_global).value_or("");
    }
    order_ = boot::parse_boot_numbers(read("BootOrder").value_or(""));
  }

  // The number of the entry: of one that is there, or of a new one.
  std::uint16_t add(const LoadOption& entry) {
    std::optional<std::uint16_t> kept;
    const std::string wanted = boot::load_option(entry);
    for (const auto& [number, content] : std::map(content_)) {
      const auto there = boot::parse_load_option(content);
      if (!there || !there->drive || there->drive->identity != entry.drive->identity ||
          !boot::same_path(there->path, entry.path))
        continue;
      if (!kept && content == wanted)
        kept = number;
      else
        remove(number, *there);
    }
    if (kept) {
      log_.line(" - NVRAM has " + text(*kept, entry) + " already");
      return *kept;
    }
    std::uint16_t number = 0;
    while (content_.count(number) || std::find(order_.begin(), order_.end(), number) != order_.end()) ++number;
    write(boot::boot_variable(number), wanted);
    content_[number] = wanted;
    log_.line(" - NVRAM: " + text(number, entry));
    return number;
  }

  void put_in_order(const Numbers& entries, boot::Order order) {
    Numbers wanted;
    for (std::uint16_t number : order_)
      if (std::find(entries.begin(), entries.end(), number) == entries.end() && content_.count(number))
        wanted.push_back(number);
    auto place = order == boot::Order::leave ? wanted.end() : wanted.begin();
    if (order == boot::Order::pxe_first) {
      const Numbers current = boot::parse_boot_numbers(read("BootCurrent").value_or(""));
      auto found = current.empty() ? wanted.end() : std::find(wanted.begin(), wanted.end(), current.front());
      if (found != wanted.end()) {
        std::rotate(wanted.begin(), found, found + 1);
        place = wanted.begin() + 1;
      }
    }
    wanted.insert(place, entries.begin(), entries.end());
    if (wanted == boot::parse_boot_numbers(read("BootOrder").value_or(""))) return;
    write("BootOrder", boot::boot_numbers(wanted));
  }

  void start_next(std::uint16_t number) { write("BootNext", boot::boot_numbers({number})); }

 private:
  std::optional<std::string> read(const std::string& name) const {
    return read_efi_variable(variables_, name, efi_global);
  }

  void write(const std::string& name, const std::string& content) {
    machine_.write_file(efi_variable_path(variables_, name, efi_global), efi_variable_content(content));
    if (read(name) != content) throw Error("write " + name, "what is read back is not what was written");
  }

  void remove(std::uint16_t number, const LoadOption& entry) {
    machine_.remove_file(efi_variable_path(variables_, boot::boot_variable(number), efi_global));
    content_.erase(number);
    order_.erase(std::remove(order_.begin(), order_.end(), number), order_.end());
    log_.line(" - NVRAM: removed " + text(number, entry) + ", of an earlier system here");
  }

  static std::string text(std::uint16_t number, const LoadOption& entry) {
    return boot::boot_variable(number) + " \"" + entry.label + "\" " + entry.path;
  }

  Machine& machine_;
  Log& log_;
  const std::string variables_;
  std::map<std::uint16_t, std::string> content_;
  Numbers order_;
};

}  // namespace

void check_secure_boot(Log& log, const std::string& variables, const std::vector<boot::Program>& chain) {
  const auto on = read_efi_variable(variables, "SecureBoot", efi_global);
  if (!on || *on != std::string(1, '\1')) {
    log.line(on ? " - Secure Boot is off" : " - Whether Secure Boot is on cannot be told: there is no such variable");
    return;
  }
  boot::Trust trust;
  trust.allowed = signatures(log, variables, "db");
  trust.forbidden = signatures(log, variables, "dbx");
  trust.sbat_level = read_efi_variable(variables, "SbatLevelRT", efi_shim).value_or("");
  if (const std::string why = boot::why_refused(trust, chain); !why.empty()) throw Error("start the clone", why);
  log.line(" - Secure Boot is on, and would start the golden machine's programs");
}

std::string write_boot_entries(Machine& machine, Log& log, const std::string& variables,
                               const std::vector<LoadOption>& entries, boot::Order order) {
  try {
    if (list_directory(variables).empty()) return "this kernel does not show the firmware's variables (efivarfs)";
    Nvram nvram(machine, log, variables);
    Numbers numbers;
    for (const LoadOption& entry : entries) numbers.push_back(nvram.add(entry));
    nvram.put_in_order(numbers, order);
    nvram.start_next(numbers.front());
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace ka::agent
