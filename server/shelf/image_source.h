#pragma once
/// The bytes of an image on their way to nodes.

#include <memory>
#include <string>
#include <vector>

#include "server/job/job.h"
#include "server/shelf/image.h"

namespace ka::server {

/// The file, read and digested by a child. finish() throws if it was not the one that was saved, so that no node that
/// has got it takes it for whole.
std::unique_ptr<Source> stored_source(asio::io_context& io, const ImagePlace& place, const StoredFile& file);

/// What the nodes of a clone get, in their order. `compression`: "auto": what is packed stays so; else as
/// Session::compression has it.
std::vector<Session> image_sessions(asio::io_context& io, const Image& image, const std::string& compression,
                                    wire::Passphrases passphrases);

}  // namespace ka::server
