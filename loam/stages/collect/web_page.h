// What a web archive's record is: a page or text to read, or a reason not to.
#pragma once

#include <string>

#include "loam/formats/warc.h"
#include "loam/stages/collect/reader.h"

namespace loam {

/// Fills the record from the archive's, HTTP head taken off; `charset` is what that says. False if there is no page to
/// read: then the record has its reason ("revisit", "malformed", "http_status", "content_type").
bool take_web_page(RawRecord& record, WarcRecord& page, std::string& charset);

}  // namespace loam
