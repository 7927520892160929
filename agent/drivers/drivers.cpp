#include "agent/drivers/drivers.h"

#include <unistd.h>

#include <algorithm>

#include "agent/drivers/module_loader.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A driver waits for its hardware more than it computes, but each costs memory while it is read.
constexpr unsigned side_by_side = 4;

std::string attribute(const std::string& device, const char* name) {
  return std::string(trim(read_file_if_any(device + "/" + name).value_or("")));
}

// A piece of hardware that appeared, or got its driver: more may hang from it. Loop devices, caches and the modules
// themselves (/module) are no hardware.
bool is_news(const Uevent& uevent) {
  return (uevent.action == "add" || uevent.action == "bind") && uevent.path.starts_with("/devices/") &&
         !uevent.path.starts_with("/devices/virtual/");
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// PCI base class 02, or virtio's device 1: the address is what everything else waits for.
bool is_for_the_network(std::string_view modalias) {
  return modalias.find("bc02") != std::string_view::npos || modalias.starts_with("virtio:d00000001");
}

// The PCI base classes (PCI Code and ID Assignment Specification §1) that a clone can depend on.
const char* wanted_pci_class(std::string_view class_code) {
  if (class_code.starts_with("0x01")) return "storage controller";
  if (class_code.starts_with("0x02")) return "network controller";
  if (class_code.starts_with("0x0c03")) return "USB controller";
  if (class_code.starts_with("0x0c04")) return "Fibre Channel controller";
  if (class_code.starts_with("0x0c06")) return "InfiniBand controller";
  if (class_code.starts_with("0x00") || class_code.starts_with("0xff")) return "device of no class";
  return nullptr;
}

// Virtio 1.2 §5: the device types that a clone can depend on; not its random numbers or its balloon.
const char* wanted_virtio_device(std::string_view modalias) {
  if (modalias.starts_with("virtio:d00000001")) return "network card";
  if (modalias.starts_with("virtio:d00000002")) return "disk";
  if (modalias.starts_with("virtio:d00000008")) return "SCSI controller";
  return nullptr;
}

// ATA and virtio disks are there when the load of their controller's driver ends: it probes in the load or by the
// kernel's asynchronous calls, and a load waits for those. SAS and Fibre Channel discover their disks, NVMe, MMC and
// the buses of hypervisors scan for them, all later.
bool finds_disks_later(std::string_view module_path) {
  for (const char* prompt : {"/virtio_blk.ko", "/virtio_scsi.ko", "/sd_mod.ko"}) {
    if (module_path.find(prompt) != std::string_view::npos) return false;
  }
  for (const char* folder : {"/drivers/scsi/", "/drivers/message/", "/drivers/nvme/", "/drivers/mmc/", "/drivers/ufs/",
                             "/drivers/block/", "/drivers/usb/storage/", "/drivers/pci/controller/", "/drivers/hv/"}) {
    if (module_path.find(folder) != std::string_view::npos) return true;
  }
  return false;
}

bool is_storage(std::string_view module_path) {
  for (const char* folder : {"/drivers/mmc/host/", "/drivers/ufs/", "/drivers/ata/", "/drivers/scsi/", "/drivers/nvme/",
                             "/drivers/block/", "/drivers/message/"}) {
    if (module_path.find(folder) != std::string_view::npos) return true;
  }
  return false;
}

std::string four_digits(std::string text) { return text.starts_with("0x") ? text.substr(2) : text; }

}  // namespace

std::string UndrivenDevice::text() const {
  return place + (ids.empty() ? "" : " [" + ids + "]") + " " + kind + ", modalias " + modalias;
}

Drivers::Drivers(asio::io_context& io, Log& log) : io_(io), log_(log), last_news_(Clock::now()) {
  auto event = [this](const Uevent& uevent) {
    if (is_news(uevent)) last_news_ = Clock::now();
    if (uevent.action == "add" && !uevent.modalias.empty()) consider(uevent.modalias);
    start_more();
  };
  auto overflow = [this] { ask_all_devices(); };
  uevents_.emplace(io, event, overflow);
}

void Drivers::add_modules(const std::string& root) {
  if (!add_modules_of(root, index_)) log_.line("No modules for this kernel under " + root + "/lib/modules");
}

void Drivers::use_modules_of(const std::string& root) {
  add_modules(root);
  ask_all_devices();
}

void Drivers::ask_all_devices() {
  std::set<std::string> modaliases;
  for (const std::string& bus : list_directory("/sys/bus")) {
    const std::string devices = "/sys/bus/" + bus + "/devices/";
    for (const std::string& device : list_directory(devices)) {
      std::string modalias = attribute(devices + device, "modalias");
      if (!modalias.empty()) modaliases.insert(std::move(modalias));
    }
  }
  // Network cards first: what they share with other devices (the bus of a virtual machine) is as urgent as they are.
  for (bool network : {true, false}) {
    for (const std::string& modalias : modaliases) {
      if (is_for_the_network(modalias) == network) consider(modalias);
    }
  }
  start_more();
}

void Drivers::consider(const std::string& modalias) {
  Request request;
  for (const std::string& module : index_.serving(modalias)) {
    if (!requested_.insert(module).second) continue;
    request.modules.push_back(module);
    for (std::string& file : index_.load_order(module)) request.files.push_back(std::move(file));
  }
  if (request.modules.empty()) return;
  last_news_ = Clock::now();
  request.urgent = is_for_the_network(modalias);
  if (request.urgent) {
    queue_.push_front(std::move(request));
  } else {
    queue_.push_back(std::move(request));
  }
}

