// What collect counts while it writes rows, and keeps when it is stopped.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/stages/collect/collect.h"

namespace loam {

/// Everything that is counted while rows are written.
struct Tally {
  std::vector<CollectCounts> sources;
  int64_t file = 0, record = 0;                // the next file; records of it that are written
  int64_t file_documents = 0, file_dropped = 0;
  std::vector<std::string> troubles;
  std::map<std::string, int64_t> formats;

  Json json() const {
    Json out = {{"formats", formats}, {"file", file}, {"record", record}, {"file_documents", file_documents}, {"file_dropped", file_dropped}, {"troubles", troubles}, {"sources", Json::array()}};
    for (const CollectCounts& source : sources) out["sources"].push_back(source.json());
    return out;
  }

  void read(const Json& saved) {
    file = get_int(saved, "file");
    record = get_int(saved, "record");
    file_documents = get_int(saved, "file_documents");
    file_dropped = get_int(saved, "file_dropped");
    troubles = saved.at("troubles").get<std::vector<std::string>>();
    formats = saved.at("formats").get<std::map<std::string, int64_t>>();
    for (size_t i = 0; i < sources.size(); ++i) {
      const Json& each = saved.at("sources").at(i);
      sources[i].files = get_int(each, "files");
      sources[i].documents = get_int(each, "documents");
      sources[i].bytes = get_int(each, "bytes");
      sources[i].characters = get_int(each, "characters");
      sources[i].dropped = each.at("reasons").get<std::map<std::string, int64_t>>();
      sources[i].dropped_bytes = each.value("reason_bytes", std::map<std::string, int64_t>());
      sources[i].language_bytes = each.value("language_bytes", std::map<std::string, int64_t>());
      sources[i].languages = each.value("languages", std::map<std::string, int64_t>());
      sources[i].repeated = get_int(each, "repeated", 0);
      sources[i].masked = each.value("masked", std::map<std::string, int64_t>());
    }
  }
};

}  // namespace loam
