#include "loam/infer/answerer.h"

#include <algorithm>

#include "loam/base/error.h"
#include "loam/base/stop.h"

namespace loam {

Answerer::Answerer(Transformer& model, Tokenizer tokenizer, std::vector<int32_t> ends)
    : model_(model), tokenizer_(tokenizer), chat_(std::move(tokenizer)), ends_(std::move(ends)) {
  require_input(model_.config().labels.empty(), "this model is a classifier (", model_.config().labels.size(), " labels): it gives no answers; loam classify uses it");
}

std::string Answerer::run(const std::vector<int32_t>& prompt, const AnswerSettings& settings, const std::vector<int32_t>& stop_ids,
                          const std::vector<std::string>& stops, const std::function<void(std::string_view)>& each) {
  require_input(!prompt.empty(), "there is nothing to go on from: the prompt has no token");
  std::vector<int32_t> ids = prompt;
  const int64_t context = model_.config().context;
  if (static_cast<int64_t>(ids.size()) >= context) ids.erase(ids.begin(), ids.end() - std::max<int64_t>(1, context / 2));
  if (session_ == nullptr || session_->forgot()) {
    session_ = std::make_unique<Session>(model_);
    read_.clear();
  }
  // Logits are known only after a token is read: at least the prompt's last one is read again.
  size_t same = 0;
  while (same < read_.size() && same + 1 < ids.size() && read_[same] == ids[same]) ++same;
  session_->rewind(static_cast<int64_t>(same));
  session_->feed(std::span(ids).subspan(same));
  read_ = ids;
  Sampler sampler(settings.sampling);
  StreamDecoder decoder(tokenizer_);
  std::string text;
  size_t shown = 0;
  tokens_ = 0;
  ended_ = false;
  const size_t longest_stop = stops.empty() ? 0 : std::max_element(stops.begin(), stops.end(), [](auto& a, auto& b) { return a.size() < b.size(); })->size();
  auto show = [&](size_t until) {
    if (each && until > shown) each(std::string_view(text).substr(shown, until - shown));
    shown = std::max(shown, until);
  };
  while (tokens_ < settings.max_tokens) {
    if (settings.stoppable) stop_if_requested("an answer was being written");
    const int32_t id = sampler.draw(session_->logits());
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) {
      ended_ = true;
      break;
    }
    ++tokens_;
    text += decoder.add(id);
    for (const auto& stop : stops) {
      const size_t at = text.find(stop);
      if (stop.empty() || at == std::string::npos) continue;
      text.resize(at);
      ended_ = true;
    }
    if (ended_) break;
    // The last bytes may become a stop text; they wait.
    show(text.size() > longest_stop ? text.size() - longest_stop : 0);
    if (tokens_ == settings.max_tokens) break;
    session_->feed(std::span(&id, 1));
    read_.push_back(id);
  }
  if (!ended_ || stops.empty()) text += decoder.rest();
  show(text.size());
  return text;
}

std::string Answerer::answer(const std::vector<ChatMessage>& messages, const AnswerSettings& settings, const std::function<void(std::string_view)>& each) {
  std::vector<int32_t> stops = chat_.stop_ids();
  stops.insert(stops.end(), ends_.begin(), ends_.end());
  return run(chat_.encode(messages, /*open_answer=*/true).ids, settings, stops, {}, each);
}

std::string Answerer::complete(std::string_view prompt, const AnswerSettings& settings, const std::vector<std::string>& stops) {
  std::vector<int32_t> ids = tokenizer_.prefix_ids();
  tokenizer_.encode(prompt, ids);
  if (ids.empty()) ids.push_back(tokenizer_.eot_id());
  std::vector<int32_t> stop_ids = ends_;
  stop_ids.push_back(tokenizer_.eot_id());
  return run(ids, settings, stop_ids, stops, {});
}

}  // namespace loam
