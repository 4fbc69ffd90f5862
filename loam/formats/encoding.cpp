#include "loam/formats/encoding.h"

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

#include <algorithm>
#include <memory>

#include "loam/base/error.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr size_t kSampleBytes = 64 << 10;  // what the detector is shown

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '"' || c == '\'') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return out;
}

/// The web's meaning of a charset's name (WHATWG Encoding Standard, section 4.2): the larger set that pages mean.
std::string web_name(std::string_view declared) {
  std::string name = lower(declared);
  for (const auto& [label, meant] : {std::pair<const char*, const char*>{"utf8", "utf-8"}, {"unicode-1-1-utf-8", "utf-8"}, {"x-unknown", ""}, {"unknown-8bit", ""},
                                     {"8bit", ""}, {"default", ""}, {"default_charset", ""}, {"binary", ""}, {"ascii", "windows-1252"}, {"us-ascii", "windows-1252"},
                                     {"ansi_x3.4-1968", "windows-1252"}, {"iso-8859-1", "windows-1252"}, {"iso8859-1", "windows-1252"}, {"iso_8859-1", "windows-1252"},
                                     {"latin1", "windows-1252"}, {"latin-1", "windows-1252"}, {"cp1252", "windows-1252"}, {"iso-8859-9", "windows-1254"},
                                     {"latin5", "windows-1254"}, {"iso-8859-11", "windows-874"}, {"tis-620", "windows-874"}, {"gb2312", "gb18030"}, {"gbk", "gb18030"},
                                     {"gb_2312-80", "gb18030"}, {"chinese", "gb18030"}, {"x-gbk", "gb18030"}, {"shift_jis", "windows-31j"}, {"shift-jis", "windows-31j"},
                                     {"sjis", "windows-31j"}, {"x-sjis", "windows-31j"}, {"ks_c_5601-1987", "windows-949"}, {"euc-kr", "windows-949"}, {"korean", "windows-949"},
                                     {"big5", "big5-hkscs"}, {"x-x-big5", "big5-hkscs"}, {"utf-16", "utf-16le"}, {"unicode", "utf-16le"}, {"ucs-2", "utf-16le"},
                                     {"x-mac-roman", "macintosh"}, {"x-user-defined", "windows-1252"}}) {
    if (name == label) return meant;
  }
  return name;
}

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter open_converter(const std::string& name) {
  if (name.empty()) return nullptr;
  UErrorCode code = U_ZERO_ERROR;
  Converter out(ucnv_open(name.c_str(), &code));
  if (U_FAILURE(code)) return nullptr;
  return out;
}

/// Piece by piece through a small pivot, so that no second copy of the text is held.
std::string convert(std::string_view bytes, UConverter* from) {
  Converter to = open_converter("utf-8");
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 2);
  char buffer[1 << 14];
  UChar pivot[1 << 12];
  UChar *pivot_source = pivot, *pivot_target = pivot;
  const char *source = bytes.data(), *end = bytes.data() + bytes.size();
  for (bool reset = true;; reset = false) {
    UErrorCode code = U_ZERO_ERROR;
    char* target = buffer;
    ucnv_convertEx(to.get(), from, &target, buffer + sizeof buffer, &source, end, pivot, &pivot_source, &pivot_target, pivot + std::size(pivot), reset, true, &code);
    out.append(buffer, static_cast<size_t>(target - buffer));
    if (code == U_BUFFER_OVERFLOW_ERROR) continue;
    if (U_FAILURE(code)) fail(ErrorKind::internal, "converting from ", ucnv_getName(from, &code), ": ", u_errorName(code));
    return out;
  }
}

int64_t count_replacements(std::string_view text) {
  int64_t count = 0;
  for (size_t at = text.find("\uFFFD"); at != std::string_view::npos; at = text.find("\uFFFD", at + 3)) ++count;
  return count;
}

Decoded convert_from(std::string_view bytes, const std::string& name, UConverter* from) {
  Decoded out;
  out.text = convert(bytes, from);
  out.charset = name;
  out.repairs = count_replacements(out.text);
  if (out.text.starts_with("\uFEFF")) out.text.erase(0, 3);
  return out;
}

/// Sequences of several bytes that are valid UTF-8, and places that are not.
void count_sequences(std::string_view bytes, int64_t& valid, int64_t& broken) {
  valid = broken = 0;
  for (size_t at = 0; at < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const size_t from = at;
    const char32_t c = next_code_point(bytes, at);
    ++(c == 0xFFFD && bytes.substr(from, 3) != "\uFFFD" ? broken : valid);
  }
}

