#include "wire/manifest_boot.h"

namespace ka::wire {

namespace {

using nlohmann::json;

const char* const bios_loader_names[] = {"grub"};
const char* const uefi_loader_names[] = {"grub", "systemd-boot", "stub"};

json encode(const boot::Entry& e) {
  return {{"esp", json_text(e.esp)},
          {"path", json_text(e.path)},
          {"label", json_text(e.label)},
          {"arguments", json_text(e.arguments)}};
}

json encode(const boot::Program& p) {
  return {{"path", json_text(p.path)},
          {"digest", json_text(p.digest)},
          {"sbat", json_text(p.sbat)},
          {"issuers", json_texts(p.issuers)}};
}

boot::Entry decode_entry(const JsonReader& in) {
  return {in.text("esp"), in.text("path"), in.text("label"), in.text("arguments")};
}

boot::Program decode_program(const JsonReader& in) {
  return {in.text("path"), in.text("digest"), in.text("sbat"), in.texts("issuers")};
}

json encode(const boot::BiosWay& b) {
  return {{"loader", bios_loader_names[static_cast<int>(b.loader)]},
          {"disks", json_texts(b.disks)},
          {"directory", json_text(b.directory)}};
}

json encode(const boot::UefiWay& u) {
  json entries = json::array(), chain = json::array();
  for (const boot::Entry& entry : u.entries) entries.push_back(encode(entry));
  for (const boot::Program& program : u.chain) chain.push_back(encode(program));
  return {{"loader", uefi_loader_names[static_cast<int>(u.loader)]},
          {"esps", json_texts(u.esps)},
          {"entries", entries},
          {"chain", chain}};
}

boot::BiosWay decode_bios(const JsonReader& in) {
  return {in.one_of<boot::BiosWay::Loader>("loader", bios_loader_names), in.texts("disks"), in.text("directory")};
}

boot::UefiWay decode_uefi(const JsonReader& in) {
  return {in.one_of<boot::UefiWay::Loader>("loader", uefi_loader_names), in.texts("esps"),
          in.each<boot::Entry>("entries", decode_entry), in.each<boot::Program>("chain", decode_program)};
}

}  // namespace

json encode(const boot::BootPlan& plan) {
  json out = {{"order", boot::order_names[static_cast<int>(plan.order)]}};
  if (plan.bios) out["bios"] = encode(*plan.bios);
  if (plan.uefi) out["uefi"] = encode(*plan.uefi);
  return out;
}

boot::BootPlan decode_boot(const JsonReader& in) {
  boot::BootPlan plan;
  plan.order = in.one_of<boot::Order>("order", boot::order_names);
  if (in.has("bios")) plan.bios = decode_bios(in.object("bios"));
  if (in.has("uefi")) plan.uefi = decode_uefi(in.object("uefi"));
  return plan;
}

}  // namespace ka::wire
