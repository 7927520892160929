#pragma once
/// Where a command says what happens while nodes are served. Nothing here waits: a child writes to the terminal, pipe
/// or file, which may be stopped (Ctrl-S), full, or on a server that does not answer, and the nodes do not feel it.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/asio.h"
#include "base/unique_fd.h"

namespace ka {

class Output {
 public:
  /// Starts the child, which writes to `fd`. `io` must outlive this, or run no more when this is destroyed.
  Output(asio::io_context& io, int fd);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Lines for people, each with its end. They are kept until they are taken; beyond 256 KiB of them the later ones are
  /// dropped, and a line says how many when there is room again.
  void write(std::string_view text);
  /// What is never dropped: the plan, the result.
  void write_for_sure(std::string_view text);
  /// All that was written before has been taken: what is drawn now will be seen now. Else drawing would only pile up.
  bool idle() const;
  /// Nobody reads it any more, and nobody will.
  bool closed() const;
  /// Bytes that were written and not taken yet.
  std::size_t pending() const;
  /// Why nothing is taken any more, an errno ("No space left on device"); 0: that is not so, or nobody can tell.
  int failure() const;
  /// Waits a second at most until all is taken. What is left then is written by a child that may outlive this process.
  void finish();

  /// Whether this is a terminal on which the cursor can be moved: not a dumb one.
  bool is_screen() const { return screen_; }
  /// Whether its owner wants to see colours there: no NO_COLOR in the environment (no-color.org).
  bool has_colours() const { return colours_; }
  /// Whether lines of this are entries of systemd's journal (base/journal.h).
  bool is_journal() const { return journal_; }
  struct Size {
    unsigned width = 80, height = 24;
  };
  /// Of the terminal; a serial line does not tell, then it is 80 by 24.
  Size size() const;

 private:
  struct State;

  int fd_;
  bool screen_, colours_, journal_;
  std::shared_ptr<State> state_;
};

/// The last words of a program to `fd`: as Output::finish(), waits a second at most.
void write_at_the_end(int fd, std::string_view text);

}  // namespace ka
