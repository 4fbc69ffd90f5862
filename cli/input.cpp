#include "cli/input.h"

#include <fstream>
#include <iostream>

#include "loam/base/error.h"

namespace loam {

namespace {

std::string read_stream(std::istream& in, const std::string& name) {
  std::string out, buffer(size_t{1} << 18, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    out.append(buffer.data(), static_cast<size_t>(in.gcount()));
  }
  require_input(!in.bad(), "cannot read ", name);
  return out;
}

}  // namespace

InputText::InputText(const std::string& file) : name_(file.empty() || file == "-" ? "standard input" : file) {
  std::error_code ignored;
  if (file.empty() || file == "-") {
    read_ = read_stream(std::cin, name_);
  } else if (fs::is_other(file, ignored) || fs::is_fifo(file, ignored) || fs::is_character_file(file, ignored)) {
    std::ifstream in(file, std::ios::binary);  // a pipe cannot be mapped
    require_input(in.is_open(), "cannot read ", file);
    read_ = read_stream(in, name_);
  } else {
    map_ = MappedFile(file);
    mapped_ = true;
  }
}

void InputText::for_each_line(const std::function<void(std::string_view)>& line) const {
  std::string_view left = text();
  while (!left.empty()) {
    const size_t end = left.find('\n');
    std::string_view one = left.substr(0, end);
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    if (!one.empty() && one.back() == '\r') one.remove_suffix(1);
    line(one);
  }
}

}  // namespace loam
