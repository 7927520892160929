#pragma once
/// What an operator and a node say to each other on the node's log port (docs/protocol.md, "Operators"): a type octet
/// and fields. How they travel is wire/command/channel.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/codec.h"

namespace ka::wire::command {

inline constexpr std::size_t longest_message = 16 * 1024;  ///< type and fields
inline constexpr std::size_t longest_piece = 8 * 1024;     ///< of bytes that one message carries
/// So many bytes of input may be under way that the node has not said to be taken.
inline constexpr std::uint32_t input_window = 64 * 1024;

// From the operator. The first is Log, Exec or Shell, and there is one of them on a connection.

/// The node's log, from its first line, as it grows.
struct Log {
  static constexpr std::uint8_t type = 1;

  template <typename F>
  void each(F&) {}
};

/// Runs a program on pipes.
struct Exec {
  static constexpr std::uint8_t type = 2;
  std::string words;   ///< see words_of(); each is followed by a zero
  bool input = false;  ///< Input follows; else there is none

  template <typename F>
  void each(F& f) {
    f(words), f(input);
  }
};

/// Runs a shell on a terminal of this size.
struct Shell {
  static constexpr std::uint8_t type = 3;
  std::uint16_t columns = 80, rows = 24;
  std::string terminal;  ///< $TERM

  template <typename F>
  void each(F& f) {
    f(columns), f(rows), f(terminal);
  }
};

/// Of the program; empty: its end.
struct Input {
  static constexpr std::uint8_t type = 4;
  std::string bytes;

  template <typename F>
  void each(F& f) {
    f(bytes);
  }
};

/// The terminal has another size now.
struct Window {
  static constexpr std::uint8_t type = 5;
  std::uint16_t columns = 80, rows = 24;

  template <typename F>
  void each(F& f) {
    f(columns), f(rows);
  }
};

// From the node.

/// Of its log, or of the program's standard output or terminal.
struct Output {
  static constexpr std::uint8_t type = 65;
  std::string bytes;

  template <typename F>
  void each(F& f) {
    f(bytes);
  }
};

/// Of the program's standard error.
struct ErrorOutput {
  static constexpr std::uint8_t type = 66;
  std::string bytes;

  template <typename F>
  void each(F& f) {
    f(bytes);
  }
};

/// The program's end of input has taken so many bytes more.
struct Taken {
  static constexpr std::uint8_t type = 67;
  std::uint32_t bytes = 0;

  template <typename F>
  void each(F& f) {
    f(bytes);
  }
};

/// The program has ended, and this is the last message.
struct Ended {
  static constexpr std::uint8_t type = 68;
  bool signalled = false;
  std::uint8_t number = 0;  ///< exit status, or the signal

  template <typename F>
  void each(F& f) {
    f(signalled), f(number);
  }
};

/// It is not done, and this is the last message.
struct Refused {
  static constexpr std::uint8_t type = 69;
  std::string reason;

  template <typename F>
  void each(F& f) {
    f(reason);
  }
};

using Message = std::variant<Log, Exec, Shell, Input, Window, Output, ErrorOutput, Taken, Ended, Refused>;

std::string encode(const Message& message);
/// Throws ProtocolError.
Message decode(std::string_view type_and_fields);

/// An Exec of these words. Throws Error when they are too long for a message, none, or hold a zero.
Exec exec_of(const std::vector<std::string>& words, bool input);
/// Throws ProtocolError when there is none.
std::vector<std::string> words_of(const Exec& exec);

}  // namespace ka::wire::command
