#include "iree/runtime/api.h"
