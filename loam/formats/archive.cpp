#include "loam/formats/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/ahead.h"
#include "loam/formats/bzip2.h"
#include "loam/formats/encoding.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/utf8.h"
#include "loam/formats/zstd.h"

namespace loam {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr size_t kMemberBlock = 128 << 10;
constexpr int kDeepestArchive = 3;  // archives in archives
constexpr int kMostLevels = 6;      // packing counted too: a file may unpack to itself

bool starts_packed(std::string_view head) {
  return head.starts_with("\x1f\x8b"sv) || head.starts_with("BZh"sv) || head.starts_with("\xfd" "7zXZ\0"sv) || begins_as_zstd(head) ||
         head.starts_with("\x04\x22\x4d\x18"sv) || head.starts_with("\x5d\0\0\x80\0"sv) || head.starts_with("\x5d\0\0\0\x04"sv);
}

bool starts_archive(std::string_view head) {
  if (head.starts_with("PK\x03\x04"sv) || head.starts_with("PK\x05\x06"sv) || head.starts_with("070701"sv)) return true;
  if (head.size() < 512) return false;
  if (head.substr(257, 5) == "ustar"sv) return true;
  // A tar of the oldest form has no mark, but its header's checksum: eight octal digits at 148, counted as spaces.
  int64_t sum = 0, said = 0;
  for (size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(head[i]);
  bool digits = false;
  for (const char c : head.substr(148, 8)) {
    if (c >= '0' && c <= '7') {
      said = said * 8 + c - '0';
      digits = true;
    }
  }
  return digits && said == sum && head[0] != '\0';
}

}  // namespace

/// One layer of packing: a file, or a member of the layer outside.
struct MemberReader::Level {
  Level() = default;
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() {
    inner.reset();  // it may be reading this one ahead
    if (handle != nullptr) archive_read_free(handle);
    if (descriptor >= 0) ::close(descriptor);
  }

  std::string name;                // for messages
  int level = 0, depth = 0;        // from the file inwards; archives around it
  int descriptor = -1;             // of a file: can seek, which zip likes
  ReadBytes outside;               // of a member, else
  std::string head, block;
  size_t head_at = 0;
  ::archive* handle = nullptr;
  const void* unpacked = nullptr;  // of the library's block
  size_t unpacked_bytes = 0;
  ReadBytes own;                   // unpacked by a reader of ours; neither: plain bytes
  std::function<bool()> own_goes_on;
  SpareWork* spare = nullptr;
  bool is_archive = false, started = false, ended = false;
  std::string member;
  std::unique_ptr<Level> inner;    // the member, where it is packed itself

  [[noreturn]] void stop() const {
    const char* why = archive_error_string(handle);
    fail(ErrorKind::input, name, member.empty() ? "" : "/", member, ": ", why != nullptr ? why : "damaged or cut off");
  }

  /// Bytes of this layer as they are stored, those of the head first.
  int64_t stored(char* into, int64_t limit) {
    if (head_at < head.size()) {
      const size_t n = std::min(head.size() - head_at, static_cast<size_t>(limit));
      std::memcpy(into, head.data() + head_at, n);
      head_at += n;
      return static_cast<int64_t>(n);
    }
    if (descriptor < 0) return outside(into, limit);
    for (;;) {
      const ssize_t n = ::read(descriptor, into, static_cast<size_t>(limit));
      if (n >= 0) return n;
      if (errno != EINTR) fail(ErrorKind::input, "cannot read ", name, ": ", std::strerror(errno));
    }
  }

  static la_ssize_t on_read(::archive* a, void* self, const void** out) {
    auto& level = *static_cast<Level*>(self);
    *out = level.block.data();
    try {
      return level.stored(level.block.data(), static_cast<int64_t>(level.block.size()));
    } catch (const std::exception& e) {  // C in between: told through its own channel
      archive_set_error(a, EIO, "%s", e.what());
      return -1;
    }
  }

