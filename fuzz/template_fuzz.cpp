// A chat template of any bytes: Error, or a text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "loam/base/error.h"
#include "loam/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const loam::Json variables = loam::Json::parse(
      R"({"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":" Hi\n"},{"role":"assistant","content":"Yes"}],"bos_token":"<s>","eos_token":"</s>","add_generation_prompt":true,"n":3,"l":[1,"a",null]})");
  try {
    loam::jinja::Template(std::string_view(reinterpret_cast<const char*>(data), size)).render(variables);
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
