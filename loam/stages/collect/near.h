// Near-duplicates: signatures on disk, sorted bucket by bucket, and the clusters that follow from equal ones.
//
//   SignatureLog log(state / "near", "own");
//   log.add(number, signature); ... log.save();
//   const NearClusters clusters = find_clusters(state / "near", documents, progress);
//   if (clusters.first_of(number) != number) leave_out(number);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"

namespace loam {

/// Of a corpus that the new one is held against, in place of a document's number.
inline constexpr uint32_t kElsewhere = 0xFFFFFFFF;

/// Records of 8 values and a document's number, 68 bytes little-endian as datatrove's *.minhash.sig, a file for each of the
/// 14 buckets. Holds 64 KiB a bucket.
class SignatureLog {
 public:
  /// Begins at the files' beginning; what was there is overwritten, unless load() goes on behind it.
  SignatureLog(std::filesystem::path folder, std::string name);
  ~SignatureLog();
  SignatureLog(const SignatureLog&) = delete;
  SignatureLog& operator=(const SignatureLog&) = delete;

  void add(uint32_t document, const std::vector<uint64_t>& signature);
  int64_t save();               ///< flushes to the disk; how many records there are
  void load(int64_t records);   ///< goes on behind so many; throws Error{input} if there are fewer

 private:
  void flush(size_t bucket);
  std::vector<std::filesystem::path> files_;
  std::vector<int> descriptors_;
  std::vector<std::string> buffers_;
  std::vector<int64_t> written_;
  int64_t records_ = 0;
};

/// An array of 32-bit numbers: in memory up to 4 MiB, a mapped file above, which the system takes back when it needs the room.
class NumberTable {
 public:
  NumberTable(const std::filesystem::path& file, int64_t size);
  ~NumberTable();
  NumberTable(NumberTable&& other) noexcept;
  uint32_t& operator[](int64_t i) { return data_[i]; }
  uint32_t operator[](int64_t i) const { return data_[i]; }

 private:
  std::filesystem::path file_;
  uint32_t* data_ = nullptr;
  size_t bytes_ = 0;
};

/// The clusters of documents that share a bucket with one another, directly or through others.
class NearClusters {
 public:
  NearClusters(NumberTable parents, int64_t documents) : parents_(std::move(parents)), documents_(documents) {}
  /// The lowest number of the cluster, or kElsewhere if one of it is in the other corpora.
  uint32_t first_of(int64_t document) const;
  int64_t documents() const { return documents_; }

 private:
  NumberTable parents_;  // of document d at d + 1; at 0 stands what is elsewhere
  int64_t documents_;
};

/// Sorts the records of all logs below `folder` and joins what is equal. 8 MiB a thread, and the table: 4 bytes a document, in
/// a file beyond 4 MiB. The result does not depend on threads. What is done of it stays when it is stopped or killed.
NearClusters find_clusters(const std::filesystem::path& folder, int64_t documents, Progress& progress);

/// Appends the signatures of a finished corpus to the log, as kElsewhere.
void add_elsewhere(SignatureLog& log, const Artifact& corpus, Progress& progress);

}  // namespace loam
