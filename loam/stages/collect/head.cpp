#include "loam/stages/collect/head.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "loam/formats/encoding.h"

namespace loam {

bool read_more(const ReadBytes& source, std::string& out, int64_t limit) {
  const size_t had = out.size();
  const size_t want = had + static_cast<size_t>(limit);
  size_t have = had;
  while (have < want) {
    if (out.size() == have) out.resize(std::min(want, std::max(have * 2, have + (size_t{256} << 10))));
    int64_t n = 0;
    try {
      n = source(out.data() + have, static_cast<int64_t>(out.size() - have));
    } catch (...) {
      out.resize(have);  // what came before the damage
      throw;
    }
    if (n == 0) {
      out.resize(have);
      return false;
    }
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return true;
}

ReadBytes with_head(std::string head, ReadBytes rest) {
  return [head = std::move(head), at = size_t{0}, rest = std::move(rest)](char* into, int64_t limit) mutable {
    if (at < head.size()) {
      const size_t n = std::min(head.size() - at, static_cast<size_t>(limit));
      std::copy_n(head.data() + at, n, into);
      at += n;
      return static_cast<int64_t>(n);
    }
    return rest(into, limit);
  };
}

ReadBytes from_place(ReadBytes source, std::function<size_t(std::string_view)> find) {
  struct Held {
    std::string bytes;
    size_t at = 0;
    bool found = false;
  };
  return [held = std::make_shared<Held>(), source = std::move(source), find = std::move(find)](char* into, int64_t limit) {
    constexpr size_t kBlock = size_t{64} << 10, kKept = 512;
    while (!held->found) {
      if (!append_read(source, held->bytes, kBlock)) return int64_t{0};
      const size_t place = find(held->bytes);
      held->found = place != std::string_view::npos;
      if (held->found) held->at = place;
      if (!held->found && held->bytes.size() > kKept) held->bytes.erase(0, held->bytes.size() - kKept);
    }
    if (held->at == held->bytes.size()) return source(into, limit);
    const size_t n = std::min(held->bytes.size() - held->at, static_cast<size_t>(limit));
    std::copy_n(held->bytes.data() + held->at, n, into);
    held->at += n;
    return static_cast<int64_t>(n);
  };
}

bool padded(std::string_view head) {
  if (head.empty() || head[0] != '\0' || !charset_of_mark(head).empty()) return false;
  const size_t first = head.find_first_not_of('\0');
  return first == std::string_view::npos || first >= 4 || head.substr(first, 64).find('\0') == std::string_view::npos;
}

}  // namespace loam
