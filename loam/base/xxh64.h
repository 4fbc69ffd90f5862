// XXH64, where other programs' files hold it. For tables and splits of our own there is hash64().
#pragma once

#include <cstdint>
#include <string_view>

namespace loam {

/// Of bytes. Source: Collet, github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
uint64_t xxh64(std::string_view bytes, uint64_t seed = 0);

}  // namespace loam
