#pragma once
/// Makes an image, so that whatever ends the making leaves no image there.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/shelf/image.h"

namespace ka::server {

/// One file of an image, as long as it is not whole. Destroyed before commit(), it is gone.
class NewFile {
 public:
  virtual ~NewFile() = default;
  /// Throws Error: no space left, ….
  virtual void write(std::string_view bytes) = 0;
  /// It is one of the image's files.
  virtual StoredFile commit() = 0;
};

class ImageWriter {
 public:
  virtual ~ImageWriter() = default;

  /// What was asked for: the folder, or the file.
  virtual const std::string& place() const = 0;
  /// The folder that is written to.
  virtual std::string folder() const = 0;

  /// One at a time.
  virtual std::unique_ptr<NewFile> begin(const std::string& name) = 0;

  /// Whether an earlier run can have noted something.
  virtual bool takes_notes() const = 0;
  /// A stream that an earlier run has noted with this key, if its file is as it was then.
  virtual std::optional<StoredStream> noted(const std::string& session, const std::string& key) = 0;
  /// Once its file is committed.
  virtual void note(const StoredStream& stream, const std::string& key) = 0;

  /// What is there now is the image.
  virtual void finish(const ImageIndex& index) = 0;
};

/// A folder that is there, or a name that does not end in .ka: a folder. Else a file. Throws Error if there is an
/// image, if there are files that are of no image, or if somebody else writes it.
std::unique_ptr<ImageWriter> make_image_writer(const std::string& place);

/// Of what is being made, so that nobody else makes it, too; where a file system has no locks, nobody is kept out.
/// `name` is what `fd` is, and `place` what was asked for. Throws Error.
void lock_for_saving(int fd, const std::string& name, const std::string& place);
/// A server's folder may be nothing that can be synced: it keeps the order itself. Throws Error.
void sync_folder(int fd, const std::string& folder);

/// SHA256SUMS.
std::string digests_text(const ImageIndex& index);

}  // namespace ka::server
