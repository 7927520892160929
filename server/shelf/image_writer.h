#pragma once
/// Makes an image in a folder, so that whatever ends the making leaves no image there, but what the next one can go on
/// with. Files are written as NAME.part, synced and renamed; the index comes last.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "server/shelf/image.h"
#include "wire/boot/sha256.h"

namespace ka::server {

/// One file of an image, as long as it is not whole. Destroyed before commit(), it is gone.
class PartFile {
 public:
  PartFile(const std::string& folder, std::string name);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// Throws Error: no space left, ….
  void write(std::string_view bytes);
  /// On the disk, under its name.
  StoredFile commit();

 private:
  std::string path_, part_;
  UniqueFd fd_;
  StoredFile file_;
  boot::Sha256 hash_;
};

class ImageWriter {
 public:
  /// Makes the folder, for its owner alone, and locks it. Throws Error if there is an image in it, if it holds files
  /// that are of no image, or if somebody else writes into it.
  explicit ImageWriter(std::string folder);
  /// Before finish(), leaves what is there for another one; a folder in which nothing is goes.
  ~ImageWriter();
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;

  const std::string& folder() const { return folder_; }

  /// A stream that an earlier run has noted with this key, if its file is as it was then.
  std::optional<StoredStream> noted(const std::string& session, const std::string& key);
  /// Once its file is committed.
  void note(const StoredStream& stream, const std::string& key);

  /// What is there now is the image. What an earlier run left that is not in it is removed.
  void finish(const ImageIndex& index);

 private:
  struct Note {
    std::string key;
    StoredStream stream;
  };
  void read_notes();
  void write_notes();
  void sync() const;

  std::string folder_;
  UniqueFd directory_;
  std::vector<Note> notes_;
  bool finished_ = false;
};

}  // namespace ka::server
