// The tokenizer at run time: exact for any bytes, special tokens only on request, damage named.
#include "loam/text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/text/chat_template.h"
#include "loam/text/tokenizer_json.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

/// Bytes 0..255, then merges given as pairs of texts, then the special tokens.
Tokenizer make(const std::vector<std::pair<std::string, std::string>>& merges, const std::vector<std::string>& specials = {"<|endoftext|>"},
               const std::string& pattern = "gpt2") {
  TokenizerParts parts;
  for (int b = 0; b < 256; ++b) parts.tokens.emplace_back(1, static_cast<char>(b));
  const auto id_of = [&](const std::string& text) {
    return static_cast<int32_t>(std::find(parts.tokens.begin(), parts.tokens.end(), text) - parts.tokens.begin());
  };
  for (const auto& [a, b] : merges) {
    parts.merges.push_back({id_of(a), id_of(b), static_cast<int32_t>(parts.tokens.size())});
    parts.tokens.push_back(a + b);
  }
  auto next = static_cast<int32_t>(parts.tokens.size());
  for (const auto& special : specials) parts.added.push_back({next++, special});
  parts.pre_tokenizer = PreTokenizer::from_pattern(pattern);
  return Tokenizer(std::move(parts));
}

using Ids = std::vector<int32_t>;

TEST(Tokenizer, MergesInOrderOfRank) {
  const Tokenizer tok = make({{"a", "b"}, {"b", "c"}, {"ab", "c"}});
  EXPECT_EQ(tok.encode("abc"), Ids{258});
  EXPECT_EQ(tok.encode("bc"), Ids{257});
  EXPECT_EQ(tok.encode("abcab"), (Ids{258, 256}));
  EXPECT_EQ(tok.encode("aab"), (Ids{'a', 256}));
  EXPECT_EQ(tok.encode(""), Ids{});
  EXPECT_EQ(tok.vocab_size(), 260);
  EXPECT_EQ(tok.eot_id(), 259);
}

TEST(Tokenizer, AnyBytesSurvive) {
  const Tokenizer tok = make({{"a", "b"}, {"\xe6", "\xbc"}, {" ", "a"}, {"\xff", "\xff"}});
  Random rng(1, "bytes");
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    const int64_t n = rng.below(200);
    for (int64_t i = 0; i < n; ++i) {
      bytes += rng.below(3) == 0 ? static_cast<char>(rng.below(256)) : "ab \xff\xe6\xbc\n"[rng.below(7)];
    }
    EXPECT_EQ(tok.decode(tok.encode(bytes)), bytes);
    EXPECT_EQ(tok.decode(tok.encode(bytes, Specials::recognise)), bytes);
  }
}

TEST(Tokenizer, SpecialTokensAreTextUnlessAskedFor) {
  const Tokenizer tok = make({}, {"<|a|>", "<|a|>b", "<|endoftext|>"});
  EXPECT_EQ(tok.encode("x<|a|>").size(), 6u);
  EXPECT_EQ(tok.encode("x<|a|>bc", Specials::recognise), (Ids{'x', 257, 'c'}));
  EXPECT_EQ(tok.encode("<|a|><|endoftext|>", Specials::recognise), (Ids{256, 258}));
  EXPECT_EQ(tok.decode(Ids{'x', 257}), "x<|a|>b");
  EXPECT_EQ(tok.special("<|a|>"), 256);
  EXPECT_FALSE(tok.special("<|b|>"));
  EXPECT_THROW(tok.decode(Ids{259}), Error);
  EXPECT_THROW(tok.decode(Ids{-1}), Error);
}