/// UTF-8 with errors. A line that has nothing but errors was written in another encoding and pasted in.
Decoded repair_lines(std::string_view bytes) {
  Decoded out;
  out.charset = "utf-8";
  const Converter western = open_converter("windows-1252");
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size() - 1) + 1;
    const std::string_view line = bytes.substr(at, end - at);
    at = end;
    int64_t valid = 0, broken = 0;
    if (!valid_utf8(line)) count_sequences(line, valid, broken);
    if (broken == 0) {
      out.text += line;
    } else if (valid == 0 && line.size() < kSampleBytes) {
      ucnv_reset(western.get());
      out.text += convert(line, western.get());
      out.repairs += broken;
    } else {
      out.text += repaired_utf8(line);
      out.repairs += broken;
    }
  }
  return out;
}

/// UTF-16 without a mark: in text of the Latin alphabet every other byte is zero.
std::string zero_pattern(std::string_view bytes) {
  bytes = bytes.substr(0, kSampleBytes);
  if (bytes.size() < 8) return "";
  int64_t zeros[2] = {0, 0};
  for (size_t i = 0; i < bytes.size(); ++i) zeros[i & 1] += bytes[i] == '\0';
  const auto half = static_cast<double>(bytes.size() / 2);
  if (static_cast<double>(zeros[1]) > 0.9 * half && static_cast<double>(zeros[0]) < 0.02 * half) return "utf-16le";
  if (static_cast<double>(zeros[0]) > 0.9 * half && static_cast<double>(zeros[1]) < 0.02 * half) return "utf-16be";
  return "";
}

/// What the detector says of the lines that are not ASCII.
std::string detect(std::string_view bytes) {
  std::string sample;
  for (size_t at = 0; at < bytes.size() && sample.size() < kSampleBytes;) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size() - 1) + 1;
    const std::string_view line = bytes.substr(at, std::min(end - at, kSampleBytes - sample.size()));
    if (std::any_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) sample += line;
    at = end;
  }
  UErrorCode code = U_ZERO_ERROR;
  const std::unique_ptr<UCharsetDetector, void (*)(UCharsetDetector*)> detector(ucsdet_open(&code), ucsdet_close);
  if (U_FAILURE(code)) return "windows-1252";
  ucsdet_setText(detector.get(), sample.data(), static_cast<int32_t>(sample.size()), &code);
  int32_t count = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &count, &code);
  if (U_FAILURE(code)) return "windows-1252";
  int32_t western = 0, best = 0;
  std::string best_name;
  for (int32_t i = 0; i < count; ++i) {
    const std::string name = lower(ucsdet_getName(matches[i], &code));
    const int32_t confidence = ucsdet_getConfidence(matches[i], &code);
    if (name.starts_with("utf-")) continue;
    if (name == "iso-8859-1" || name == "windows-1252") {
      western = std::max(western, confidence);
    } else if (confidence > best) {
      best = confidence;
      best_name = name;
    }
  }
  // Central European and Turkish guesses on Western text are the detector's commonest mistake.
  const bool neighbour = best_name == "iso-8859-2" || best_name == "windows-1250" || best_name == "iso-8859-9" || best_name == "windows-1254" || best_name.starts_with("ibm");
  return best >= 25 && best > western + (neighbour ? 15 : 5) ? best_name : "windows-1252";
}

bool escapes_in_ascii(std::string_view name) { return name.starts_with("iso-2022") || name.starts_with("hz") || name == "utf-7" || name == "unicode-1-1-utf-7"; }

}  // namespace

std::string charset_of_mark(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xEF\xBB\xBF"sv)) return "utf-8";
  if (bytes.starts_with("\xFF\xFE\0\0"sv)) return "utf-32le";
  if (bytes.starts_with("\0\0\xFE\xFF"sv)) return "utf-32be";
  if (bytes.starts_with("\xFF\xFE"sv)) return "utf-16le";
  if (bytes.starts_with("\xFE\xFF"sv)) return "utf-16be";
  return "";
}

bool known_charset(std::string_view name) {
  const std::string meant = web_name(name);
  return meant == "utf-8" || open_converter(meant) != nullptr;
}

