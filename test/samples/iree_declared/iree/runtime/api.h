// What stands in for IREE's header of this name where there is none.
#ifndef IREE_DECLARED_RUNTIME_API_H_
#define IREE_DECLARED_RUNTIME_API_H_

#include "types.h"

#include "functions.h"

#endif  // IREE_DECLARED_RUNTIME_API_H_
