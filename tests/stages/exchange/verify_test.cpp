// Two forms of a model compared: files that agree, files that do not, a server.
#include "loam/stages/exchange/verify.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "loam/base/error.h"
#include "loam/infer/session.h"
#include "loam/stages/exchange/export.h"
#include "loam/stages/exchange/remote.h"
#include "tests/support/tiny_shapes.h"

namespace loam {
namespace {

Verified verify(const fs::path& a, const std::string& b, double tolerance = 0) {
  VerifyConfig config;
  config.tolerance = tolerance;
  return verify_forms(a.string(), b, config, *std::make_unique<Progress>());
}

TEST(Verify, OtherWeightsAreSeen) {
  const fs::path folder = fresh_folder("verify_weights");
  const auto model = random_model(tiny_shape("llama"));
  write_model_folder(folder / "a", *model);
  model->params().value(model->params().layers[1].down).data[5] += 3;
  write_model_folder(folder / "b", *model);
  EXPECT_TRUE(verify(folder / "a", folder / "a").same());
  const Verified found = verify(folder / "a", folder / "b");
  ASSERT_EQ(found.differences.size(), 1u);
  EXPECT_NE(found.differences[0].find("logits differ"), std::string::npos);
  EXPECT_TRUE(verify(folder / "a", folder / "b", 100).same());
}

TEST(Verify, OtherWordsAreSeen) {
  const fs::path folder = fresh_folder("verify_words");
  write_model_folder(folder / "a", *random_model(tiny_shape("qwen2")));
  write_model_folder(folder / "b", *random_model(tiny_shape("qwen2")));
  Json config = read_json(folder / "b/tokenizer_config.json");
  config["chat_template"] = "another";  // without an <|im_end|>
  write_file(folder / "b/tokenizer_config.json", to_pretty(config));
  write_file(folder / "b/generation_config.json", R"({"eos_token_id": 3})");
  const Verified found = verify(folder / "a", folder / "b");
  ASSERT_EQ(found.differences.size(), 2u);
  EXPECT_EQ(found.differences[0], "the chat templates differ");
  EXPECT_EQ(found.differences[1], "the ids that end an answer are 257, 258 and 3");
}

/// Answers as many requests as `answers` has, one after the other, on a port of 127.0.0.1.
class TinyServer {
 public:
  explicit TinyServer(std::function<std::string(const std::string& request)> answer) : answer_(std::move(answer)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
    socklen_t size = sizeof place;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&place), &size);
    port_ = ntohs(place.sin_port);
    ::listen(socket_, 8);
    thread_ = std::thread([this] { serve(); });
  }
  ~TinyServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(socket_, nullptr, nullptr);
      if (peer < 0) return;
      std::string request;
      char bytes[4096];
      for (size_t wanted = 0; wanted == 0 || request.size() < wanted;) {
        const ssize_t n = ::read(peer, bytes, sizeof bytes);
        if (n <= 0) break;
        request.append(bytes, static_cast<size_t>(n));
        const size_t head = request.find("\r\n\r\n");
        if (head == std::string::npos) continue;
        const size_t length = request.find("Content-Length: ");
        wanted = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
      }
      const std::string body = answer_(request);
      const std::string status = body.empty() ? "500 Broken" : "200 OK";
      const std::string whole = "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      EXPECT_EQ(::write(peer, whole.data(), whole.size()), static_cast<ssize_t>(whole.size()));
      ::close(peer);
    }
  }
  std::function<std::string(const std::string&)> answer_;
  int socket_ = -1, port_ = 0;
  std::thread thread_;
};

