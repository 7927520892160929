#include "wire/codec.h"

#include <algorithm>
#include <iterator>

namespace ka::wire {

std::string Endpoint::address_text() const {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string((address >> shift) & 0xff);
    if (shift != 0) text += '.';
  }
  return text;
}

void Writer::number(std::uint64_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) out_ += static_cast<char>(value >> shift);
}

void Writer::operator()(std::string_view text) {
  text = text.substr(0, 0xffff);
  number(text.size(), 2);
  out_ += text;
}

void Writer::operator()(const std::vector<DiskOffer>& disks) {
  number(disks.size(), 2);
  for (const DiskOffer& disk : disks) {
    for (const std::string* text : {&disk.golden, &disk.name, &disk.model, &disk.serial}) (*this)(*text);
    (*this)(disk.size);
    (*this)(disk.contents);
  }
}

void Writer::operator()(const std::vector<IdentityNote>& notes) {
  number(notes.size(), 2);
  for (const IdentityNote& note : notes) {
    number(static_cast<std::uint64_t>(note.what), 1);
    (*this)(note.item);
    (*this)(note.where);
  }
}

void Writer::operator()(const std::vector<DevicePassphrase>& passphrases) {
  number(passphrases.size(), 2);
  for (const DevicePassphrase& passphrase : passphrases) {
    (*this)(passphrase.device);
    (*this)(passphrase.passphrase.text());
  }
}

std::string_view Reader::take(std::size_t size) {
  if (bytes_.size() < size) throw ProtocolError("a message ends before its last field");
  std::string_view taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return taken;
}

std::uint64_t Reader::number(int size) {
  std::uint64_t value = 0;
  for (char byte : take(static_cast<std::size_t>(size))) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

void Reader::operator()(bool& value) {
  std::uint64_t byte = number(1);
  if (byte > 1) throw ProtocolError("a yes-or-no field is neither 0 nor 1");
  value = byte != 0;
}

void Reader::operator()(Digest& digest) {
  std::string_view bytes = take(digest.size());
  std::transform(bytes.begin(), bytes.end(), digest.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
}

void Reader::operator()(std::string& text) { text = take(number(2)); }

void Reader::operator()(std::vector<DiskOffer>& disks) {
  const std::uint64_t count = number(2);
  if (count > most_disks_offered) throw ProtocolError("it offers " + std::to_string(count) + " disks at once");
  disks.resize(count);
  for (DiskOffer& disk : disks) {
    for (std::string* text : {&disk.golden, &disk.name, &disk.model, &disk.serial}) (*this)(*text);
    (*this)(disk.size);
    (*this)(disk.contents);
  }
}

void Reader::operator()(std::vector<IdentityNote>& notes) {
  const std::uint64_t count = number(2);
  if (count > most_identity_notes)
    throw ProtocolError("it says " + std::to_string(count) + " things of its identity at once");
  notes.resize(count);
  for (IdentityNote& note : notes) {
    const std::uint64_t what = number(1);
    if (what >= std::size(identity_class_names)) throw ProtocolError("there is no class of identity with this number");
    note.what = static_cast<IdentityClass>(what);
    (*this)(note.item);
    (*this)(note.where);
    if (note.item.size() > longest_identity_item || note.where.size() > longest_identity_place)
      throw ProtocolError("what it says of its identity is longer than a table shows");
  }
}

void Reader::operator()(std::vector<DevicePassphrase>& passphrases) {
  const std::uint64_t count = number(2);
  if (count > most_passphrases) throw ProtocolError("it sends " + std::to_string(count) + " passphrases at once");
  passphrases.resize(count);
  for (DevicePassphrase& passphrase : passphrases) {
    (*this)(passphrase.device);
    const std::uint64_t size = number(2);
    if (size > longest_passphrase) throw ProtocolError("a passphrase of " + std::to_string(size) + " bytes");
    passphrase.passphrase = Secret(take(size));
  }
}

void Reader::finish() const {
  if (!bytes_.empty()) throw ProtocolError("a message goes on behind its last field");
}

}  // namespace ka::wire
