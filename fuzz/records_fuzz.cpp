// A source file of any bytes and any name, archives included, through the reader and the extractor: records, never more.
// rooms: collect
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "loam/formats/utf8.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static constexpr const char* kNames[] = {"a.txt", "a", "a.html", "a.json", "a.jsonl", "a.csv", "a.eml", "a.mbox", "a.mo", "a.po", "a.dict", "a.pod", "a.md", "a.tar.gz", "a.zip", "a.1", "a.epub", "a.xml"};
  static const std::string file = "/tmp/loam_records_fuzz_" + std::to_string(getpid());
  {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(data) + 1, static_cast<std::streamsize>(size - 1));
  }
  loam::ReaderConfig config;
  config.max_document_bytes = 1 << 14;
  loam::RecordReader reader(file, kNames[data[0] % std::size(kNames)], data[0] >= 128, config);
  loam::RawRecord record;
  int64_t last = 0;
  while (reader.next(record)) {
    if (record.number != ++last) std::abort();
    const loam::Extracted made = loam::extract_record(record, {});
    if (!loam::valid_utf8(made.document.text)) std::abort();
    if (made.reason.empty() && made.document.text.empty()) std::abort();
    for (const char* preset : {"clean", "gopher", "c4", "fineweb/code", "refinedweb"}) {
      std::string text = loam::tidied(made.document.text);
      loam::judge(text, loam::preset_named(preset));
      if (!loam::valid_utf8(text)) std::abort();
    }
    loam::document_row(made.document);
  }
  return 0;
}
