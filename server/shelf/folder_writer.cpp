#include "server/shelf/folder_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "server/shelf/stored_json.h"
#include "wire/boot/sha256.h"

namespace ka::server {

namespace {

using nlohmann::json;
using wire::JsonReader;

constexpr mode_t for_its_owner = 0600;
constexpr std::string_view part = ".part";

// Named by whoever made the folder, not by a plan: what else lies there is somebody's.
void refuse_foreign(const std::string& folder) {
  const std::vector<std::string> names = list_directory(folder);
  if (std::find(names.begin(), names.end(), image_index) != names.end())
    throw Error("save to " + folder, "there is an image in it already; name another folder, or remove that one");
  const bool begun = std::find(names.begin(), names.end(), image_in_the_making) != names.end();
  for (const std::string& name : names)
    if (!begun && name != "lost+found" && !name.starts_with(image_in_the_making))
      throw Error("save to " + folder, "it is not empty, and what is in it (" + name + ", …) is not of an image");
}

bool is_of_some_image(std::string_view name) {
  if (name == "tar-said.txt" || name == "vmlinuz" || name == "all.rdz") return true;
  if (name.ends_with(".zst")) name.remove_suffix(4);
  return name.ends_with(".tar") || name.ends_with(".blocks");
}

// Written as NAME.part, synced and renamed.
class PartFile final : public NewFile {
 public:
  PartFile(const std::string& folder, std::string name) : path_(folder + "/" + name), part_(path_ + std::string(part)) {
    file_.name = std::move(name);
    fd_.reset(::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, for_its_owner));
    if (!fd_.valid()) throw Error::from_errno("create " + part_);
  }
  ~PartFile() override {
    if (fd_.valid()) ::unlink(part_.c_str());
  }

  void write(std::string_view bytes) override {
    write_all(fd_.get(), bytes, part_);
    hash_.add(bytes);
    file_.size += bytes.size();
  }

  StoredFile commit() override {
    if (::fsync(fd_.get()) != 0) throw Error::from_errno("fsync " + part_);
    if (::rename(part_.c_str(), path_.c_str()) != 0) throw Error::from_errno("rename to " + path_);
    fd_.reset();
    file_.sha256 = boot::hexadecimal(hash_.digest());
    return file_;
  }

 private:
  std::string path_, part_;
  UniqueFd fd_;
  StoredFile file_;
  boot::Sha256 hash_;
};

}  // namespace

FolderWriter::FolderWriter(std::string folder) : folder_(std::move(folder)) {
  while (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
  make_directories(folder_, 0700);
  directory_.reset(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid()) throw Error::from_errno("open " + folder_);
  lock_for_saving(directory_.get(), folder_, folder_);
  refuse_foreign(folder_);
  if (::fchmod(directory_.get(), 0700) != 0) throw Error::from_errno("chmod " + folder_);
  read_notes();
  write_notes();
  for (const std::string& name : list_directory(folder_))
    if (name.ends_with(part)) ::unlink((folder_ + "/" + name).c_str());
}

FolderWriter::~FolderWriter() {
  if (finished_ || list_directory(folder_) != std::vector<std::string>{image_in_the_making}) return;
  ::unlink((folder_ + "/" + image_in_the_making).c_str());
  ::rmdir(folder_.c_str());
}

std::unique_ptr<NewFile> FolderWriter::begin(const std::string& name) {
  return std::make_unique<PartFile>(folder_, name);
}

// Notes that cannot be read are none: what they would spare is read again.
void FolderWriter::read_notes() {
  const auto text = read_file_if_any(folder_ + "/" + image_in_the_making);
  if (!text) return;
  try {
    const json whole = json::parse(*text, nullptr, /*allow_exceptions=*/false);
    const JsonReader in(whole, "", "image");
    if (in.number<int>("version") != ImageIndex::version) return;
    notes_ = in.each<Note>(
        "streams", +[](const JsonReader& one) {
          return Note{one.text("key"), stored_stream(one.object("stream"))};
        });
  } catch (const Error&) {
    notes_.clear();
  }
}

void FolderWriter::write_notes() {
  json streams = json::array();
  for (const Note& note : notes_)
    streams.push_back({{"key", wire::json_text(note.key)}, {"stream", to_json(note.stream)}});
  const json out = {{"version", ImageIndex::version}, {"streams", streams}};
  write_file(folder_ + "/" + image_in_the_making, out.dump(2) + "\n", for_its_owner);
  sync_folder(directory_.get(), folder_);
}

std::optional<StoredStream> FolderWriter::noted(const std::string& session, const std::string& key) {
  if (key.empty()) return std::nullopt;
  for (const Note& note : notes_) {
    if (note.key != key || note.stream.session != session) continue;
    try {
      read_stored(folder_, note.stream.file);
      return note.stream;
    } catch (const Error&) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void FolderWriter::note(const StoredStream& stream, const std::string& key) {
  std::erase_if(notes_, [&](const Note& note) { return note.stream.session == stream.session; });
  if (!key.empty()) notes_.push_back({key, stream});
  write_notes();
}

void FolderWriter::finish(const ImageIndex& index) {
  std::set<std::string> wanted;
  for (const StoredFile* file : files_of(index)) wanted.insert(file->name);
  write_file(folder_ + "/" + image_digests, digests_text(index), for_its_owner);
  // Of an earlier run with another plan.
  for (const std::string& name : list_directory(folder_))
    if (is_of_some_image(name) && !wanted.count(name)) ::unlink((folder_ + "/" + name).c_str());
  sync_folder(directory_.get(), folder_);
  write_file(folder_ + "/" + image_index, to_json(index), for_its_owner);
  sync_folder(directory_.get(), folder_);
  finished_ = true;
  ::unlink((folder_ + "/" + image_in_the_making).c_str());
}

}  // namespace ka::server
