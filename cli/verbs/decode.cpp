// loam decode: token ids to the bytes they stand for.
#include <fmt/format.h>

#include <charconv>
#include <iostream>

#include "cli/input.h"
#include "cli/verbs.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

/// Numbers between white space, or as JSON arrays: commas and brackets part them too. Throws Error{input} with the place.
std::vector<int32_t> read_ids(std::string_view text) {
  std::vector<int32_t> ids;
  const auto parts = [](char c) { return std::string_view(" \t\r\n\v\f,[]").find(c) != std::string_view::npos; };
  for (size_t at = 0; at < text.size();) {
    if (parts(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !parts(text[end])) ++end;
    int32_t id = 0;
    const auto [stop, code] = std::from_chars(text.data() + at, text.data() + end, id);
    require_input(code == std::errc() && stop == text.data() + end && id >= 0, "\"", text.substr(at, std::min<size_t>(end - at, 40)),
                  "\" at byte ", at, " is no token id");
    ids.push_back(id);
    at = end;
  }
  return ids;
}

Report decode(const std::string& folder, const std::string& file, const Run& run) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const InputText input(file);
  try {
    const std::vector<int32_t> ids = read_ids(input.text());
    const std::string bytes = tokenizer.decode(ids);
    std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (run.flags().json && !bytes.empty() && bytes.back() != '\n') std::cout << "\n";
    return report({{"tokens", ids.size()}, {"bytes", bytes.size()}});
  } catch (Error& e) {
    e.during("decoding ", input.name());
    throw;
  }
}

}  // namespace

void add_decode(Cli& cli) {
  Verb& verb = cli.add("decode", "token ids to text", "echo 39 68 75 | loam decode --tokenizer tokenizer");
  auto tokenizer = verb.text("tokenizer", "folder with a tokenizer.json", true);
  auto file = verb.positional("file", "the numbers; - or nothing: standard input", false);
  verb.run([=](Run& run) { return decode(*tokenizer, *file, run); });
}

}  // namespace loam
