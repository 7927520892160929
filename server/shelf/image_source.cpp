#include "server/shelf/image_source.h"

#include <unistd.h>

#include "base/files.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

Session whole_file(asio::io_context& io, const Image& image, const StoredFile& file, const std::string& name) {
  Session session;
  session.name = name;
  session.open = [&io, place = image.place, file] { return stored_source(io, place, file); };
  session.expected = file.size;
  return session;
}

Session stream_session(asio::io_context& io, const Image& image, const std::string& compression,
                       const StoredStream& stream) {
  Session session = whole_file(io, image, stream.file, stream.session);
  session.expected = stream.unpacked;
  session.writes = true;
  if (!stream.packing.empty() && compression == "auto") {
    session.packed = stream.file.size;
    return session;
  }
  session.compression = compression;
  if (!stream.packing.empty()) session.open = [&io, packed = session.open] { return unpacking_source(io, packed()); };
  return session;
}

}  // namespace

std::unique_ptr<Source> stored_source(asio::io_context& io, const ImagePlace& place, const StoredFile& file) {
  std::function<void()> body = [place, file] {
    read_stored(place, file, [](std::string_view bytes) { write_all(STDOUT_FILENO, bytes, "what was read"); });
  };
  return child_source(io, {"read", place.path(file.name)}, std::move(body));
}

std::vector<Session> image_sessions(asio::io_context& io, const Image& image, const std::string& compression,
                                    wire::Passphrases passphrases) {
  std::vector<Session> sessions;
  Session stage2 = whole_file(io, image, image.index.stage2, wire::stage2_session);
  stage2.kept = true;
  sessions.push_back(std::move(stage2));
  const std::string packing = compression == "off" ? "" : wire::zstd_packing;
  const std::string told = manifest_for(image, passphrases, packing);
  Session manifest;
  manifest.name = wire::manifest_session;
  manifest.open = [&io, told] { return computed_source(io, "tell the manifest", [told] { return told; }); };
  manifest.expected = told.size();
  sessions.push_back(std::move(manifest));
  for (const StoredStream& stream : image.index.streams)
    sessions.push_back(stream_session(io, image, compression, stream));
  return sessions;
}

}  // namespace ka::server
