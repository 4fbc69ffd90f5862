#include "loam/stages/exchange/verify.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/infer/session.h"
#include "loam/model/weights.h"
#include "loam/stages/exchange/export.h"
#include "loam/infer/foreign.h"
#include "loam/stages/exchange/remote.h"

namespace loam {
namespace {

constexpr int64_t kTokensCompared = 16;

struct Form {
  std::unique_ptr<ForeignModel> files;
  std::optional<Tokenizer> tokenizer;
  std::vector<int64_t> stops;
  std::string text() const { return fmt::format("{}, {}", files->format(), files->number_types()); }
};

Form open_form(const std::string& path) {
  Form form;
  form.files = open_foreign({path});
  require_input(form.files->tokenizer().has_value(), path, " holds no tokenizer that loam reads, so no text can be asked of it");
  form.tokenizer.emplace(*form.files->tokenizer());
  form.files->refuse_leftovers();
  form.stops = with_turn_ends(form.files->stop_ids(), *form.tokenizer);
  return form;
}

/// What the coarsest numbers in the files allow.
std::string coarsest(const ForeignModel& files) {
  const std::string types = files.number_types();
  for (const auto& [mark, type] : {std::pair{"Q4", "q4_0"}, {"Q5", "q4_0"}, {"Q6", "q8_0"}, {"Q8", "q8_0"}, {"BF16", "bf16"}, {" F16", "f16"}}) {
    if ((" " + types).find(mark) != std::string::npos) return type;
  }
  return "f32";
}

/// The model's own continuation of a prompt: text so far and log probability after each token.
struct OwnText {
  std::vector<std::string> pieces;
  std::vector<double> logprobs;
};
OwnText continue_locally(Transformer& model, const Tokenizer& tokenizer, const std::vector<int32_t>& prompt, const std::vector<int64_t>& stops) {
  OwnText out;
  Session session(model);
  session.feed(prompt);
  StreamDecoder decoder(tokenizer);
  for (int64_t n = 0; n < kTokensCompared && static_cast<int64_t>(prompt.size()) + n < model.config().context; ++n) {
    const std::vector<float>& logits = session.logits();
    const auto best = std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x) - *best);
    const auto id = static_cast<int32_t>(best - logits.begin());
    if (std::find(stops.begin(), stops.end(), id) != stops.end() || !tokenizer.has(id)) break;
    out.pieces.push_back(decoder.add(id));
    out.logprobs.push_back(-std::log(sum));
    session.feed({&id, 1});
  }
  return out;
}

/// The tokens of `own` that the server's text begins with, whole characters at a time.
int64_t same_tokens(const OwnText& own, const std::string& there) {
  std::string so_far;
  int64_t n = 0, whole = 0;
  for (const std::string& piece : own.pieces) {
    so_far += piece;
    ++n;
    if (!there.starts_with(parse_json(to_line(so_far), "text").get<std::string>())) break;  // bytes that are no text, as JSON has them
    whole = n;
  }
  return whole;
}

void compare_words(const Form& a, const Form& b, Verified& out) {
  const Tokenizer &x = *a.tokenizer, &y = *b.tokenizer;
  for (const std::string& text : probe_texts()) {
    std::vector<int32_t> left = x.prefix_ids(), right = y.prefix_ids();
    x.encode(text, left);
    y.encode(text, right);
    if (left == right) continue;
    const auto at = std::mismatch(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(std::min(left.size(), right.size())), right.begin()).first - left.begin();
    out.differences.push_back(fmt::format("the text \"{}...\" has other ids from token {} on", text.substr(0, 16), at));
  }
  if (x.chat_template() != y.chat_template()) out.differences.push_back("the chat templates differ");
  const std::set<int64_t> left(a.stops.begin(), a.stops.end()), right(b.stops.begin(), b.stops.end());
  if (left != right) out.differences.push_back(fmt::format("the ids that end an answer are {} and {}", fmt::join(left, ", "), fmt::join(right, ", ")));
}

