#include "loam/train/model_card.h"

namespace loam {

std::string ModelCard::text() const {
  std::string out = "---\nlibrary_name: transformers\npipeline_tag: " + task + "\ntags:\n- loam\n---\n\n# " + title + "\n\n" + about + "\n\n```sh\n" + command + "\n```\n";
  auto section = [&](const char* name, const std::string& body) {
    if (!body.empty()) out += std::string("\n## ") + name + "\n\n" + body + (body.back() == '\n' ? "" : "\n");
  };
  section("Model", model);
  section("Data", data);
  section("Training", training);
  section("Scores", scores);
  section("Limits", limits);
  return out + "\nMade by loam. `manifest.json` leads from here back to the sources, hash by hash.\n";
}

std::string card_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_[]<>|#").find(c) != std::string_view::npos) out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

}  // namespace loam
