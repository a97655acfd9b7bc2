// Runs an artifact on its golden input, or on a file of raw float32, and prints the five best classes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "files.h"
#include "print.h"

static iree_status_t read_in(const char* folder, const char* name, unsigned char** out_bytes, size_t* out_size) {
  char path[1024];
  if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path)) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "the path of %s is too long: move the artifact", name);
  }
  return file_read(path, out_bytes, out_size);
}

// A label a line; the last one may lack its end. `text` is cut up and belongs to the labels as long as they are used.
static iree_status_t split_lines(unsigned char* text, size_t size, size_t classes, char** labels) {
  size_t lines = 0;
  for (size_t begin = 0, end; begin < size; begin = end + 1, ++lines) {
    for (end = begin; end < size && text[end] != '\n';) ++end;
    text[end] = 0;  // there is one behind the last byte
    if (lines < classes) labels[lines] = (char*)text + begin;
  }
  if (lines == classes) return iree_ok_status();
  return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                          "labels.txt has %zu lines, the module %zu classes: write one label a line, in the order of "
                          "the classes", lines, classes);
}

static iree_status_t show(const char* folder, const float* scores, size_t classes) {
  unsigned char* text = NULL;
  size_t size = 0;
  iree_status_t status = read_in(folder, "labels.txt", &text, &size);
  if (iree_status_is_not_found(status)) {  // labels are up to the user
    iree_status_free(status);
    print_top5(scores, classes, NULL);
    return iree_ok_status();
  }
  char** labels = calloc(classes, sizeof(*labels));
  if (iree_status_is_ok(status) && labels == NULL) {
    status = iree_make_status(IREE_STATUS_RESOURCE_EXHAUSTED, "out of memory: close other programs");
  }
  if (iree_status_is_ok(status)) status = split_lines(text, size, classes, labels);
  if (iree_status_is_ok(status)) print_top5(scores, classes, labels);
  free(labels);
  free(text);
  return status;
}

static iree_status_t run_file(classifier_t* classifier, const char* folder, const char* path, float* scores) {
  const size_t classes = classifier_manifest(classifier)->classes;
  unsigned char* bytes = NULL;
  size_t size = 0;
  IREE_RETURN_IF_ERROR(file_read(path, &bytes, &size));
  // A number that is cut off counts, and makes the clip too long.
  const size_t clip_size = (size + sizeof(float) - 1) / sizeof(float);
  iree_status_t status = classifier_run(classifier, (const float*)(const void*)bytes, clip_size, scores, classes);
  free(bytes);
  return iree_status_is_ok(status) ? show(folder, scores, classes) : status;
}

static iree_status_t run_golden(classifier_t* classifier, const char* folder, float* scores) {
  const manifest_t* manifest = classifier_manifest(classifier);
  const size_t clip_size = manifest_clip_size(manifest);
  unsigned char *input = NULL, *output = NULL;
  size_t input_size = 0, output_size = 0;
  const float *clip = NULL, *golden = NULL;
  iree_status_t status = read_in(folder, "golden/input_0.npy", &input, &input_size);
  if (iree_status_is_ok(status)) status = read_in(folder, "golden/output_0.npy", &output, &output_size);
  if (iree_status_is_ok(status)) status = npy_numbers(iree_make_const_byte_span(input, input_size), clip_size, &clip);
  if (iree_status_is_ok(status)) {
    status = npy_numbers(iree_make_const_byte_span(output, output_size), manifest->classes, &golden);
  }
  if (iree_status_is_ok(status)) status = classifier_run(classifier, clip, clip_size, scores, manifest->classes);
  if (iree_status_is_ok(status)) status = show(folder, scores, manifest->classes);
  if (iree_status_is_ok(status)) status = check_golden(manifest, scores, golden);
  free(input);
  free(output);
  return status;
}

static iree_status_t run(const char* folder, const char* path) {
  classifier_t* classifier = NULL;
  IREE_RETURN_IF_ERROR(classifier_open(folder, &classifier));
  float* scores = calloc(classifier_manifest(classifier)->classes, sizeof(float));
  iree_status_t status = iree_ok_status();
  if (scores == NULL) {
    status = iree_make_status(IREE_STATUS_RESOURCE_EXHAUSTED, "out of memory: close other programs");
  } else if (path != NULL) {
    status = run_file(classifier, folder, path, scores);
  } else {
    status = run_golden(classifier, folder, scores);
  }
  free(scores);
  classifier_close(classifier);
  return status;
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3 || argv[1][0] == '-') {
    fprintf(stderr, "usage: %s ARTIFACT [CLIP.f32]\n", argv[0]);
    return 2;
  }
  return exit_code(run(argv[1], argv[2]));
}
