// The one exception type: what stops the work, with the context that callers add as it passes.
//
//   require(batch > 0, "pretrain.batch = ", batch, " must be at least 1");
//   fail(ErrorKind::input, "magic is ", magic, ", not ", kShardMagic);
//   try { ... } catch (Error& e) { e.during("opening token shard ", file); throw; }
#pragma once

#include <exception>
#include <filesystem>
#include <sstream>
#include <string>

namespace loam {

/// Why the work stopped; each kind has one exit code (docs/errors.md, contract section 1).
enum class ErrorKind { usage, input, io, resource, device, internal, interrupted };

/// The process exit code for a kind: usage 2, input 3, io 4, resource 5, device 6, internal 70, interrupted 130.
int exit_code(ErrorKind kind);
const char* kind_name(ErrorKind kind);

/// All arguments written one after the other with operator<<; paths without quotes.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  auto put = [&out](const auto& part) {
    if constexpr (std::is_same_v<std::decay_t<decltype(part)>, std::filesystem::path>) {
      out << part.string();
    } else {
      out << part;
    }
  };
  (put(parts), ...);
  return out.str();
}

/// what() is "<during, outermost first>: <message>".
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), text_(std::move(message)) {}
  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return text_.c_str(); }

  /// Adds what the caller was doing, before the message so far.
  template <class... Parts>
  void during(const Parts&... parts) {
    text_ = cat(parts..., ": ", text_);
  }

 private:
  ErrorKind kind_;
  std::string text_;
};

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, cat(parts...));
}

/// Throws Error{usage} unless `ok`. For settings; files use the overload with a kind.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) fail(ErrorKind::usage, parts...);
}

/// Throws Error{input} unless `ok`.
template <class... Parts>
void require_input(bool ok, const Parts&... parts) {
  if (!ok) fail(ErrorKind::input, parts...);
}

/// Throws Error{internal} naming the place; used by LOAM_ASSERT.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace loam

/// Checks what only our own code can get wrong, in dev and sanitizer builds.
#ifdef LOAM_ASSERTS
#define LOAM_ASSERT(condition) ((condition) ? void(0) : ::loam::assertion_failed(#condition, __FILE__, __LINE__))
#else
#define LOAM_ASSERT(condition) void(0)
#endif