  static la_int64_t on_skip(::archive*, void* self, la_int64_t request) {
    auto& level = *static_cast<Level*>(self);
    if (level.descriptor < 0 || level.head_at < level.head.size()) return 0;
    const off_t before = ::lseek(level.descriptor, 0, SEEK_CUR);
    const off_t after = before < 0 ? before : ::lseek(level.descriptor, request, SEEK_CUR);
    return after < 0 ? 0 : after - before;
  }

  static la_int64_t on_seek(::archive*, void* self, la_int64_t offset, int whence) {
    auto& level = *static_cast<Level*>(self);
    level.head_at = level.head.size();  // the head is the file's beginning: read it again from there
    const off_t at = ::lseek(level.descriptor, offset, whence);
    return at < 0 ? ARCHIVE_FATAL : at;
  }

  template <class Reader>
  void unpack_with(std::shared_ptr<Reader> in) {
    own = [in](char* into, int64_t limit) { return in->read(into, limit); };
    own_goes_on = [in] { return in->go_on(); };
  }

  bool behind_damage() {
    if (!own || is_archive || (inner && (inner->own || inner->handle != nullptr))) return false;
    if (!own_goes_on()) return false;
    if (!inner || !inner->started) {  // nothing of it was had yet
      inner.reset();
      started = ended = false;
    }
    return true;
  }

