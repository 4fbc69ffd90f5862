#include "loam/artifacts/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr int64_t kHeaderInts = 256, kHeaderBytes = kHeaderInts * 4;
constexpr int32_t kMagic16 = 20240520, kVersion16 = 1, kMagic32 = 20240801, kVersion32 = 7;

fs::path index_path(const fs::path& bin) { return fs::path(bin).replace_extension(".idx"); }

int32_t read_int32(const std::byte* at) {
  int32_t value;
  std::memcpy(&value, at, 4);
  return value;
}

/// The largest of n tokens; a loop the compiler vectorises.
template <class T>
uint32_t largest(const T* tokens, int64_t n) {
  T most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, tokens[i]);
  return most;
}

template <class T>
void check_range(const T* tokens, int64_t n, int64_t vocab_size) {
  constexpr int64_t kGrain = int64_t{1} << 22;
  parallel_chunks(n, kGrain, [&](int64_t begin, int64_t end) {
    if (static_cast<int64_t>(largest(tokens + begin, end - begin)) < vocab_size) return;
    const T* at = std::find_if(tokens + begin, tokens + end, [&](T t) { return static_cast<int64_t>(t) >= vocab_size; });
    fail(ErrorKind::input, "token ", at - tokens, " is ", static_cast<int64_t>(*at), ", beyond the vocabulary of ", vocab_size);
  });
}

}  // namespace

std::string shard_name(const std::string& split, int64_t number) { return fmt::format("{}-{:05}.bin", split, number); }

TokenShard::TokenShard(const fs::path& bin) try : bin_(bin), idx_(index_path(bin)) {
  require_input(bin_.size() >= kHeaderBytes, "it has ", bin_.size(), " bytes, fewer than a header of ", kHeaderBytes);
  const std::byte* data = bin_.bytes().data();
  const int32_t magic = read_int32(data), version = read_int32(data + 4);
  if (magic == kMagic16) {
    require_input(version == kVersion16, "its version is ", version, ", not ", kVersion16);
    width_ = 2;
  } else if (magic == kMagic32) {
    require_input(version == kVersion32, "its version is ", version, ", not ", kVersion32);
    width_ = 4;
  } else {
    fail(ErrorKind::input, "its magic is ", magic, ", not ", kMagic16, " (uint16) or ", kMagic32, " (uint32): no token shard");
  }
  count_ = read_int32(data + 8);
  require_input(count_ >= 0, "its header counts ", count_, " tokens");
  require_input(bin_.size() == kHeaderBytes + count_ * width_, "it has ", bin_.size(), " bytes, ", count_, " tokens need ",
                kHeaderBytes + count_ * width_, ": it was cut off or is not a token shard");
  require_input(idx_.size() % 16 == 0, "its .idx has ", idx_.size(), " bytes, no multiple of 16");
  const int64_t documents = idx_.size() / 16;
  const auto* index = reinterpret_cast<const int64_t*>(idx_.bytes().data());
  starts_ = {index, static_cast<size_t>(documents)};
  numbers_ = {index + documents, static_cast<size_t>(documents)};
  require_input((documents == 0) == (count_ == 0) && (documents == 0 || starts_[0] == 0), "its .idx does not begin where its tokens do");
  for (int64_t i = 0; i < documents; ++i) {
    const auto at = static_cast<size_t>(i);
    require_input(starts_[at] < count_ && (i == 0 || starts_[at] > starts_[at - 1]), "its .idx is out of order at document ", i);
    require_input(numbers_[at] >= 0, "its .idx gives document ", i, " the number ", numbers_[at]);
  }
} catch (Error& e) {
  e.during("token shard ", bin);
  throw;
}

void TokenShard::copy(int64_t begin, int64_t count, int32_t* out) const {
  LOAM_ASSERT(begin >= 0 && count >= 0 && begin + count <= count_);
  const std::byte* data = bin_.bytes().data() + kHeaderBytes + begin * width_;
  if (width_ == 4) {
    std::memcpy(out, data, static_cast<size_t>(count) * 4);
    return;
  }
  const auto* tokens = reinterpret_cast<const uint16_t*>(data);
  for (int64_t i = 0; i < count; ++i) out[i] = tokens[i];
}

void TokenShard::check_tokens(int64_t vocab_size, int32_t eot_id) const try {
  const std::byte* data = bin_.bytes().data() + kHeaderBytes;
  if (width_ == 2) {
    check_range(reinterpret_cast<const uint16_t*>(data), count_, vocab_size);
  } else {
    check_range(reinterpret_cast<const uint32_t*>(data), count_, vocab_size);
  }
  for (const int64_t start : starts_) {
    int32_t first = 0;
    copy(start, 1, &first);
    require_input(first == eot_id, "token ", start, " begins a document and is ", first, ", not the end-of-text token ", eot_id);
  }
} catch (Error& e) {
  e.during("token shard ", path());
  throw;
}

int64_t TokenSplit::document_count() const {
  int64_t n = 0;
  for (const auto& shard : shards_) n += shard.document_count();
  return n;
}

