#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

iree_status_t file_read(const char* path, unsigned char** out_bytes, size_t* out_size) {
  *out_bytes = NULL;
  *out_size = 0;
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    return iree_make_status(IREE_STATUS_NOT_FOUND, "%s cannot be opened (%s): check the path", path, strerror(errno));
  }
  size_t capacity = 1 << 16, size = 0;
  unsigned char* bytes = malloc(capacity);
  while (bytes != NULL) {
    size += fread(bytes + size, 1, capacity - size, file);
    if (size < capacity) break;
    unsigned char* larger = realloc(bytes, capacity *= 2);
    if (larger == NULL) free(bytes);
    bytes = larger;
  }
  const bool broken = ferror(file) != 0;
  fclose(file);
  if (bytes == NULL) {
    return iree_make_status(IREE_STATUS_RESOURCE_EXHAUSTED, "%s does not fit into memory: close other programs", path);
  }
  if (broken) {
    free(bytes);
    return iree_make_status(IREE_STATUS_DATA_LOSS, "%s cannot be read: is it a folder, or the disk broken?", path);
  }
  bytes[size] = 0;
  *out_bytes = bytes;
  *out_size = size;
  return iree_ok_status();
}

// What numpy writes in front of little-endian float32 numbers in C order: the magic "\x93NUMPY", the version 1.0, the
// length of the header as u16, and a Python dict.
iree_status_t npy_numbers(iree_const_byte_span_t bytes, size_t count, const float** out_numbers) {
  *out_numbers = NULL;
  const unsigned char* data = bytes.data;
  const size_t header = 10 + (bytes.data_length > 10 ? data[8] + 256u * data[9] : 0);
  if (bytes.data_length < 10 || memcmp(data, "\x93NUMPY\x01", 7) != 0 || bytes.data_length < header ||
      header % sizeof(float) != 0) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "not a .npy file: compile the artifact again");
  }
  char dict[256];
  snprintf(dict, sizeof(dict), "%.*s", (int)(header - 10), (const char*)data + 10);
  if (strstr(dict, "'<f4'") == NULL || strstr(dict, "'fortran_order': False") == NULL ||
      bytes.data_length - header != count * sizeof(float)) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "the .npy file is not %zu float32 numbers in C order, as the manifest has it: compile the "
                            "artifact again, or copy it whole", count);
  }
  *out_numbers = (const float*)(const void*)(data + header);
  return iree_ok_status();
}
