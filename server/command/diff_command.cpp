#include "server/command/diff_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/command/block_streams.h"
#include "server/command/clone_command.h"
#include "server/command/command_line.h"
#include "server/command/run_task.h"
#include "server/command/saved_options.h"
#include "server/options/option_table.h"
#include "server/shelf/image_source.h"
#include "server/shelf/manifest_difference.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

// As diff(1) has them.
constexpr int equal = 0, differs = 1, trouble = 2;

struct DiffOptions : CloneOptions {
  bool whole = false;
};

std::unique_ptr<Source> stream_of(asio::io_context& io, const Image& image, const StoredStream& stream) {
  std::unique_ptr<Source> source = stored_source(io, image.place, stream.file);
  if (!stream.packing.empty()) source = unpacking_source(io, std::move(source));
  return source;
}

Awaitable<void> read_archive(std::unique_ptr<Source> source, TarReader::Listener& listener) {
  TarReader reader(listener);
  std::vector<std::byte> room(1 << 18);
  std::span<std::byte> space(room);
  std::exception_ptr trouble_in_it;
  while (const std::size_t size = co_await source->read(space)) {
    if (trouble_in_it) continue;
    try {
      reader.take({reinterpret_cast<const char*>(room.data()), size});
    } catch (const Error&) {
      trouble_in_it = std::current_exception();
    }
  }
  // An image that is damaged is that before it is anything else.
  co_await source->finish();
  if (trouble_in_it) std::rethrow_exception(trouble_in_it);
  reader.finish();
}

Awaitable<std::size_t> fill(Source& source, std::span<std::byte> room) {
  std::size_t size = 0;
  while (size < room.size()) {
    std::span<std::byte> rest = room.subspan(size);
    const std::size_t some = co_await source.read(rest);
    if (some == 0) break;
    size += some;
  }
  co_return size;
}

Awaitable<bool> same_bytes(std::unique_ptr<Source> one, std::unique_ptr<Source> other) {
  std::vector<std::byte> room(1 << 18), other_room(1 << 18);
  std::span<std::byte> space(room), other_space(other_room);
  bool same = true;
  for (;;) {
    const std::size_t size = co_await fill(*one, space);
    if (same) {
      const std::size_t others = co_await fill(*other, other_space);
      same = others == size && std::memcmp(room.data(), other_room.data(), size) == 0;
    }
    if (size == 0) break;
  }
  co_await one->finish();
  if (same) co_await other->finish();
  co_return same;
}

// Names as tar -v prints them with --quoting-style=escape.
std::string unquoted(std::string_view text) {
  constexpr std::string_view letters = "abfnrtv", meant = "\a\b\f\n\r\t\v";
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      name += text[i];
      continue;
    }
    if (const auto code = parse_unsigned(text.substr(i + 1, 3), 8); code && *code < 256) {
      name += static_cast<char>(*code);
      i += 3;
    } else {
      const char one = text[++i];
      const std::size_t letter = letters.find(one);
      name += letter == std::string_view::npos ? one : meant[letter];
    }
  }
  return name;
}

// What save would send, by the same program with the same rules.
Awaitable<std::vector<std::string>> names_of_today(asio::io_context& io, const Prepared& ready) {
  const Command list = list_command(*ready.tree, ready.plan.manifest, left_out_of_stream(ready.plan));
  constexpr int file_changed = 1;
  std::unique_ptr<Source> source = command_source(io, list, file_changed);
  std::vector<std::string> names;
  std::string text;
  std::vector<std::byte> room(1 << 16);
  std::span<std::byte> space(room);
  while (const std::size_t size = co_await source->read(space)) {
    text.append(reinterpret_cast<const char*>(room.data()), size);
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      names.push_back(archive_path(unquoted(std::string_view(text).substr(begin, end - begin))));
    text.erase(0, begin);
  }
  co_await source->finish();
  co_return names;
}

// "M content,time /etc/hosts"
std::string line_of(const std::string& path, const Difference& one) {
  constexpr const char* letters[] = {"D", "A", "M"};
  const std::vector<std::string> what(one.what.begin(), one.what.end());
  return std::string(letters[static_cast<int>(one.side)]) + " " + joined(what, ",") + " " + escape_bytes(path) + "\n";
}

