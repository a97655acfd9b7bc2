// Reading whole files, and the numbers of the .npy files in an artifact's golden/.
#ifndef RT3D_EMBED_FILES_H_
#define RT3D_EMBED_FILES_H_

#include "iree/runtime/api.h"

// Reads a file into memory that the caller frees, even if it is empty. A zero byte follows, not counted in `out_size`.
iree_status_t file_read(const char* path, unsigned char** out_bytes, size_t* out_size);

// The `count` float32 numbers of a .npy file's bytes, as they lie there: a pointer into `bytes`, aligned for floats if
// `bytes` is.
iree_status_t npy_numbers(iree_const_byte_span_t bytes, size_t count, const float** out_numbers);

#endif  // RT3D_EMBED_FILES_H_