void compare_with_server(const std::string& path, const RemoteModel& server, const VerifyConfig& config, Progress& progress, Verified& out) {
  const Form form = open_form(path);
  out.first = form.text();
  out.second = server.address() + ", model " + server.model();
  out.by_server = true;
  out.allowed = config.tolerance > 0 ? config.tolerance : 0.5;
  const auto model = load_foreign(*form.files);
  const auto prompts = probe_prompts(*form.tokenizer, model->config().context - kTokensCompared);
  for (size_t i = 0; i < prompts.size(); ++i) {
    progress.status(fmt::format("text {} of {}", i + 1, prompts.size()));
    const std::string& text = probe_texts()[i];
    std::vector<int32_t> whole = form.tokenizer->prefix_ids();
    form.tokenizer->encode(text, whole);
    if (whole.size() != prompts[i].size()) continue;  // cut: too long for this context
    const OwnText own = continue_locally(*model, *form.tokenizer, prompts[i], form.stops);
    const RemoteText there = server.continue_text(text, kTokensCompared);
    const int64_t same = same_tokens(own, there.text);
    out.agreement.greedy_tokens += static_cast<int64_t>(own.pieces.size());
    out.agreement.same_greedy += same;
    for (size_t n = 0; n < static_cast<size_t>(same) && n < there.logprobs.size(); ++n) {
      out.largest_logprob_difference = std::max(out.largest_logprob_difference, std::fabs(own.logprobs[n] - there.logprobs[n]));
      ++out.compared_logprobs;
    }
  }
  require_input(out.agreement.greedy_tokens > 0, "the model ends every probe text at once: there is nothing to compare");
  if (out.largest_logprob_difference > out.allowed) {
    out.differences.push_back(fmt::format("log probabilities differ by up to {:.3g}, more than {:g}", out.largest_logprob_difference, out.allowed));
  }
  if (2 * out.agreement.same_greedy < out.agreement.greedy_tokens) {
    out.differences.push_back(fmt::format("only {} of {} tokens of the greedy texts are the same", out.agreement.same_greedy, out.agreement.greedy_tokens));
  }
}

}  // namespace

Verified verify_forms(const std::string& a, const std::string& b, const VerifyConfig& config, Progress& progress) {
  Verified out;
  require(!is_address(a) || !is_address(b), "both are addresses; one of the two must be a file or folder here");
  if (is_address(a) || is_address(b)) {
    compare_with_server(is_address(a) ? b : a, RemoteModel(is_address(a) ? a : b), config, progress, out);
    return out;
  }
  const Form first = open_form(a), second = open_form(b);
  out.first = first.text();
  out.second = second.text();
  out.allowed = config.tolerance > 0 ? config.tolerance : std::max(allowed_spreads(coarsest(*first.files)), allowed_spreads(coarsest(*second.files)));
  const double allowed_by_rms = config.tolerance > 0 ? config.tolerance : std::max(allowed_rms(coarsest(*first.files)), allowed_rms(coarsest(*second.files)));
  compare_words(first, second, out);
  const auto prompts = probe_prompts(*first.tokenizer, std::min(first.files->config().context, second.files->config().context));
  for (const auto& prompt : prompts) {
    for (const int32_t id : prompt) require_input(id < second.files->config().vocab, "the second model's table has ", second.files->config().vocab, " rows, the first one's texts have the id ", id, ": they are not of one model");
  }
  progress.status("the first model");
  Answers wanted;
  {
    const auto model = load_foreign(*first.files);
    wanted = answers_of(*model, prompts);
  }
  progress.status("the second model");
  const auto model = load_foreign(*second.files);
  out.agreement = compare(wanted, answers_of(*model, prompts));
  if (out.agreement.in_spreads() > out.allowed) {
    out.differences.push_back(fmt::format("logits differ by up to {:.3g}, {:.3g} of their spreads; {:.3g} are allowed", out.agreement.largest, out.agreement.in_spreads(), out.allowed));
  } else if (out.agreement.rms_in_spreads() > allowed_by_rms) {
    out.differences.push_back(fmt::format("logits differ by {:.3g} of their spreads by root mean square; {:.3g} are allowed", out.agreement.rms_in_spreads(), allowed_by_rms));
  }
  return out;
}

}  // namespace loam