void TokenSplit::copy(int64_t begin, int64_t count, int32_t* out) const {
  LOAM_ASSERT(begin >= 0 && count >= 0 && begin + count <= token_count());
  if (count == 0) return;
  auto at = static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), begin) - begins_.begin() - 1);
  while (count > 0) {
    const int64_t inside = begin - begins_[at];
    const int64_t n = std::min(count, shards_[at].token_count() - inside);
    shards_[at].copy(inside, n, out);
    begin += n, count -= n, out += n, ++at;
  }
}

int32_t TokenSplit::token(int64_t at) const {
  int32_t out = 0;
  copy(at, 1, &out);
  return out;
}

std::vector<int64_t> TokenSplit::document_starts() const {
  std::vector<int64_t> out;
  for (size_t i = 0; i < shards_.size(); ++i) {
    for (const int64_t start : shards_[i].starts()) out.push_back(begins_[i] + start);
  }
  return out;
}

std::vector<int64_t> TokenSplit::document_numbers() const {
  std::vector<int64_t> out;
  for (const auto& shard : shards_) out.insert(out.end(), shard.numbers().begin(), shard.numbers().end());
  return out;
}

TokenSet TokenSet::open(const fs::path& folder) {
  TokenSet set;
  set.artifact_ = open_artifact(folder, "tokens");
  try {
    const Json& counts = set.artifact_.counts;
    set.vocab_size_ = get_int(counts, "vocab_size");
    require_input(set.vocab_size_ > 0 && set.vocab_size_ <= INT32_MAX, "its manifest says vocab_size ", set.vocab_size_);
    const int64_t eot = get_int(counts, "eot_id");
    require_input(eot >= 0 && eot < set.vocab_size_, "its manifest says eot_id ", eot, " in a vocabulary of ", set.vocab_size_);
    set.eot_id_ = static_cast<int32_t>(eot);
    for (const auto& [name, split] : {std::pair{"train", &set.train_}, std::pair{"val", &set.val_}}) {
      split->text_bytes_ = get_int(counts, cat(name, "_bytes").c_str());
      int64_t tokens = 0;
      for (int64_t i = 0; set.artifact_.promises(shard_name(name, i)); ++i) {
        split->shards_.emplace_back(set.artifact_.path(shard_name(name, i)));
        const TokenShard& shard = split->shards_.back();
        require_input(shard.token_bytes() == set.token_bytes(), shard.path(), " has tokens of ", shard.token_bytes(),
                      " bytes, a vocabulary of ", set.vocab_size_, " wants ", set.token_bytes());
        shard.check_tokens(set.vocab_size_, set.eot_id_);
        split->begins_.push_back(tokens);
        tokens += shard.token_count();
      }
      const int64_t said = get_int(counts, cat(name, "_tokens").c_str());
      require_input(said == tokens, "its manifest counts ", said, " ", name, " tokens, its shards hold ", tokens);
    }
  } catch (Error& e) {
    e.during("opening ", folder);
    throw;
  }
  return set;
}

TokenShardWriter::TokenShardWriter(const fs::path& bin, int token_bytes)
    : bin_(bin), idx_(index_path(bin)), width_(token_bytes) {
  require(token_bytes == 2 || token_bytes == 4, "tokens of ", token_bytes, " bytes; wanted 2 or 4");
  bin_.write(std::string(static_cast<size_t>(kHeaderBytes), '\0'));
}

void TokenShardWriter::begin(int64_t number, int64_t tokens) {
  require_input(count_ + tokens <= kMaxShardTokens, "document ", number, " of ", tokens, " tokens does not fit: a shard holds ",
                kMaxShardTokens, " tokens and has ", count_);
  starts_.push_back(count_);
  numbers_.push_back(number);
  count_ += tokens;
}

void TokenShardWriter::add(int64_t number, std::span<const int32_t> tokens) {
  LOAM_ASSERT(!tokens.empty());
  begin(number, static_cast<int64_t>(tokens.size()));
  if (width_ == 4) {
    bin_.write(tokens.data(), static_cast<int64_t>(tokens.size_bytes()));
    return;
  }
  std::vector<uint16_t> narrow(tokens.size());
  std::transform(tokens.begin(), tokens.end(), narrow.begin(), [](int32_t t) { return static_cast<uint16_t>(t); });
  bin_.write(narrow.data(), static_cast<int64_t>(narrow.size() * 2));
}

void TokenShardWriter::add_raw(int64_t number, int32_t eot_id, std::span<const std::byte> tokens) {
  begin(number, 1 + static_cast<int64_t>(tokens.size()) / width_);
  bin_.write(&eot_id, width_);  // little-endian: the low bytes come first
  bin_.write(tokens.data(), static_cast<int64_t>(tokens.size()));
}

void TokenShardWriter::commit() {
  const int32_t header[3] = {width_ == 2 ? kMagic16 : kMagic32, width_ == 2 ? kVersion16 : kVersion32, static_cast<int32_t>(count_)};
  bin_.write_at(0, header, sizeof header);
  idx_.write(starts_.data(), static_cast<int64_t>(starts_.size() * 8));
  idx_.write(numbers_.data(), static_cast<int64_t>(numbers_.size() * 8));
  idx_.commit();
  bin_.commit();
}

}  // namespace loam
