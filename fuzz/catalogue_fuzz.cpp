// gettext catalogues, dictionaries, dates, manual pages, Info files and POD of any bytes: Error{input} or records.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/formats/dates.h"
#include "loam/formats/dictd.h"
#include "loam/formats/gettext.h"
#include "loam/formats/info.h"
#include "loam/formats/man.h"
#include "loam/formats/pod.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 7) {
      case 0: loam::read_mo(text); break;
      case 1: loam::read_po(text); break;
      case 2: {
        const size_t middle = text.size() / 2;
        loam::DictReader reader(loam::read_text(text.substr(middle)), loam::read_dict_index(text.substr(0, middle)), 1 << 12);
        loam::DictEntry entry;
        while (reader.next(entry)) {
        }
        break;
      }
      case 3: loam::iso_date(text); break;
      case 4: loam::man_text(text); break;
      case 5: loam::pod_text(text); break;
      default:
        loam::looks_like_info(text);
        loam::info_text(text);
        break;
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
