// A reader of just enough JSON: it walks to a member of an object or an element of an array, and passes over the rest
// by counting brackets. That is a hundred lines with no parser to vendor and no generated header: one program runs any
// artifact, and the static form reads the same text from memory.
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NUMBERS ((size_t)1 << 28)  // of a clip, 1 GiB; guards the products of dimensions against overflow

// The text of one value; `data` is NULL where there is none. What follows it is always a comma or a bracket.
typedef iree_string_view_t json_t;

static const json_t none = {NULL, 0};

static const char* skip_space(const char* at, const char* end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

// Behind the closing quote of the string that begins at `at`, or `end`.
static const char* skip_string(const char* at, const char* end) {
  for (++at; at < end; ++at) {
    if (*at == '"') return at + 1;
    if (*at == '\\' && at + 1 < end) ++at;
  }
  return end;
}

// The comma or bracket that ends the value at `at`, or `end`.
static const char* skip_value(const char* at, const char* end) {
  size_t depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = skip_string(at, end);
      continue;
    }
    if (depth == 0 && (*at == ',' || *at == ']' || *at == '}')) return at;
    if (*at == '[' || *at == '{') ++depth;
    if (*at == ']' || *at == '}') --depth;
    ++at;
  }
  return end;
}

static json_t value_at(const char* at, const char* end) {
  at = skip_space(at, end);
  const char* stop = skip_value(at, end);
  if (stop == end) return none;
  while (stop > at && skip_space(stop - 1, stop) == stop) --stop;
  return (json_t){at, (iree_host_size_t)(stop - at)};
}

// The member of an object, by its name as the file spells it.
static json_t member(json_t object, const char* name) {
  if (object.size < 2 || *object.data != '{') return none;
  const char* end = object.data + object.size;
  const size_t length = strlen(name);
  for (const char* at = skip_space(object.data + 1, end); at < end && *at == '"';) {
    const char* behind = skip_string(at, end);
    const bool found = (size_t)(behind - at) == length + 2 && memcmp(at + 1, name, length) == 0;
    at = skip_space(behind, end);
    if (at == end || *at != ':') return none;
    if (found) return value_at(at + 1, end);
    at = skip_value(at + 1, end);
    if (at < end && *at == ',') at = skip_space(at + 1, end);
  }
  return none;
}

// An element of an array.
static json_t element(json_t array, size_t index) {
  if (array.size < 2 || *array.data != '[') return none;
  const char* end = array.data + array.size;
  const char* at = skip_space(array.data + 1, end);
  if (at < end && *at == ']') return none;
  for (; index > 0; --index) {
    at = skip_value(at, end);
    if (at == end || *at != ',') return none;
    ++at;
  }
  return value_at(at, end);
}

static bool is_text(json_t value, const char* text) {
  const size_t length = strlen(text);
  return value.size == length + 2 && *value.data == '"' && memcmp(value.data + 1, text, length) == 0;
}

// False for what is no string, has an escape, or is too long.
static bool read_text(json_t value, char* target, size_t capacity) {
  if (value.size < 2 || *value.data != '"' || value.size - 2 >= capacity) return false;
  if (memchr(value.data, '\\', value.size) != NULL) return false;
  memcpy(target, value.data + 1, value.size - 2);
  target[value.size - 2] = 0;
  return true;
}

static bool read_number(json_t value, double* target) {
  if (value.size == 0) return false;
  char* stop = NULL;
  *target = strtod(value.data, &stop);
  return stop == value.data + value.size;
}

// The shape of the only entry of `list`, which must be float32 of this rank for a batch of one.
static bool read_shape(json_t list, size_t rank, iree_hal_dim_t* shape) {
  const json_t tensor = element(list, 0), dims = member(tensor, "shape");
  if (element(list, 1).data != NULL || !is_text(member(tensor, "dtype"), "float32")) return false;
  if (element(dims, rank).data != NULL) return false;
  size_t numbers = 1;
  for (size_t i = 0; i < rank; ++i) {
    double dim = 0;
    if (!read_number(element(dims, i), &dim) || !(dim >= 1 && dim <= (double)(MAX_NUMBERS / numbers))) return false;
    shape[i] = (iree_hal_dim_t)dim;
    if ((double)shape[i] != dim) return false;
    numbers *= (size_t)dim;
  }
  return shape[0] == 1;
}

iree_status_t manifest_parse(iree_string_view_t text, manifest_t* out_manifest) {
  *out_manifest = (manifest_t){.device = ""};
  const char* end = text.data + text.size;
  const json_t root = {skip_space(text.data, end), (iree_host_size_t)(end - skip_space(text.data, end))};
  if (!is_text(member(root, "format"), "rt3d-artifact")) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "this is no manifest of rt3d-mlir-compile: give the folder that it wrote");
  }
  double version = 0;
  if (!read_number(member(root, "version"), &version) || version != 1) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "the manifest has version %g, this program reads version 1: compile again", version);
  }
  iree_hal_dim_t output[2] = {0, 0};
  if (!read_shape(member(root, "inputs"), 5, out_manifest->input) || !read_shape(member(root, "outputs"), 2, output)) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "the manifest's module does not take one float32 clip of 1 x channels x frames x height x "
                            "width and answer 1 x classes float32 scores: this program runs classifiers of one clip");
  }
  out_manifest->classes = output[1];
  if (!read_text(member(root, "triple"), out_manifest->triple, sizeof(out_manifest->triple)) ||
      !read_text(member(root, "device"), out_manifest->device, sizeof(out_manifest->device)) ||
      !read_text(member(root, "entry"), out_manifest->entry, sizeof(out_manifest->entry)) ||
      !read_text(member(member(root, "tools"), "iree_compiler"), out_manifest->compiler,
                 sizeof(out_manifest->compiler)) ||
      !read_number(member(root, "tolerance"), &out_manifest->tolerance)) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "the manifest lacks triple, device, entry, tolerance or tools.iree_compiler: compile "
                            "again");
  }
  return iree_ok_status();
}

size_t manifest_clip_size(const manifest_t* manifest) {
  size_t numbers = 1;
  for (size_t i = 0; i < 5; ++i) numbers *= (size_t)manifest->input[i];
  return numbers;
}
