#include "loam/base/version.h"

namespace loam {

const char* version() { return LOAM_VERSION; }
const char* commit() { return LOAM_COMMIT; }

}  // namespace loam
