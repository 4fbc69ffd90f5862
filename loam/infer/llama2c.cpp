// llama2.c's model files (github.com/karpathy/llama2.c, export.py): the first form, without a magic number, and version 1
// ("ak42"); float32 numbers, one kind of tensor after the other over all layers.
#include <cstring>
#include <fmt/format.h>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/finite.h"
#include "loam/infer/foreign.h"
#include "loam/text/sentencepiece.h"

namespace loam {
namespace {

constexpr uint32_t kMagic = 0x616b3432;  // "ak42"

class Llama2c final : public ForeignModel {
 public:
  Llama2c(const fs::path& weights, const fs::path& tokenizer) try : file_(weights) {
    paths_ = {weights};
    read_header();
    if (tokenizer.empty()) return;
    paths_.push_back(tokenizer);
    tokenizer_ = parts_from_llama2c(read_file(tokenizer, int64_t{1} << 28));
    stop_ids_ = {2};
  } catch (Error& e) {
    e.during("reading ", weights.string());
    throw;
  }
  const char* format() const override { return "llama2c"; }

  void check(const std::string& name, const std::vector<int64_t>&) const override {
    require_input(places_.count(name) > 0, file_.path().string(), " has no place for tensor ", name);
  }
  std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const override {
    check(name, shape);
    int64_t count = 1;
    for (const int64_t d : shape) count *= d;
    std::vector<float> values(static_cast<size_t>(count));
    std::memcpy(values.data(), file_.bytes().data() + places_.at(name), values.size() * 4);
    require_finite(values, file_.path(), name);
    if (name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos) return reorder_heads(values, shape[0], config_.head_size, false);
    return values;
  }
  std::string dtype(const std::string&) const override { return "F32"; }
  void refuse_leftovers() const override {}  // the sizes were added up when the header was read
  std::string number_types() const override { return fmt::format("F32 {}", places_.size()); }

 private:
  int32_t number(int64_t at) const {
    int32_t value;
    std::memcpy(&value, file_.bytes().data() + at, 4);
    return value;
  }

  void read_header() {
    require_input(file_.size() >= 256, "it has ", file_.size(), " bytes; a llama2.c model takes more");
    const bool first_form = static_cast<uint32_t>(number(0)) != kMagic;
    require_input(first_form || number(4) == 1, "it is version ", number(4), " of llama2.c's form; the first form and version 1 are read (version 2 is quantised: export it again as version 1)");
    const int64_t head = first_form ? 0 : 8;
    int64_t sizes[7];
    for (int64_t i = 0; i < 7; ++i) sizes[i] = number(head + 4 * i);
    ModelConfig& c = config_;
    c.channels = sizes[0];
    c.hidden = sizes[1];
    c.layers = sizes[2];
    c.heads = sizes[3];
    c.kv_heads = sizes[4];
    c.vocab = first_form && sizes[5] < 0 ? -sizes[5] : sizes[5];
    c.context = sizes[6];
    c.tied = first_form ? sizes[5] > 0 : static_cast<uint8_t>(file_.bytes()[36]) != 0;
    c.norm_eps = 1e-5;
    c.bos = 1;
    c.eos = 2;
    require_input(c.heads >= 1 && c.channels >= 1 && c.channels % c.heads == 0, "it is no llama2.c model: width ", c.channels, ", heads ", c.heads);
    c.head_size = c.channels / c.heads;
    c.validate();
    // By names the layout is known only once every size is in range, so that nothing here overflows.
    int64_t at = first_form ? 28 : 256;
    const int64_t C = c.channels, F = c.hidden, Q = c.query_width(), K = c.kv_width();
    const auto take = [&](const std::string& name, int64_t count) {
      places_[name] = at;
      require_input(count <= (file_.size() - at) / 4, "tensor ", name, " wants ", count, " numbers from byte ", at, " on; the file has ", file_.size(), " bytes (cut off, or no llama2.c model)");
      at += 4 * count;
    };
    const auto layers = [&](const char* name, int64_t count) {
      for (int64_t l = 0; l < c.layers; ++l) take(fmt::format("model.layers.{}.{}.weight", l, name), count);
    };
    const auto matrices = [&] {
      layers("self_attn.q_proj", Q * C);
      layers("self_attn.k_proj", K * C);
      layers("self_attn.v_proj", K * C);
      layers("self_attn.o_proj", C * Q);
    };
    const auto feed_forward = [&] {
      layers("mlp.gate_proj", F * C);
      layers("mlp.down_proj", C * F);
      layers("mlp.up_proj", F * C);
    };
    if (first_form) {
      take("model.embed_tokens.weight", c.vocab * C);
      layers("input_layernorm", C);
      matrices();
      layers("post_attention_layernorm", C);
      feed_forward();
      take("model.norm.weight", C);
      take("rotary tables", c.context * c.head_size);
      places_.erase("rotary tables");
    } else {
      layers("input_layernorm", C);
      layers("post_attention_layernorm", C);
      take("model.norm.weight", C);
      take("model.embed_tokens.weight", c.vocab * C);
      matrices();
      feed_forward();
    }
    if (!c.tied) take("lm_head.weight", c.vocab * C);
    require_input(at == file_.size(), "its header asks for ", at, " bytes, the file has ", file_.size());
  }

  MappedFile file_;
  std::map<std::string, int64_t> places_;
};

}  // namespace

std::unique_ptr<ForeignModel> open_llama2c(const fs::path& weights, const fs::path& tokenizer) { return std::make_unique<Llama2c>(weights, tokenizer); }

}  // namespace loam
