#pragma once
/// The page of --web: page.html as it is, which the build puts into the program.

#include <string_view>

namespace ka::server {

extern const std::string_view page_html;

}  // namespace ka::server
