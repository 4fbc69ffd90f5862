// Dates as pages and mails write them, in one form.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// ISO 8601: "2006-01-02", or "2006-01-02T15:04:05+01:00" (Z for UTC; no zone if none was given) where a time is told.
/// Understood: ISO 8601 itself (also 2006/01/02 and 20060102), RFC 5322 ("Mon, 2 Jan 2006 15:04:05 +0100"), and English
/// dates ("2 January 2006", "January 2, 2006"). "" for everything else, and for days that no calendar has.
std::string iso_date(std::string_view text);

}  // namespace loam
