#pragma once
/// A small image, made by the parts of `ka-server save`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "server/shelf/folder_writer.h"
#include "server/shelf/save.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/ports.h"

namespace ka::server {

/// One disk with one file system, and another partition that is copied.
inline wire::Manifest manifest_of_two_partitions() {
  wire::Manifest m;
  m.golden_host = "golden";
  m.server_version = KA_VERSION;
  storage::Partition root, windows;
  root.number = 1;
  root.type = "83";
  root.size = {64 << 20, false, false};
  windows.number = 2;
  windows.type = "7";
  windows.size = {1 << 20, false, false};
  storage::add_disk(m.storage, "sda", {1 << 30, 512, ""}, {{}, "0x59be1427", 0}, {root, windows});
  storage::Ext ext;
  ext.version = "ext4";
  ext.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  ext.block_size = 4096;
  ext.inode_size = 256;
  const storage::Id fs = storage::add_content(m.storage, "sda1", ext).id;
  storage::Blocks blocks;
  blocks.bytes = 1 << 20;
  const storage::Id copied = storage::add_content(m.storage, "sda2", blocks).id;
  m.mounts = {{fs, "/", ""}};
  m.streams = {{"kainstall3", copied}};
  m.tar_compression = "zstd";
  return m;
}

class ImageTest : public CoroutineTest {
 protected:
  ImageTest() {
    for (int i = 0; i < 200'000; ++i) files_ += "line " + std::to_string(i * 7919) + "\n";
    for (int i = 0; i < 5000; ++i) blocks_ += std::to_string(i * i);
  }

  std::string folder() const { return scratch_.at("/image"); }

  Stored store_bytes(ImageWriter& writer, const std::string& session, const std::string& name, const std::string& bytes,
                     const std::string& compression = "off", const std::string& key = "") {
    ToStore what;
    what.session.name = session;
    what.session.open = [bytes] { return buffer_source(bytes); };
    what.name = name;
    what.compression = compression;
    what.key = key;
    return get(store(
        io_, writer, what, [key] { return key; }, [](std::uint64_t) {}));
  }

  ImageIndex fill(ImageWriter& writer, const std::string& compression = "3") {
    ImageIndex index;
    index.made_by = KA_VERSION;
    index.golden_host = "golden";
    index.saved = "2026-11-26T21:00:00Z";
    const Stored copied = store_bytes(writer, "kainstall3", "kainstall3.blocks", blocks_, compression, "untouched");
    const Stored system = store_bytes(writer, wire::system_session, "system.tar", files_, compression);
    index.streams = {system.stream, copied.stream};
    const std::string manifest = wire::to_json(manifest_of_two_partitions());
    index.manifest = store_bytes(writer, wire::manifest_session, "manifest.json", manifest).stream.file;
    index.stage2 = store_bytes(writer, wire::stage2_session, "stage2.sqfs", "hsqs and so on").stream.file;
    return index;
  }

  void make_image(const std::string& compression = "3") {
    FolderWriter writer(folder());
    writer.finish(fill(writer, compression));
  }

  /// One byte in the middle, another one.
  void damage(const std::string& name) {
    std::string bytes = scratch_.content("/image/" + name);
    bytes[bytes.size() / 2] ^= 1;
    write_file(folder() + "/" + name, bytes, 0600);
  }

  int shell(const std::string& command) { return std::system(("cd " + folder() + " && " + command).c_str()); }

  Scratch scratch_;
  std::string files_, blocks_;
};

}  // namespace ka::server
