#include "agent/storage/storage_doubts.h"

#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string attribute(const std::string& device, const char* name) {
  return std::string(trim(read_file_if_any(device + "/" + name).value_or("")));
}

// PCI Code and ID Assignment Specification §1: "0x010802" is a storage controller, of NVMe's kind.
const char* pci_storage(std::string_view class_code) {
  struct {
    std::string_view code;
    const char* words;
  } const classes[] = {
      {"0x0100", "SCSI controller"},  {"0x0101", "IDE controller"},  {"0x0102", nullptr},  // floppy
      {"0x0104", "RAID controller"},  {"0x0105", "ATA controller"},  {"0x0106", "SATA controller"},
      {"0x0107", "SAS controller"},   {"0x0108", "NVMe controller"}, {"0x0109", "UFS controller"},
      {"0x01", "storage controller"}, {"0x0805", "SD or eMMC host"}, {"0x0c04", "Fibre Channel controller"},
  };
  for (const auto& c : classes)
    if (class_code.starts_with(c.code)) return c.words;
  return nullptr;
}

// What a device of this bus is, if disks hang on it or it is one; nullptr: something else.
const char* storage_kind(std::string_view bus, const std::string& device, const std::string& modalias) {
  auto is = [&modalias](std::string_view start) { return modalias.starts_with(start); };
  if (bus == "pci") return pci_storage(attribute(device, "class"));
  if (bus == "virtio") return is("virtio:d00000002") ? "disk" : is("virtio:d00000008") ? "SCSI controller" : nullptr;
  // A disk, one of the simplified kind, one that is written in zones; not a tape, an enclosure or a CD.
  if (bus == "scsi") return is("scsi:t-0x00") || is("scsi:t-0x0e") || is("scsi:t-0x14") ? "disk" : nullptr;
  if (bus == "mmc") return is("mmc:block") ? "card" : nullptr;
  if (bus == "xen") return is("xen:vbd") || is("xen:vscsi") ? "disk" : nullptr;
  if (bus == "vmbus") {
    for (const char* guid : {"vmbus:32264132cb86a2449b5c50d1417354f5", "vmbus:d96361baa104294db60572e2ffb1dc7f",
                             "vmbus:4acc9b2f6900f34ab76b6fd0be528cda"})  // IDE, SCSI, Fibre Channel
      if (is(guid)) return "disk controller";
  }
  return nullptr;
}

std::string text_of(const std::string& bus, const std::string& name, const std::string& device, const std::string& kind,
                    const std::string& modalias) {
  std::string text = bus + " " + name;
  auto four_digits = [](std::string id) { return id.starts_with("0x") ? id.substr(2) : id; };
  if (std::string vendor = attribute(device, "vendor"); bus == "pci" && !vendor.empty())
    text += " [" + four_digits(vendor) + ":" + four_digits(attribute(device, "device")) + "]";
  return text + ", " + kind + " (modalias " + modalias + ")";
}

class Doubts {
 public:
  Doubts(const std::string& sysfs, const std::function<bool(std::string_view)>& drives_storage)
      : sysfs_(sysfs), drives_storage_(drives_storage) {}

  std::vector<std::string> find() {
    for (const std::string& bus : list_directory(sysfs_ + "/bus")) look_for_undriven(bus);
    look_for_hidden_nvme();
    look_at_states();
    return std::move(found_);
  }

 private:
  void look_for_undriven(const std::string& bus) {
    const std::string devices = sysfs_ + "/bus/" + bus + "/devices/";
    for (const std::string& name : list_directory(devices)) {
      const std::string device = devices + name;
      const std::string modalias = attribute(device, "modalias");
      if (modalias.empty() || exists(device + "/driver")) continue;
      const char* kind = storage_kind(bus, device, modalias);
      // The ACPI object of a platform device has its modalias too, and never a driver; USB disks are not taken unseen.
      const bool classless = bus != "pci" && bus != "acpi" && bus != "usb" && bus != "virtio" && bus != "scsi";
      if (!kind && classless && drives_storage_(modalias)) kind = "storage controller";
      if (kind) found_.push_back("no driver works for " + text_of(bus, name, device, kind, modalias));
    }
  }

  // An Intel AHCI controller in "RAID mode" keeps NVMe disks to itself; Linux counts them.
  void look_for_hidden_nvme() {
    const std::string devices = sysfs_ + "/bus/pci/devices/";
    for (const std::string& name : list_directory(devices)) {
      std::string hidden = attribute(devices + name, "remapped_nvme");
      if (!hidden.empty() && hidden != "0")
        found_.push_back("pci " + name + " hides " + hidden +
                         " NVMe disks; switch the firmware of this machine from RAID to AHCI mode");
    }
  }

  void look_at_states() {
    struct {
      const char *class_name, *attribute_name, *good, *what;
    } const states[] = {
        {"nvme", "state", "live", "NVMe controller"},
        {"scsi_host", "state", "running", "SCSI host"},
        {"fc_host", "port_state", "Online", "Fibre Channel port"},
    };
    for (const auto& s : states) {
      const std::string devices = sysfs_ + "/class/" + s.class_name + "/";
      for (const std::string& name : list_directory(devices)) {
        std::string state = attribute(devices + name, s.attribute_name);
        if (!state.empty() && state != s.good)
          found_.push_back(std::string(s.what) + " " + name + " is " + escape_bytes(state) + ", not " + s.good);
      }
    }
  }

  const std::string& sysfs_;
  const std::function<bool(std::string_view)>& drives_storage_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> storage_doubts(const std::string& sysfs,
                                        const std::function<bool(std::string_view modalias)>& drives_storage) {
  return Doubts(sysfs, drives_storage).find();
}

}  // namespace ka::agent
