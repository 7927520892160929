#include "agent/storage/disk_contents.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using nlohmann::json;

std::string text_of(const json& device, const char* key) {
  auto found = device.find(key);
  return found != device.end() && found->is_string() ? found->get<std::string>() : "";
}

// "ext4 'data'", or "".
std::string what_is_on(const json& device) {
  std::string what = escape_bytes(text_of(device, "fstype"));
  if (std::string label = text_of(device, "label"); !label.empty()) what += " '" + escape_bytes(label) + "'";
  return what;
}

// sda5 of sda, nvme0n1p5 of nvme0n1: "5".
std::string number_of(const std::string& partition) {
  return partition.substr(partition.find_last_not_of("0123456789") + 1);
}

}  // namespace

std::string contents_in_words(std::string_view lsblk_json) {
  std::string text;
  try {
    const json device = json::parse(lsblk_json).at("blockdevices").at(0);
    if (device.contains("children")) {
      for (const json& part : device.at("children")) {
        std::string what = what_is_on(part);
        text += (text.empty() ? "" : ", ") + number_of(text_of(part, "name")) + " " +
                (what.empty() ? "of no known kind" : what);
      }
    }
    if (text.empty()) text = what_is_on(device) + (what_is_on(device).empty() ? "" : " on the whole disk");
  } catch (const json::exception& error) {
    throw Error("read what lsblk prints", error.what());
  }
  return text.empty() ? "nothing that is known" : text;
}

Awaitable<std::string> contents_of(Machine& machine, std::string stage2_root, std::string disk) {
  Command command({"lsblk", "--json", "--output", "NAME,FSTYPE,LABEL", "/dev/" + disk});
  command.root = std::move(stage2_root);
  try {
    std::string printed = co_await machine.output_of(command);
    co_return contents_in_words(printed);
  } catch (const Error& error) {
    co_return std::string("cannot be told: ") + error.what();
  }
}

}  // namespace ka::agent
