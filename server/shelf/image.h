#pragma once
/// A golden image: what a clone would be sent, kept in a folder or a file that tar, zstd and sha256sum can read.
/// docs/image.md has the format. It is there as soon as its index is, which is written last: a folder without one is no
/// image, whatever else lies in it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/shelf/image_place.h"
#include "wire/manifest.h"

namespace ka::server {

/// A file of the folder.
struct StoredFile {
  std::string name;  ///< without a slash
  std::uint64_t size = 0;
  std::string sha256;  ///< 64 small hexadecimal digits
};

/// What one session sends.
struct StoredStream {
  std::string session;  ///< "kainstall2"
  StoredFile file;
  std::string packing;         ///< "zstd", or empty: as it is sent
  std::uint64_t unpacked = 0;  ///< bytes that it stands for
};

struct ImageIndex {
  static constexpr int version = 1;

  std::string made_by;      ///< "1.0.0", of KA
  std::string golden_host;  ///< for people
  std::string saved;        ///< for people, "2026-11-26T21:00:00Z"
  StoredFile manifest, stage2;
  std::vector<StoredStream> streams;                ///< the tree of files first
  std::vector<StoredFile> boot;                     ///< vmlinuz and all.rdz, if they were there
  std::vector<StoredFile> others;                   ///< for people: what tar said
  std::vector<std::string> warnings;                ///< of the saving
  std::optional<std::vector<std::string>> options;  ///< of the plan, words of a command line; may be unknown
};

inline constexpr const char* image_index = "image.json";
inline constexpr const char* image_in_the_making = "saving.json";  ///< of ImageWriter
inline constexpr const char* image_digests = "SHA256SUMS";

std::string to_json(const ImageIndex& index);
/// Throws Error naming the field; also for another version, or a `needs` that this one does not know.
ImageIndex parse_image_index(std::string_view json);

/// Every file that the index names, the index's own order.
std::vector<const StoredFile*> files_of(const ImageIndex& index);
std::uint64_t size_of(const ImageIndex& index);

/// Of an image: what is small is read and right, what is large has the right size.
struct Image {
  ImagePlace place;
  ImageIndex index;
  std::string manifest_json;
  wire::Manifest manifest;
};

/// Throws Error with the reason: no image, one whose saving has not come to its end, of another version, a file that is
/// missing, cut off or has another digest, streams that are not those of the manifest.
Image open_image(std::string path);

/// Reads all of the file, for `take` if there is one. Throws Error, at its end, if it is not as it was saved.
void read_stored(const ImagePlace& place, const StoredFile& file,
                 const std::function<void(std::string_view)>& take = {});

/// The manifest for nodes that get it from here: what else is in it stays, also what only a newer KA knows.
std::string manifest_for(const Image& image, wire::Passphrases passphrases, const std::string& packing);

}  // namespace ka::server