  /// Looks at the first bytes and sets up what they ask for.
  void open() {
    head.resize(512);
    size_t have = 0;
    while (have < head.size()) {
      const int64_t n = descriptor >= 0 ? ::read(descriptor, head.data() + have, head.size() - have)
                                        : outside(head.data() + have, static_cast<int64_t>(head.size() - have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(ErrorKind::input, "cannot read ", name, ": ", std::strerror(errno));
      if (n == 0) break;
      have += static_cast<size_t>(n);
    }
    head.resize(have);
    is_archive = starts_archive(head);
    if (!is_archive && !starts_packed(head)) return;
    const ReadBytes packed = [this](char* into, int64_t limit) { return stored(into, limit); };
    if (begins_as_bzip2(head)) {
      unpack_with(std::make_shared<Bzip2Reader>(packed, spare));
    } else if (begins_as_gzip(head)) {
      unpack_with(std::make_shared<GzipMembers>(packed, spare, GzipDamage::thrown));
    } else if (begins_as_zstd(head)) {
      unpack_with(std::make_shared<ZstdReader>(packed, spare));
    }
    if (own) return;
    handle = archive_read_new();
    block.resize(kMemberBlock);
    // Only what the library unpacks itself: some of its filters start programs.
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_bzip2(handle);
    archive_read_support_filter_xz(handle);
    archive_read_support_filter_lzma(handle);
    archive_read_support_filter_zstd(handle);
    archive_read_support_filter_lz4(handle);
    archive_read_support_format_tar(handle);
    archive_read_support_format_cpio(handle);
    if (is_archive) {
      archive_read_support_format_zip(handle);
    } else {
      archive_read_support_format_raw(handle);
      archive_read_support_format_empty(handle);  // what unpacks to nothing
    }
    archive_read_set_read_callback(handle, on_read);
    archive_read_set_skip_callback(handle, on_skip);
    if (descriptor >= 0 && head.starts_with("PK")) archive_read_set_seek_callback(handle, on_seek);
    archive_read_set_callback_data(handle, this);
    if (archive_read_open1(handle) < ARCHIVE_WARN) stop();
  }

  bool next() {
    if (inner) {
      if (inner->next()) return true;
      inner.reset();
    }
    if (ended) return false;
    if (handle == nullptr) {
      ended = started;
      started = true;
      return !ended && (!own || open_inside());
    }
    for (;;) {
      archive_entry* entry = nullptr;
      member.clear();
      const int code = archive_read_next_header(handle, &entry);
      if (code == ARCHIVE_EOF) {
        ended = true;
        // A packed file of nothing is still a file.
        const bool empty = !started && !is_archive;
        started = true;
        return empty;
      }
      if (code < ARCHIVE_WARN) {
        ended = true;
        stop();
      }
      if (archive_format(handle) != ARCHIVE_FORMAT_RAW) {
        is_archive = true;
        started = true;
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        const char* path = archive_entry_pathname(entry);
        member = path == nullptr ? "" : decode_text(path).text;
        while (member.starts_with("./")) member.erase(0, 2);
      } else {
        started = true;
      }
      if (open_inside()) return true;
    }
  }

  /// The member may be packed itself. False if it is an archive of nothing.
  bool open_inside() {
    const int deeper = depth + (is_archive ? 1 : 0);
    if (deeper >= kDeepestArchive || level + 1 >= kMostLevels) return true;
    inner = std::make_unique<Level>();
    inner->name = name + (member.empty() ? "" : "/") + member;
    inner->depth = deeper;
    inner->level = level + 1;
    inner->spare = spare;
    inner->outside = read_ahead([this](char* into, int64_t limit) { return data(into, limit); }, level == 0 && !is_archive ? spare : nullptr);
    inner->open();
    if (inner->next()) return true;
    inner.reset();
    return false;
  }

  int64_t data(char* into, int64_t limit) {
    if (own) {
      try {
        return own(into, limit);
      } catch (Error& e) {
        if (e.kind() == ErrorKind::input) e.during("unpacking ", name);
        throw;
      }
    }
    if (is_archive) {
      const la_ssize_t n = archive_read_data(handle, into, static_cast<size_t>(limit));
      if (n < 0) stop();
      return n;
    }
    // By the library's own blocks: the other call drops what it has when it meets damage, which depends on the limit.
    while (unpacked_bytes == 0) {
      la_int64_t place = 0;
      const int code = archive_read_data_block(handle, &unpacked, &unpacked_bytes, &place);
      if (code == ARCHIVE_EOF) return 0;
      if (code < ARCHIVE_WARN) stop();
    }
    const size_t n = std::min(unpacked_bytes, static_cast<size_t>(limit));
    std::memcpy(into, unpacked, n);
    unpacked = static_cast<const char*>(unpacked) + n;
    unpacked_bytes -= n;
    return static_cast<int64_t>(n);
  }

  int64_t read(char* into, int64_t limit) {
    if (inner) return inner->read(into, limit);
    if (handle == nullptr && !own) return stored(into, limit);
    return ended ? 0 : data(into, limit);
  }

  bool any_archive() const { return is_archive || (inner && inner->any_archive()); }
  std::string whole_path() const {
    const std::string below = inner ? inner->whole_path() : "";
    return member.empty() ? below : below.empty() ? member : member + "/" + below;
  }
};

MemberReader::MemberReader(const fs::path& file, SpareWork* spare) : level_(std::make_unique<Level>()) {
  std::error_code ignored;
  require_input(!fs::is_directory(file, ignored), file, " is a folder, not a file");
  level_->name = file.string();
  level_->spare = spare;
  level_->descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (level_->descriptor < 0) fail(ErrorKind::input, "cannot read ", file, ": ", std::strerror(errno));
  level_->open();
}

MemberReader::~MemberReader() = default;
MemberReader::MemberReader(MemberReader&&) noexcept = default;
MemberReader& MemberReader::operator=(MemberReader&&) noexcept = default;

bool MemberReader::next() {
  if (!level_->next()) return false;
  path_ = level_->whole_path();
  return true;
}

bool MemberReader::behind_damage() { return level_->behind_damage(); }
const std::string& MemberReader::path() const { return path_; }
bool MemberReader::archive() const { return level_->any_archive(); }

ReadBytes MemberReader::bytes() {
  Level* level = level_.get();
  return [level](char* into, int64_t limit) { return level->read(into, limit); };
}

std::string without_packing(std::string_view name) {
  for (const std::string_view ending : {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".dz"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) return std::string(name.substr(0, name.size() - ending.size()));
  }
  return std::string(name);
}

}  // namespace loam
