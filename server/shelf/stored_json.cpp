#include "server/shelf/stored_json.h"

#include "wire/discovery.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

using nlohmann::json;
using wire::JsonReader;

constexpr std::size_t longest_name = 128, digest_digits = 64;

bool is_plain_name(const std::string& name) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= longest_name && name[0] != '.' &&
         name.find_first_not_of(plain) == std::string::npos;
}

bool is_digest(const std::string& text) {
  return text.size() == digest_digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

json to_json(const StoredFile& file) { return {{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}}; }

json to_json(const StoredStream& stream) {
  return {{"session", stream.session},
          {"file", to_json(stream.file)},
          {"packing", stream.packing},
          {"unpacked", stream.unpacked}};
}

StoredFile stored_file(const JsonReader& in) {
  StoredFile file{in.text("name"), in.number<std::uint64_t>("size"), in.text("sha256")};
  if (!is_plain_name(file.name)) in.fail("name", "is not the name of a file in the image's folder");
  if (!is_digest(file.sha256)) in.fail("sha256", "is not 64 hexadecimal digits");
  return file;
}

StoredStream stored_stream(const JsonReader& in) {
  StoredStream stream{in.text("session"), stored_file(in.object("file")), in.text("packing"),
                      in.number<std::uint64_t>("unpacked")};
  if (!wire::is_session_name(stream.session)) in.fail("session", "is no name of a session");
  if (!stream.packing.empty() && stream.packing != wire::zstd_packing) in.fail("packing", "is neither zstd nor empty");
  if (!stream.packing.empty() && stream.file.size == 0) in.fail("file", "is empty, which nothing of zstd's is");
  if (stream.packing.empty() && stream.unpacked != stream.file.size) in.fail("unpacked", "is not the size of the file");
  return stream;
}

}  // namespace ka::server
