#include "loam/stages/collect/behind_damage.h"

#include <string_view>
#include <utility>

#include "loam/formats/mbox.h"
#include "loam/stages/collect/head.h"

namespace loam {
namespace {

size_t behind_line(std::string_view have) {
  const size_t end = have.find('\n');
  return end == std::string_view::npos ? end : end + 1;
}

size_t next_mail(std::string_view have) {
  for (size_t line = have.find("\nFrom "); line != std::string_view::npos; line = have.find("\nFrom ", line + 1)) {
    const size_t end = have.find('\n', line + 1);
    if (end != std::string_view::npos && mbox_from_line(have.substr(line + 1, end - line - 1))) return line + 1;
  }
  return std::string_view::npos;
}

size_t next_page(std::string_view have) { return have.find("<page>"); }

}  // namespace

bool goes_on_behind_damage(FileKind kind) {
  switch (kind) {
    case FileKind::json_lines: case FileKind::text: case FileKind::markdown: case FileKind::rst: case FileKind::mbox: case FileKind::wiki: return true;
    default: return false;
  }
}

ReadBytes from_next_record(FileKind kind, ReadBytes source, const std::string& wiki_head) {
  switch (kind) {
    case FileKind::json_lines: return source;
    case FileKind::mbox: return from_place(std::move(source), next_mail);
    case FileKind::wiki: return with_head(wiki_head, from_place(std::move(source), next_page));
    default: return from_place(std::move(source), behind_line);
  }
}

}  // namespace loam