Decoded decode_text(std::string_view bytes, std::string_view declared) {
  if (bytes.empty()) return {"", "utf-8", 0};  // which may stand nowhere, and that the library refuses
  if (const std::string mark = charset_of_mark(bytes); !mark.empty() && mark != "utf-8") {
    const Converter from = open_converter(mark);
    return convert_from(bytes, mark, from.get());
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  const std::string meant = web_name(declared);
  if (escapes_in_ascii(meant)) {
    if (const Converter from = open_converter(meant)) return convert_from(bytes, meant, from.get());
  }
  // Zero bytes are valid UTF-8, so the pattern comes first.
  if (const std::string wide = zero_pattern(bytes); !wide.empty()) {
    const Converter from = open_converter(wide);
    return convert_from(bytes, wide, from.get());
  }
  if (valid_utf8(bytes)) return {std::string(bytes), "utf-8", 0};
  int64_t valid = 0, broken = 0;
  count_sequences(bytes, valid, broken);
  if (meant == "utf-8" ? valid * 4 >= broken : valid >= 2 * broken) return repair_lines(bytes);
  if (!meant.empty() && meant != "utf-8" && !meant.starts_with("utf-16") && !meant.starts_with("utf-32")) {
    if (const Converter from = open_converter(meant)) return convert_from(bytes, meant, from.get());
  }
  if (valid > broken) return repair_lines(bytes);
  std::string name = web_name(detect(bytes));
  Converter from = open_converter(name);
  if (from == nullptr) from = open_converter(name = "windows-1252");
  return convert_from(bytes, name, from.get());
}

namespace {

/// What a conversion needs from call to call.
class Transcoder {
 public:
  Transcoder(ReadBytes source, const std::string& charset) : source_(std::move(source)), from_(open_converter(web_name(charset))), to_(open_converter("utf-8")), in_(size_t{64} << 10, '\0') {
    require_input(from_ != nullptr, "there is no charset ", charset);
  }

  int64_t read(char* into, int64_t limit) {
    while (!finished_) {
      if (at_ == end_ && !ended_) {
        const int64_t n = source_(in_.data(), static_cast<int64_t>(in_.size()));
        at_ = in_.data();
        end_ = at_ + n;
        ended_ = n == 0;
      }
      UErrorCode code = U_ZERO_ERROR;
      char* target = into;
      ucnv_convertEx(to_.get(), from_.get(), &target, into + limit, &at_, end_, pivot_, &pivot_source_, &pivot_target_, pivot_ + std::size(pivot_), reset_, ended_, &code);
      reset_ = false;
      if (code != U_BUFFER_OVERFLOW_ERROR) {
        require_input(U_SUCCESS(code), "converting to UTF-8: ", u_errorName(code));
        finished_ = ended_;
      }
      int64_t made = target - into;
      if (first_ && made > 0) {
        first_ = false;
        if (made >= 3 && std::string_view(into, 3) == "\uFEFF") {
          std::copy(into + 3, target, into);
          made -= 3;
        }
      }
      if (made > 0) return made;
    }
    return 0;
  }

 private:
  ReadBytes source_;
  Converter from_, to_;
  std::string in_;
  const char *at_ = nullptr, *end_ = nullptr;
  UChar pivot_[1 << 12];
  UChar *pivot_source_ = pivot_, *pivot_target_ = pivot_;
  bool reset_ = true, ended_ = false, finished_ = false, first_ = true;
};

}  // namespace

ReadBytes to_utf8_stream(ReadBytes source, const std::string& charset) {
  auto transcoder = std::make_shared<Transcoder>(std::move(source), charset);
  return [transcoder](char* into, int64_t limit) { return transcoder->read(into, limit); };
}

double control_share(std::string_view bytes) {
  if (bytes.empty()) return 0;
  int64_t count = 0;
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    count += (u < 0x20 && u != '\t' && u != '\n' && u != '\r' && u != '\f' && u != 0x1b && u != '\b') || u == 0x7f;
  }
  return static_cast<double>(count) / static_cast<double>(bytes.size());
}

std::string with_unix_lines(std::string text) {
  size_t from = text.find('\r');
  if (from == std::string::npos) return text;
  size_t to = from;
  for (; from < text.size(); ++from) {
    if (text[from] == '\r') {
      if (from + 1 < text.size() && text[from + 1] == '\n') continue;
      text[to++] = '\n';
    } else {
      text[to++] = text[from];
    }
  }
  text.resize(to);
  return text;
}

}  // namespace loam
