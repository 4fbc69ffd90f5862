// Which loam this is: written into every manifest and printed by --version.
#pragma once

namespace loam {

const char* version();  ///< "0.1.0"
const char* commit();   ///< 12 hex digits of the source's commit, "unknown" outside a checkout

}  // namespace loam