TEST(Verify, AServerThatAnswersAlikeAndOneThatDoesNot) {
  const fs::path folder = fresh_folder("verify_server");
  ModelConfig config = tiny_shape("llama");
  config.context = 160;
  auto model = random_model(config);
  write_model_folder(folder / "a", *model);
  const Tokenizer tokenizer = whole_tokenizer();
  float shift = 0;
  const auto answer = [&](const std::string& request) -> std::string {
    if (request.starts_with("GET /v1/models ")) return R"({"data":[{"id":"tiny"}]})";
    const Json body = parse_json(request.substr(request.find("\r\n\r\n") + 4), "request");
    EXPECT_EQ(body["model"], "tiny");
    EXPECT_EQ(body["temperature"], 0);
    const std::vector<int32_t> ids = tokenizer.encode(body["prompt"].get<std::string>());
    Session session(*model);
    session.feed(ids);
    std::string text;
    Json logprobs = Json::array();
    for (int n = 0; n < body["max_tokens"].get<int>(); ++n) {
      const auto& logits = session.logits();
      const auto best = std::max_element(logits.begin(), logits.end());
      const auto id = static_cast<int32_t>(best - logits.begin());
      if (!tokenizer.has(id) || id == 257 || id == 258) break;
      double sum = 0;
      for (const float x : logits) sum += std::exp(static_cast<double>(x - *best));
      logprobs.push_back(-std::log(sum) - shift);
      if (!tokenizer.is_special(id)) text += tokenizer.bytes(id);
      session.feed({&id, 1});
    }
    return to_line({{"choices", {{{"text", text}, {"logprobs", {{"token_logprobs", logprobs}}}}}}});
  };
  const TinyServer server(answer);
  const Verified same = verify(folder / "a", server.address());
  EXPECT_TRUE(same.same()) << (same.differences.empty() ? "" : same.differences[0]);
  EXPECT_TRUE(same.by_server);
  EXPECT_GT(same.compared_logprobs, 0);
  EXPECT_LT(same.largest_logprob_difference, 1e-5);
  shift = 1;
  const Verified other = verify(server.address() + "/v1/#tiny", (folder / "a").string());
  ASSERT_EQ(other.differences.size(), 1u);
  EXPECT_NE(other.differences[0].find("log probabilities differ by up to 1"), std::string::npos);
}

TEST(Verify, AServerThatIsNone) {
  const fs::path folder = fresh_folder("verify_no_server");
  write_model_folder(folder / "a", *random_model(tiny_shape("llama")));
  const auto kind_of = [&](const std::string& address) {
    try {
      verify(folder / "a", address);
    } catch (const Error& e) {
      return e.kind();
    }
    return ErrorKind::internal;
  };
  EXPECT_EQ(kind_of("http://127.0.0.1:1"), ErrorKind::device);
  for (const char* body : {"", "no JSON", "{}", R"({"data":[]})", R"({"data":[{"id":3}]})"}) {
    const TinyServer server([&](const std::string&) { return body; });
    EXPECT_EQ(kind_of(server.address()), ErrorKind::input) << body;
  }
  EXPECT_THROW(verify("http://127.0.0.1:1", "http://127.0.0.1:1"), Error);
}

TEST(Completion, BothFormsOfLogprobs) {
  const RemoteText old_form = completion_from_json(Json::parse(R"({"choices":[{"text":" a","logprobs":{"tokens":[" a"],"token_logprobs":[-0.5]}}]})"));
  EXPECT_EQ(old_form.text, " a");
  EXPECT_EQ(old_form.logprobs, std::vector<double>{-0.5});
  const RemoteText chat_form = completion_from_json(Json::parse(R"({"choices":[{"text":"b","logprobs":{"content":[{"token":"b","logprob":-1.5}]}}]})"));
  EXPECT_EQ(chat_form.logprobs, std::vector<double>{-1.5});
  EXPECT_TRUE(completion_from_json(Json::parse(R"({"choices":[{"text":"b","logprobs":null}]})")).logprobs.empty());
  EXPECT_TRUE(completion_from_json(Json::parse(R"({"choices":[{"text":"b","logprobs":{"token_logprobs":[null,-1]}}]})")).logprobs.empty());
  for (const char* bad : {"{}", R"({"choices":[]})", R"({"choices":[1]})", R"({"choices":[{"text":3}]})"}) EXPECT_THROW(completion_from_json(Json::parse(bad)), Error) << bad;
}

}  // namespace
}  // namespace loam
