#include "loam/train/checkpoint.h"

#include <cstring>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"

namespace loam {
namespace {

constexpr char kMagic[8] = {'l', 'o', 'a', 'm', 's', 't', '0', '2'};
constexpr int64_t kPiece = 1 << 20;

}  // namespace

void save_checkpoint(const fs::path& file, const Backend& backend, const TrainState& state) {
  AtomicFile out(file);
  Json facts = state.facts;
  facts["sizes"] = {state.values.size, state.m.size, state.v.size, state.best.size};
  const std::string text = to_line(facts);
  const uint64_t length = text.size();
  out.write(kMagic, sizeof kMagic);
  out.write(&length, sizeof length);
  out.write(text);
  std::vector<float> host(static_cast<size_t>(kPiece));
  uint64_t check = hash64(text);
  for (const Vec& array : {state.values, state.m, state.v, state.best}) {
    for (int64_t at = 0; at < array.size; at += kPiece) {
      const int64_t n = std::min(kPiece, array.size - at);
      backend.download(host.data(), array.data + at, n);
      const std::string_view bytes(reinterpret_cast<const char*>(host.data()), static_cast<size_t>(n) * 4);
      check = hash64(bytes, check);
      out.write(bytes);
    }
  }
  out.write(&check, sizeof check);
  out.commit();
}

std::optional<Json> load_checkpoint(const fs::path& file, const Backend& backend, const TrainState& state) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    const MappedFile map(file);
    const std::string_view all = map.text();
    uint64_t length = 0, want = 0;
    require_input(all.size() >= 24 && std::memcmp(all.data(), kMagic, sizeof kMagic) == 0, "it is no checkpoint of this loam");
    std::memcpy(&length, all.data() + 8, 8);
    require_input(length <= all.size() - 24, "it is cut off");
    const std::string_view text = all.substr(16, length);
    Json facts = parse_json(text, "its head");
    const Json sizes = {state.values.size, state.m.size, state.v.size, state.best.size};
    require_input(facts.value("sizes", Json()) == sizes, "it holds arrays of ", to_line(facts.value("sizes", Json())), " numbers, this run has ", to_line(sizes));
    int64_t total = 0;
    for (const Json& size : sizes) total += size.get<int64_t>();
    require_input(all.size() == 24 + length + static_cast<size_t>(total) * 4, "it has ", all.size(), " bytes, its head says ", 24 + length + static_cast<size_t>(total) * 4);
    std::vector<float> host(static_cast<size_t>(kPiece));
    uint64_t check = hash64(text);
    const char* from = all.data() + 16 + length;
    for (const Vec& array : {state.values, state.m, state.v, state.best}) {
      for (int64_t at = 0; at < array.size; at += kPiece) {
        const int64_t n = std::min(kPiece, array.size - at);
        check = hash64(std::string_view(from, static_cast<size_t>(n) * 4), check);
        std::memcpy(host.data(), from, static_cast<size_t>(n) * 4);
        backend.upload(array.data + at, host.data(), n);
        from += n * 4;
      }
    }
    std::memcpy(&want, from, 8);
    require_input(check == want, "its bytes do not match their checksum");
    return facts;
  } catch (Error& e) {
    e.during("reading the checkpoint ", file.string(), " (remove it, or give --force, to start anew)");
    throw;
  }
}

int64_t checkpoint_step(const fs::path& file) {
  if (!fs::exists(file)) return -1;
  const MappedFile map(file);
  const std::string_view all = map.text();
  uint64_t length = 0;
  if (all.size() < 16 || std::memcmp(all.data(), kMagic, sizeof kMagic) != 0) return 0;  // damaged: load_checkpoint says how
  std::memcpy(&length, all.data() + 8, 8);
  if (length > all.size() - 16) return 0;
  const Json facts = Json::parse(all.substr(16, length), nullptr, false);
  return facts.is_object() ? facts.value("step", int64_t{0}) : 0;
}

}  // namespace loam