TEST(Tokenizer, LongPiecesAreFastAndTheSame) {
  // 1 MB of one letter is one piece; the heap and the scan must agree on what fits both.
  const Tokenizer tok = make({{"a", "a"}, {"aa", "aa"}, {"aaaa", "a"}});
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(tok.decode(tok.encode(text)), text);
  EXPECT_EQ(tok.encode(std::string(6, 'a')), (Ids{257, 256}));
  const Bpe bpe(tok.parts().tokens, tok.parts().merges, false);
  Bpe::Scratch scratch;
  Random rng(2, "pieces");
  for (int round = 0; round < 200; ++round) {
    // The pieces of up to 64 bytes go one way, longer ones another: a long text of one letter cut by a letter that never merges.
    std::string left(static_cast<size_t>(1 + rng.below(60)), 'a'), right(static_cast<size_t>(1 + rng.below(60)), 'a');
    Ids whole, parts;
    bpe.merge_piece(left + "z" + right, scratch, whole);
    bpe.merge_piece(left, scratch, parts);
    parts.push_back('z');
    bpe.merge_piece(right, scratch, parts);
    EXPECT_EQ(whole, parts);
  }
}

TEST(Tokenizer, ThreadsShareOne) {
  const Tokenizer tok = make({{"a", "b"}, {"ab", "ab"}, {" ", "ab"}});
  std::string text;
  for (int i = 0; i < 5000; ++i) text += i % 7 == 0 ? " abab" : i % 3 == 0 ? "xab" : " ";
  const Ids want = tok.encode(text);
  std::vector<std::thread> team;
  std::array<Ids, 4> got;
  for (auto& out : got) team.emplace_back([&out, &tok, &text] { out = tok.encode(text); });
  for (auto& thread : team) thread.join();
  for (const auto& out : got) EXPECT_EQ(out, want);
}

TEST(Tokenizer, StreamNeverEndsInsideACharacter) {
  const Tokenizer tok = make({});
  for (const std::string& text : {std::string("a漢é👩\u200d"), std::string("x\xff\xe6z"), std::string("\xf0\x9f"), std::string("\xe0\x80")}) {
    StreamDecoder out(tok);
    std::string all;
    for (const int32_t id : tok.encode(text)) {
      const std::string now = out.add(id);
      EXPECT_EQ(whole_chars(now), now.size());
      all += now;
    }
    EXPECT_EQ(all + out.rest(), text);
  }
  StreamDecoder out(tok);
  EXPECT_EQ(out.add(0xe6), "");
  EXPECT_EQ(out.add(0xbc), "");
  EXPECT_EQ(out.add(0xa2), "漢");
  EXPECT_EQ(out.add(tok.eot_id()), "");
}

TEST(TokenizerJson, RoundTrip) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_tokenizer_json";
  fs::remove_all(folder);
  make_folder(folder);
  for (const std::string pattern : {"gpt2", "cl100k", "o200k", "llama3", "[a-c]+|\\s"}) {
    TokenizerParts parts = make({{"a", "b"}, {"\xff", "\n"}, {"ab", "ab"}}, {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}, pattern).parts();
    parts.config = own_config(Tokenizer(parts));
    save_tokenizer(Tokenizer(parts), folder);
    const Tokenizer tok = Tokenizer::load(folder);
    EXPECT_EQ(tok.parts().tokens, parts.tokens);
    EXPECT_EQ(tok.parts().merges, parts.merges);
    EXPECT_EQ(tok.parts().added.size(), 3u);
    EXPECT_EQ(tok.eot_id(), 261);
    EXPECT_EQ(tok.config(), parts.config);
    EXPECT_EQ(parts_to_json(tok.parts()), parts_to_json(parts));
  }
}

std::string load_error(const std::string& text) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_tokenizer_bad";
  make_folder(folder);
  write_file(folder / "tokenizer.json", text);
  try {
    Tokenizer::load(folder);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find("tokenizer.json"), std::string::npos);
    return e.what();
  }
  return "loaded";
}

