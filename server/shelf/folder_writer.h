#pragma once
/// An image as a folder. The next saving can go on with what one that was interrupted has left; the index comes last.

#include <vector>

#include "base/unique_fd.h"
#include "server/shelf/image_writer.h"

namespace ka::server {

class FolderWriter final : public ImageWriter {
 public:
  /// Makes the folder, for its owner alone, and locks it. Throws as make_image_writer() does.
  explicit FolderWriter(std::string folder);
  /// Before finish(), leaves what is there for another one; a folder in which nothing is goes.
  ~FolderWriter() override;
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  const std::string& place() const override { return folder_; }
  std::string folder() const override { return folder_; }
  std::unique_ptr<NewFile> begin(const std::string& name) override;
  bool takes_notes() const override { return true; }
  std::optional<StoredStream> noted(const std::string& session, const std::string& key) override;
  void note(const StoredStream& stream, const std::string& key) override;
  /// What an earlier run left that is not in it is removed.
  void finish(const ImageIndex& index) override;

 private:
  struct Note {
    std::string key;
    StoredStream stream;
  };
  void read_notes();
  void write_notes();

  std::string folder_;
  UniqueFd directory_;
  std::vector<Note> notes_;
  bool finished_ = false;
};

}  // namespace ka::server
