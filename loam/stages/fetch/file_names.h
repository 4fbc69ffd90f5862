// Names of files from addresses: what others chose is made safe to write below a folder.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// One component: percent escapes undone; '/', '\', control characters, bytes that are not UTF-8 and a leading '.' become
/// '_'; at most 180 bytes, the ending kept; never "", ".", "..", nor a name the artifact uses itself (manifest.json, *.tmp).
std::string safe_name(std::string_view name);
/// A path with '/': each component made safe, empty ones left out.
std::string safe_path(std::string_view path);
/// The last component of an address's path, made safe; the host where there is none.
std::string name_of_address(std::string_view url);

/// The address's bytes that may stand in a request line: what is not ASCII, space or control is percent-escaped, a fragment
/// is left out. "" if it is neither http:// nor https:// with a host.
std::string tidy_address(std::string_view url);
/// "https://host:port" in lower case; "" if it is no such address.
std::string origin_of(std::string_view url);
/// Path and query, at least "/".
std::string path_of(std::string_view url);
/// Bytes that may stand in a query's value as they are; the others escaped.
std::string escaped(std::string_view text, bool keep_slashes = false);

}  // namespace loam