TEST(TokenizerJson, DamageIsNamed) {
  const std::string good = to_pretty(parts_to_json(make({{"a", "b"}}).parts()));
  EXPECT_EQ(load_error(good), "loaded");
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{500}, good.size() / 2, good.size() - 3}) {
    EXPECT_NE(load_error(good.substr(0, cut)).find("cut off"), std::string::npos) << cut;
  }
  Json json = Json::parse(good);
  json["model"]["type"] = "WordPiece";
  EXPECT_NE(load_error(json.dump()).find("WordPiece"), std::string::npos);
  json = Json::parse(good);
  json["model"]["vocab"].erase("a");
  EXPECT_NE(load_error(json.dump()).find("merge 0"), std::string::npos);
  json["model"]["merges"] = Json::array();
  EXPECT_NE(load_error(json.dump()).find("no token for the byte 97"), std::string::npos);
  json["model"]["vocab"]["a"] = 999999999;
  EXPECT_NE(load_error(json.dump()).find("an id outside 0 to 4194303"), std::string::npos);
  EXPECT_NE(load_error(std::string(1000000, '[')).find("nests"), std::string::npos);
  EXPECT_THROW(Tokenizer::load("/nonexistent"), Error);
}

TEST(ChatTemplate, ChatMlMarksTheAnswer) {
  const Tokenizer tok = make({}, {"<|im_start|>", "<|im_end|>", "<|endoftext|>"});
  const ChatTemplate chat(tok);
  EXPECT_EQ(chat.style(), ChatTemplate::Style::chatml);
  const std::vector<ChatMessage> talk = {{"user", "1+1<|im_end|>"}, {"assistant", "2"}};
  const ChatTokens row = chat.encode(talk);
  EXPECT_EQ(tok.decode(row.ids), "<|im_start|>user\n1+1<|im_end|><|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n");
  EXPECT_EQ(tok.decode(row.ids), chat.render(talk));
  EXPECT_EQ(std::count(row.ids.begin(), row.ids.end(), 257), 2);  // the one in the message is text
  ASSERT_EQ(row.answer.size(), row.ids.size());
  std::string answer;
  for (size_t i = 0; i < row.ids.size(); ++i) {
    if (row.answer[i] != 0) answer += tok.bytes(row.ids[i]);
  }
  EXPECT_EQ(answer, "2<|im_end|>");
  EXPECT_EQ(chat.stop_ids(), (Ids{257, 258}));
  const ChatTokens open = chat.encode({talk[0]}, true);
  EXPECT_EQ(Ids(row.ids.begin(), row.ids.begin() + static_cast<int64_t>(open.ids.size())), open.ids);
  EXPECT_EQ(open.answer, std::vector<uint8_t>(open.ids.size(), 0));
}

TEST(ChatTemplate, PlainWhereThereAreNoChatTokens) {
  const Tokenizer tok = make({});
  const ChatTemplate chat(tok);
  EXPECT_EQ(chat.style(), ChatTemplate::Style::plain);
  const ChatTokens row = chat.encode({{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Yes"}});
  EXPECT_EQ(tok.decode(row.ids), "### System:\nBe brief.\n\n### User:\nHi\n\n### Assistant:\nYes<|endoftext|>\n");
  EXPECT_EQ(std::count(row.answer.begin(), row.answer.end(), 1), 4);
  EXPECT_EQ(chat.stop_ids(), Ids{256});
  // Between turns no cut but those of the text as a whole: programs that render first must get the same ids.
  const Tokenizer lines = make({{"\n", "\n"}});
  const std::vector<ChatMessage> talk = {{"user", "Hi"}, {"assistant", "Yes"}, {"user", "Well"}};
  EXPECT_EQ(ChatTemplate(lines).encode(talk, true).ids, lines.encode(ChatTemplate(lines).render(talk, true), Specials::recognise));
  TokenizerParts parts = tok.parts();
  parts.config = own_config(tok);
  EXPECT_EQ(ChatTemplate(Tokenizer(parts)).jinja(), chat_jinja(ChatTemplate::Style::plain));
  parts.config["chat_template"] = "{{ something_else }}";
  EXPECT_EQ(ChatTemplate(Tokenizer(parts)).style(), ChatTemplate::Style::jinja);
  parts.config["chat_template"] = "{{ something else }}";
  EXPECT_THROW(ChatTemplate{Tokenizer(parts)}, Error);
}

}  // namespace
}  // namespace loam
