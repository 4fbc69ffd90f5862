#include "loam/stages/exchange/remote.h"

#include <cstdlib>
#include <curl/curl.h>
#include <memory>
#include <mutex>

#include "loam/base/error.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

constexpr size_t kLongestAnswer = size_t{1} << 26;

size_t take(char* bytes, size_t size, size_t count, void* into) {
  auto& out = *static_cast<std::string*>(into);
  if (out.size() + size * count > kLongestAnswer) return 0;
  out.append(bytes, size * count);
  return size * count;
}

int stop_asked(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return stop_requested() ? 1 : 0; }

void numbers_of(const Json& list, const char* key, std::vector<double>& out) {
  for (const Json& item : list) {
    const Json& value = key == nullptr ? item : item.is_object() && item.contains(key) ? item.at(key) : Json();
    if (!value.is_number()) {
      out.clear();  // one missing makes the places of the others unsure
      return;
    }
    out.push_back(value.get<double>());
  }
}

}  // namespace

bool is_address(const std::string& path) { return path.starts_with("http://") || path.starts_with("https://"); }

RemoteText completion_from_json(const Json& answer) {
  require_input(answer.is_object() && answer.contains("choices") && answer["choices"].is_array() && !answer["choices"].empty() && answer["choices"][0].is_object(),
                "its answer has no choices: ", to_line(answer).substr(0, 200));
  const Json& choice = answer["choices"][0];
  RemoteText out;
  out.text = get_string(choice, "text");
  if (!choice.contains("logprobs") || !choice["logprobs"].is_object()) return out;
  const Json& logprobs = choice["logprobs"];
  if (logprobs.contains("token_logprobs") && logprobs["token_logprobs"].is_array()) {
    numbers_of(logprobs["token_logprobs"], nullptr, out.logprobs);
  } else if (logprobs.contains("content") && logprobs["content"].is_array()) {
    numbers_of(logprobs["content"], "logprob", out.logprobs);
  }
  return out;
}

RemoteModel::RemoteModel(const std::string& address) : address_(address) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (const size_t mark = address_.find('#'); mark != std::string::npos) {
    model_ = address_.substr(mark + 1);
    address_.resize(mark);
  }
  while (address_.ends_with('/')) address_.pop_back();
  if (!address_.ends_with("/v1")) address_ += "/v1";
  if (!model_.empty()) return;
  const Json models = ask("/models", nullptr);
  require_input(models.is_object() && models.contains("data") && models["data"].is_array() && !models["data"].empty(), address_, "/models names no model");
  model_ = get_string(models["data"][0], "id");
}

Json RemoteModel::ask(const std::string& path, const Json* body) const {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) fail(ErrorKind::internal, "no HTTP client could be made");
  const std::string url = address_ + path, text = body != nullptr ? to_line(*body) : "";
  std::string answer;
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  if (const char* key = std::getenv("OPENAI_API_KEY"); key != nullptr && *key != '\0') list = curl_slist_append(list, cat("Authorization: Bearer ", key).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, &curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 300L);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &stop_asked);
  if (body != nullptr) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size()));
  }
  const CURLcode code = curl_easy_perform(curl.get());
  stop_if_requested("nothing was left behind");
  if (code == CURLE_WRITE_ERROR) fail(ErrorKind::input, url, " answers with more than ", kLongestAnswer >> 20, " MiB");
  if (code != CURLE_OK) fail(ErrorKind::device, url, " cannot be reached: ", curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  require_input(status == 200, url, " answers ", status, ": ", answer.substr(0, 300));
  return parse_json(answer, url);
}

RemoteText RemoteModel::continue_text(const std::string& prompt, int64_t tokens) const {
  const Json body = {{"model", model_}, {"prompt", prompt}, {"max_tokens", tokens}, {"temperature", 0}, {"logprobs", 1}, {"stream", false}};
  return completion_from_json(ask("/completions", &body));
}

}  // namespace loam
