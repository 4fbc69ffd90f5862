// The text a verb is given: a file, or standard input for "-" and for no name.
//
//   const InputText input(*file);
//   use(input.text());
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "loam/base/files.h"

namespace loam {

class InputText {
 public:
  /// Reads it all. Throws Error{input} if the file is missing or unreadable.
  explicit InputText(const std::string& file);
  std::string_view text() const { return mapped_ ? map_.text() : std::string_view(read_); }
  const std::string& name() const { return name_; }
  /// Each line without its "\n" or "\r\n"; a last one without a line end counts.
  void for_each_line(const std::function<void(std::string_view)>& line) const;

 private:
  std::string name_, read_;
  bool mapped_ = false;
  MappedFile map_;
};

}  // namespace loam