void Drivers::start_more() {
  auto may_start = [this](const Request& request) {
    return request.urgent || (running_ < side_by_side && (urgent_running_ == 0 || !network_first_));
  };
  while (!queue_.empty() && may_start(queue_.front())) {
    Request request = std::move(queue_.front());
    queue_.pop_front();
    const unsigned urgent = request.urgent ? 1 : 0;
    ++running_;
    urgent_running_ += urgent;
    asio::co_spawn(io_, run(std::move(request)), [this, urgent](std::exception_ptr failure) {
      --running_;
      urgent_running_ -= urgent;
      last_news_ = Clock::now();
      try {
        if (failure) std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        log_.line("Loading modules: " + std::string(error.what()));
      }
      start_more();
    });
  }
}

Awaitable<void> Drivers::run(Request request) {
  for (const std::string& module : request.modules) log_.line("Loading module " + module);
  std::vector<std::string> arguments{"/proc/self/exe", "insmod"};
  arguments.insert(arguments.end(), request.files.begin(), request.files.end());
  Command command(std::move(arguments));
  auto complain = [this](std::string_view failure) { log_.line("Module " + std::string(failure)); };
  running_modules_.insert(request.modules.begin(), request.modules.end());
  std::exception_ptr failure;
  try {
    co_await ka::run(io_, command, complain);
  } catch (...) {
    failure = std::current_exception();
  }
  for (const std::string& module : request.modules) running_modules_.extract(module);
  if (failure) std::rethrow_exception(failure);
  loaded_.insert(loaded_.end(), request.modules.begin(), request.modules.end());
}

Awaitable<bool> Drivers::settle(std::chrono::milliseconds quiet, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  // A network card's driver that never comes back must not keep the disks away.
  network_first_ = false;
  start_more();
  asio::steady_timer timer(io_);
  while (running_ > 0 || !queue_.empty() || Clock::now() < last_news_ + quiet) {
    if (Clock::now() >= end) {
      log_.line("After " + std::to_string(limit.count() / 1000) + " s drivers are still being loaded (" + loading() +
                ") or devices still appear");
      co_return false;
    }
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return true;
}

Awaitable<void> Drivers::load(std::vector<std::string> names) {
  std::vector<std::string> arguments{"/proc/self/exe", "insmod"};
  for (const std::string& name : names) {
    if (!index_.knows(name)) throw Error("load module " + name, "it is neither in all.rdz nor in stage2 nor built in");
    for (std::string& file : index_.load_order(name)) arguments.push_back(std::move(file));
  }
  if (arguments.size() == 2) co_return;  // all built in
  Command command(std::move(arguments));
  co_await run_checked(io_, command);
}

std::vector<UndrivenDevice> Drivers::undriven() const {
  std::vector<UndrivenDevice> found;
  for (const char* bus : {"pci", "virtio", "vmbus", "xen"}) {
    const std::string devices = std::string("/sys/bus/") + bus + "/devices/";
    for (const std::string& name : list_directory(devices)) {
      const std::string device = devices + name;
      UndrivenDevice undriven;
      undriven.modalias = attribute(device, "modalias");
      if (undriven.modalias.empty() || exists(device + "/driver")) continue;
      const std::string_view on(bus);
      const char* kind = on == "pci"      ? wanted_pci_class(attribute(device, "class"))
                         : on == "virtio" ? wanted_virtio_device(undriven.modalias)
                                          : "device";
      if (!kind) continue;
      undriven.kind = kind;
      if (on == "pci") {
        undriven.ids = four_digits(attribute(device, "vendor")) + ":" + four_digits(attribute(device, "device"));
      }
      undriven.place = std::string(bus) + " " + name;
      found.push_back(std::move(undriven));
    }
  }
  return found;
}

bool Drivers::drive_storage(std::string_view modalias) const {
  for (const std::string& module : index_.serving(modalias)) {
    for (const std::string& file : index_.load_order(module))
      if (module_name(file) == module && is_storage(file)) return true;
  }
  return false;
}

std::string Drivers::loading() const {
  std::string names;
  auto add = [&names](const std::string& module) { names += (names.empty() ? "" : " ") + module; };
  for (const std::string& module : running_modules_) add(module);
  for (const Request& request : queue_)
    for (const std::string& module : request.modules) add(module);
  return names.empty() ? "none" : names;
}

bool Drivers::disks_may_come_late() const {
  for (const std::string& module : in_use()) {
    for (const std::string& file : index_.load_order(module)) {
      if (module_name(file) == module && finds_disks_later(file)) return true;
    }
  }
  return false;
}

std::vector<std::string> Drivers::in_use() const {
  auto drives_something = [](const std::string& module) {
    const std::string drivers = "/sys/module/" + module + "/drivers/";
    for (const std::string& driver : list_directory(drivers)) {
      for (const std::string& entry : list_directory(drivers + driver)) {
        // Devices are links out of the driver's directory; "module" is one too.
        if (entry != "module" && exists(drivers + driver + "/" + entry + "/uevent")) return true;
      }
    }
    return false;
  };
  std::vector<std::string> names;
  std::copy_if(loaded_.begin(), loaded_.end(), std::back_inserter(names), drives_something);
  return names;
}

}  // namespace ka::agent