std::string value_of(const std::string& json) {
  constexpr std::size_t longest = 80;
  if (json.empty()) return "nothing";
  const std::string text = printable(json);
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

class Comparison {
 public:
  Comparison(asio::io_context& io, const DiffOptions& options, const CloneOptions& as_saved, const Image& image)
      : io_(io), options_(options), as_saved_(as_saved), image_(image) {}

  Awaitable<int> run() {
    const Prepared ready = co_await prepare(io_, as_saved_);
    const wire::Manifest& now = ready.plan.manifest;
    std::vector<std::string> names = co_await names_of_today(io_, ready);
    std::vector<TreeRoot> roots;
    for (const wire::Mount& mount : now.mounts)
      if (mount.apart) roots.push_back({mount.point, ready.tree->apart()});
    roots.push_back({"", ready.tree->root()});
    TreeDifference tree(std::move(roots), std::move(names), options_.whole);
    co_await read_archive(stream_of(io_, image_, image_.index.streams.front()), tree);
    Differences differences = tree.take();
    add_manifest_differences(image_.manifest, now, differences);
    const std::string plan = plan_lines(now);
    const std::string blocks = co_await block_lines(ready);
    std::string text = plan + blocks;
    std::size_t count[3] = {};
    for (const auto& [path, one] : differences) {
      text += line_of(path, one);
      ++count[static_cast<int>(one.side)];
    }
    text += "since " + printable(image_.index.saved) + ": " + std::to_string(count[1]) + " added, " +
            std::to_string(count[0]) + " deleted, " + std::to_string(count[2]) + " modified" +
            (plan.empty() ? "" : ", the plan is another one") + (blocks_differ_ ? ", partitions of -D differ" : "") +
            "\n";
    write_all(STDOUT_FILENO, text, "standard output");
    co_return differences.empty() && plan.empty() && !blocks_differ_ ? equal : differs;
  }

 private:
  std::string plan_lines(const wire::Manifest& now) const {
    std::string text;
    for (const PlanDifference& one : plan_differences(image_.manifest, now))
      text += "P " + escape_bytes(one.what) + ": " + value_of(one.then) + " -> " + value_of(one.now) + "\n";
    return text;
  }

  // A partition that only one side copies is in the plan.
  Awaitable<std::string> block_lines(const Prepared& ready) {
    const wire::Manifest& now = ready.plan.manifest;
    std::string text;
    for (const wire::Stream& stream : now.streams) {
      const std::string partition = now.storage.at(stream.of).on.front();
      for (const StoredStream& stored : image_.index.streams) {
        if (stored.session != stream.session) continue;
        if (!options_.whole) {
          text += "? blocks " + escape_bytes(partition) + " (-D): not compared without --whole\n";
          continue;
        }
        const bool same = co_await same_bytes(stream_of(io_, image_, stored),
                                              blocks_source(io_, ready.stage2.root, now.storage, stream.of));
        if (same) continue;
        text += "B blocks " + escape_bytes(partition) + "\n";
        blocks_differ_ = true;
      }
    }
    co_return text;
  }

  asio::io_context& io_;
  const DiffOptions& options_;
  const CloneOptions& as_saved_;
  const Image& image_;
  bool blocks_differ_ = false;
};

int compare(CLI::App& app, DiffOptions& options) {
  const Image image = open_image(options.shelf);
  const bool given = !plan_words(app).empty() || !options.conf.empty();
  CloneOptions as_saved;
  if (given || !image.index.options) {
    apply_plan_conf(app, options);
    as_saved = options;
  } else {
    as_saved = options_of(*image.index.options);
  }
  as_saved.shelf = options.shelf;  // an image has no passphrases, and nobody is served
  as_saved.check = true;
  asio::io_context io;
  reap_children(io);
  int status = trouble;
  auto work = [&]() -> Awaitable<void> {
    Comparison comparison(io, options, as_saved, image);
    status = co_await comparison.run();
  };
  run_task(io, work());
  return status;
}

int run_diff(CLI::App& app, DiffOptions& options) {
  try {
    return compare(app, options);
  } catch (const std::exception& error) {
    say_why(error);
    return trouble;
  }
}

}  // namespace

void add_diff_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* diff = app.add_subcommand("diff", "Say what has changed on this machine since an image of it was saved");
  add_help_and_version(*diff);
  diff->add_option("IMAGE", options->shelf, "What ka-server save has made")->required()->type_name("");
  add_plan_options(*diff, *options);
  OptionTable table(*diff);
  table.flag("--whole", options->whole, "Compare the content of every file, and of the partitions of -D")
      ->configurable(false);
  diff->callback([options, diff, &chosen] { chosen = [options, diff] { return run_diff(*diff, *options); }; });
}

}  // namespace ka::server
