#include "server/shelf/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "server/shelf/stored_json.h"
#include "wire/boot/sha256.h"
#include "wire/messages.h"
#include "wire/ports.h"

namespace ka::server {

namespace {

using nlohmann::json;
using wire::JsonReader;

constexpr const char* format = "ka-image";
constexpr std::size_t largest_index = 16 << 20;

json encode(const std::vector<StoredFile>& files) {
  json list = json::array();
  for (const StoredFile& file : files) list.push_back(to_json(file));
  return list;
}

// Whoever wrote it, no file is meant twice, and the folder's own ones not at all.
void check_names(const ImageIndex& index) {
  std::set<std::string> names = {image_index, image_in_the_making, image_digests};
  for (const StoredFile* file : files_of(index))
    if (!names.insert(file->name).second) throw Error("image: " + file->name, "is named twice");
}

void check_streams(const Image& image) {
  std::vector<std::string> wanted = {wire::system_session}, found;
  for (const wire::Stream& stream : image.manifest.streams) wanted.push_back(stream.session);
  for (const StoredStream& stream : image.index.streams) found.push_back(stream.session);
  if (wanted != found)
    throw Error("image: streams", "are " + joined(found, ", ") + "; its manifest has " + joined(wanted, ", "));
}

// All of a small file.
std::string content_of(const ImagePlace& place, const std::string& name, std::size_t limit) {
  const ImagePlace::File file = place.open(name);
  if (file.size > limit) throw Error("read " + place.path(name), "it is too large");
  return read_at(place.is_archive() ? place.path() : place.path(name), file.offset,
                 static_cast<std::size_t>(file.size));
}

std::string why_no_image(const std::string& folder) {
  if (::access((folder + "/" + image_in_the_making).c_str(), F_OK) == 0)
    return "image " + folder + ": is not whole: its saving has not come to its end; ka-server save on its golden " +
           "node, with the same folder, goes on with it";
  return "image " + folder + ": is none: there is no " + image_index + " in it";
}

wire::Manifest manifest_of(const std::string& text, const std::string& made_by) {
  try {
    return wire::parse_manifest(text);
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + " (the image is of KA " + made_by + ", this is " KA_VERSION ")");
  }
}

}  // namespace

std::vector<const StoredFile*> files_of(const ImageIndex& index) {
  std::vector<const StoredFile*> files = {&index.manifest, &index.stage2};
  for (const StoredStream& stream : index.streams) files.push_back(&stream.file);
  for (const StoredFile& file : index.boot) files.push_back(&file);
  for (const StoredFile& file : index.others) files.push_back(&file);
  return files;
}

std::uint64_t size_of(const ImageIndex& index) {
  std::uint64_t size = 0;
  for (const StoredFile* file : files_of(index)) size += file->size;
  return size;
}

std::string to_json(const ImageIndex& index) {
  json streams = json::array();
  for (const StoredStream& stream : index.streams) streams.push_back(to_json(stream));
  json out = {{"format", format},
              {"version", ImageIndex::version},
              {"needs", json::array()},
              {"made_by", wire::json_text(index.made_by)},
              {"golden_host", wire::json_text(index.golden_host)},
              {"saved", wire::json_text(index.saved)},
              {"manifest", to_json(index.manifest)},
              {"stage2", to_json(index.stage2)},
              {"streams", streams},
              {"boot", encode(index.boot)},
              {"others", encode(index.others)},
              {"warnings", wire::json_texts(index.warnings)}};
  if (index.options) out["options"] = wire::json_texts(*index.options);
  return out.dump(2) + "\n";
}

ImageIndex parse_image_index(std::string_view text) {
  const json whole = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_discarded()) throw Error("image", "its index is not whole, valid JSON");
  const JsonReader in(whole, "", "image");
  if (in.text("format") != format) in.fail("format", "is not " + std::string(format));
  ImageIndex index;
  index.made_by = in.text("made_by");
  if (const int version = in.number<int>("version"); version != ImageIndex::version)
    in.fail("version", "is " + std::to_string(version) + ", this is KA " KA_VERSION ", which reads " +
                           std::to_string(ImageIndex::version) + "; deploy it with KA " + index.made_by);
  if (const auto needs = in.texts("needs"); !needs.empty())
    in.fail("needs", "are " + joined(needs, ", ") +
                         ", which this KA (" KA_VERSION ") does not know; deploy it with KA " + index.made_by);
  index.golden_host = in.text("golden_host");
  index.saved = in.text("saved");
  index.manifest = stored_file(in.object("manifest"));
  index.stage2 = stored_file(in.object("stage2"));
  index.streams = in.each<StoredStream>("streams", stored_stream);
  index.boot = in.each<StoredFile>("boot", stored_file);
  index.others = in.each<StoredFile>("others", stored_file);
  index.warnings = in.texts("warnings");
  if (in.has("options")) index.options = in.texts("options");
  check_names(index);
  return index;
}

void read_stored(const ImagePlace& place, const StoredFile& file, const std::function<void(std::string_view)>& take) {
  const ImagePlace::File opened = place.open(file.name);
  ::posix_fadvise(opened.fd.get(), static_cast<off_t>(opened.offset), static_cast<off_t>(opened.size),
                  POSIX_FADV_SEQUENTIAL);
  boot::Sha256 hash;
  std::string room(1 << 18, '\0');
  for (std::uint64_t done = 0; done < opened.size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), opened.size - done));
    const ssize_t size = ::pread(opened.fd.get(), room.data(), wanted, static_cast<off_t>(opened.offset + done));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("read " + place.path(file.name));
    if (size == 0) break;
    const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
    hash.add(bytes);
    if (take) take(bytes);
    done += bytes.size();
  }
  if (boot::hexadecimal(hash.digest()) != file.sha256)
    throw Error("image " + place.path(), file.name + ": its SHA-256 is not the one that it was saved with: it is " +
                                             "damaged, or of another image");
}

Image open_image(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("image " + path);
  Image image;
  image.place = S_ISDIR(status.st_mode) ? ImagePlace(path) : ImagePlace::of_archive(path);
  const std::string name = image.place.path(image_index);
  if (S_ISDIR(status.st_mode) && ::access(name.c_str(), F_OK) != 0) throw Error(why_no_image(path));
  try {
    image.index = parse_image_index(content_of(image.place, image_index, largest_index));
  } catch (const Error& error) {
    throw in_context(name, error);
  }
  for (const StoredFile* file : files_of(image.index))
    if (const std::uint64_t size = image.place.open(file->name).size; size != file->size)
      throw Error("image " + path, file->name + " has " + std::to_string(size) + " bytes, not the " +
                                       std::to_string(file->size) + " that it was saved with");
  read_stored(image.place, image.index.manifest);
  read_stored(image.place, image.index.stage2);
  for (const StoredFile& file : image.index.boot) read_stored(image.place, file);
  try {
    image.manifest_json = content_of(image.place, image.index.manifest.name, wire::largest_manifest);
    image.manifest = manifest_of(image.manifest_json, image.index.made_by);
    check_streams(image);
  } catch (const Error& error) {
    throw in_context("image " + path, error);
  }
  return image;
}

std::string manifest_for(const Image& image, wire::Passphrases passphrases, const std::string& packing) {
  json whole = json::parse(image.manifest_json);
  whole["passphrases"] = wire::passphrases_names[static_cast<int>(passphrases)];
  whole["tar_compression"] = packing;
  return whole.dump();
}

}  // namespace ka::server
