// The few fields of manifest.json that a program needs to call the module beside it.
#ifndef RT3D_EMBED_MANIFEST_H_
#define RT3D_EMBED_MANIFEST_H_

#include "iree/runtime/api.h"

// A clip in, a score a class out: the one kind of module that this sample runs.
typedef struct manifest_t {
  char triple[64];          // LLVM's, such as "aarch64-none-linux-android29"
  char device[32];          // IREE's driver: "local-task", "vulkan"
  char entry[64];           // the function, without its module's name
  char compiler[32];        // the version of iree-compile, which must be the runtime's
  iree_hal_dim_t input[5];  // 1, channels, frames, height, width; float32
  iree_hal_dim_t classes;   // the output is 1, classes; float32
  double tolerance;         // the largest absolute error on the golden data
} manifest_t;

// Reads the JSON text, which need not end with a zero byte. INVALID_ARGUMENT if it is no manifest, or of a module with
// other inputs and outputs than these.
iree_status_t manifest_parse(iree_string_view_t text, manifest_t* out_manifest);

// The numbers in a clip: the product of `input`.
size_t manifest_clip_size(const manifest_t* manifest);

#endif  // RT3D_EMBED_MANIFEST_H_
