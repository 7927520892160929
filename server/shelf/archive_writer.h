#pragma once
/// An image as one file, an archive of tar's that is not packed itself. It is written as FILE.part, with room at its
/// beginning for the index, which comes last; then it is synced, and renamed. What was interrupted begins anew.

#include "base/unique_fd.h"
#include "server/shelf/image_writer.h"

namespace ka::server {

class ArchiveWriter final : public ImageWriter {
 public:
  /// Throws as make_image_writer() does.
  explicit ArchiveWriter(std::string path);
  /// Before finish(), leaves nothing.
  ~ArchiveWriter() override;
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  const std::string& place() const override { return path_; }
  std::string folder() const override;
  std::unique_ptr<NewFile> begin(const std::string& name) override;
  bool takes_notes() const override { return false; }
  std::optional<StoredStream> noted(const std::string&, const std::string&) override { return std::nullopt; }
  void note(const StoredStream&, const std::string&) override {}
  /// Of more warnings than there is room for, the last ones are left out, and counted.
  void finish(const ImageIndex& index) override;

 private:
  class Member;
  void check_own() const;
  void rename() const;
  void sync() const;

  std::string path_, part_;
  UniqueFd fd_;
  std::uint64_t end_;  // of what is whole
  bool finished_ = false;
};

}  // namespace ka::server
