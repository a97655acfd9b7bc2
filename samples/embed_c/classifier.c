#include "classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

#if defined(__aarch64__)
#define MACHINE "aarch64"
#elif defined(__x86_64__)
#define MACHINE "x86_64"
#else
#define MACHINE ""
#endif

struct classifier_t {
  manifest_t manifest;
  iree_runtime_instance_t* instance;
  iree_runtime_session_t* session;
  iree_runtime_call_t call;  // of the entry function, initialized if it has a session
};

// Adds what to do to an error of the runtime.
#define ADVISE(status, ...) iree_status_annotate_f((status), __VA_ARGS__)

// IREE says of a module for another machine only that no device is there. A GPU's kernels are of no machine.
static iree_status_t check_machine(const manifest_t* manifest) {
  if (strncmp(manifest->device, "local-", 6) != 0) return iree_ok_status();
  if (strncmp(manifest->triple, MACHINE, strlen(MACHINE)) == 0) return iree_ok_status();
  return iree_make_status(IREE_STATUS_INCOMPATIBLE,
                          "the module is for %s, this program was built for %s: compile with a --target of this "
                          "machine", manifest->triple, MACHINE);
}

// The first device of a driver.
static iree_status_t open_device(iree_runtime_instance_t* instance, const char* driver,
                                 iree_hal_device_t** out_device) {
  iree_status_t status =
      iree_runtime_instance_try_create_default_device(instance, iree_make_cstring_view(driver), out_device);
  if (iree_status_is_ok(status)) return status;
  return ADVISE(status, "no device of driver %s: the module needs it; build the runtime with it, and see that this "
                        "machine has one", driver);
}

// A classifier with no module yet. `device` NULL: the driver that the manifest names.
static iree_status_t begin(iree_string_view_t text, iree_hal_device_t* device, classifier_t** out_classifier) {
  classifier_t* classifier = calloc(1, sizeof(*classifier));
  if (classifier == NULL) {
    return iree_make_status(IREE_STATUS_RESOURCE_EXHAUSTED, "out of memory: close other programs");
  }
  *out_classifier = classifier;
  IREE_RETURN_IF_ERROR(manifest_parse(text, &classifier->manifest));
  IREE_RETURN_IF_ERROR(check_machine(&classifier->manifest));

  iree_runtime_instance_options_t instance_options;
  iree_runtime_instance_options_initialize(&instance_options);
  if (device == NULL) iree_runtime_instance_options_use_all_available_drivers(&instance_options);
  IREE_RETURN_IF_ERROR(iree_runtime_instance_create(&instance_options, iree_allocator_system(), &classifier->instance));

  iree_hal_device_t* own_device = NULL;
  iree_status_t status = iree_ok_status();
  if (device == NULL) status = open_device(classifier->instance, classifier->manifest.device, &own_device);
  iree_runtime_session_options_t session_options;
  iree_runtime_session_options_initialize(&session_options);
  if (iree_status_is_ok(status)) {
    status = iree_runtime_session_create_with_device(classifier->instance, &session_options,
                                                     device != NULL ? device : own_device, iree_allocator_system(),
                                                     &classifier->session);
  }
  iree_hal_device_release(own_device);  // the session has it
  return status;
}

// Finds the entry function, once the session has its module.
static iree_status_t finish(classifier_t* classifier, iree_status_t loaded) {
  const manifest_t* manifest = &classifier->manifest;
  if (!iree_status_is_ok(loaded)) {
    return ADVISE(loaded, "the module does not load: the runtime must be IREE %s, which compiled it, with the loaders "
                          "that it needs, and this machine's CPU have the features of the --target",
                  manifest->compiler);
  }
  char name[sizeof("module.") + sizeof(manifest->entry)];
  snprintf(name, sizeof(name), "module.%s", manifest->entry);
  iree_status_t status = iree_runtime_call_initialize_by_name(classifier->session, iree_make_cstring_view(name),
                                                              &classifier->call);
  if (iree_status_is_ok(status)) return status;
  classifier->call.session = NULL;  // nothing is left of it
  return ADVISE(status, "the module has no function %s: module and manifest are not of one compile; copy the artifact "
                        "whole", name);
}

// Hands out what succeeded, or closes what failed.
static iree_status_t deliver(iree_status_t status, classifier_t* classifier, classifier_t** out_classifier) {
  if (!iree_status_is_ok(status)) {
    classifier_close(classifier);
    classifier = NULL;
  }
  *out_classifier = classifier;
  return status;
}

static iree_status_t path_in(const char* folder, const char* name, char* path, size_t capacity) {
  if ((size_t)snprintf(path, capacity, "%s/%s", folder, name) < capacity) return iree_ok_status();
  return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "the path of %s is longer than %zu: move the artifact", name,
                          capacity - 1);
}

iree_status_t classifier_open(const char* folder, classifier_t** out_classifier) {
  *out_classifier = NULL;
  char manifest_path[1024], module_path[1024];
  IREE_RETURN_IF_ERROR(path_in(folder, "manifest.json", manifest_path, sizeof(manifest_path)));
  IREE_RETURN_IF_ERROR(path_in(folder, "module.vmfb", module_path, sizeof(module_path)));
  unsigned char* text = NULL;
  size_t size = 0;
  IREE_RETURN_IF_ERROR(file_read(manifest_path, &text, &size));
  classifier_t* classifier = NULL;
  iree_status_t status = begin((iree_string_view_t){(const char*)text, size}, NULL, &classifier);
  free(text);
  if (iree_status_is_ok(status)) {
    status = finish(classifier,
                    iree_runtime_session_append_bytecode_module_from_file(classifier->session, module_path));
  }
  return deliver(status, classifier, out_classifier);
}

iree_status_t classifier_create(iree_string_view_t manifest, iree_const_byte_span_t module, iree_hal_device_t* device,
                                classifier_t** out_classifier) {
  classifier_t* classifier = NULL;
  iree_status_t status = begin(manifest, device, &classifier);
  if (iree_status_is_ok(status)) {
    status = finish(classifier, iree_runtime_session_append_bytecode_module_from_memory(classifier->session, module,
                                                                                        iree_allocator_null()));
  }
  return deliver(status, classifier, out_classifier);
}

void classifier_close(classifier_t* classifier) {
  if (classifier == NULL) return;
  if (classifier->call.session != NULL) iree_runtime_call_deinitialize(&classifier->call);
  iree_runtime_session_release(classifier->session);
  iree_runtime_instance_release(classifier->instance);
  free(classifier);
}

const manifest_t* classifier_manifest(const classifier_t* classifier) { return &classifier->manifest; }

static iree_status_t push_clip(classifier_t* classifier, const float* clip) {
  iree_hal_buffer_view_t* view = NULL;
  IREE_RETURN_IF_ERROR(iree_hal_buffer_view_allocate_buffer_copy(
      iree_runtime_session_device(classifier->session), iree_runtime_session_device_allocator(classifier->session), 5,
      classifier->manifest.input, IREE_HAL_ELEMENT_TYPE_FLOAT_32, IREE_HAL_ENCODING_TYPE_DENSE_ROW_MAJOR,
      (iree_hal_buffer_params_t){
          .usage = IREE_HAL_BUFFER_USAGE_DEFAULT,
          .access = IREE_HAL_MEMORY_ACCESS_ALL,
          .type = IREE_HAL_MEMORY_TYPE_DEVICE_LOCAL,
      },
      iree_make_const_byte_span(clip, manifest_clip_size(&classifier->manifest) * sizeof(float)), &view));
  iree_status_t status = iree_runtime_call_inputs_push_back_buffer_view(&classifier->call, view);
  iree_hal_buffer_view_release(view);  // the call has it
  return status;
}

static iree_status_t pop_scores(classifier_t* classifier, float* scores) {
  const iree_hal_dim_t classes = classifier->manifest.classes;
  iree_hal_buffer_view_t* view = NULL;
  IREE_RETURN_IF_ERROR(iree_runtime_call_outputs_pop_front_buffer_view(&classifier->call, &view));
  iree_status_t status = iree_ok_status();
  if (iree_hal_buffer_view_element_type(view) != IREE_HAL_ELEMENT_TYPE_FLOAT_32 ||
      iree_hal_buffer_view_shape_rank(view) != 2 || iree_hal_buffer_view_shape_dim(view, 0) != 1 ||
      iree_hal_buffer_view_shape_dim(view, 1) != classes) {
    status = iree_make_status(IREE_STATUS_FAILED_PRECONDITION,
                              "the module's answer is not the 1 x %zu float32 of the manifest: the two are not of one "
                              "compile; copy the artifact whole", (size_t)classes);
  } else {
    status = iree_hal_device_transfer_d2h(iree_runtime_session_device(classifier->session),
                                          iree_hal_buffer_view_buffer(view), 0, scores, classes * sizeof(float),
                                          IREE_HAL_TRANSFER_BUFFER_FLAG_DEFAULT, iree_infinite_timeout());
  }
  iree_hal_buffer_view_release(view);
  return status;
}

iree_status_t classifier_run(classifier_t* classifier, const float* clip, size_t clip_size, float* scores,
                             size_t score_count) {
  const manifest_t* manifest = &classifier->manifest;
  if (clip_size != manifest_clip_size(manifest) || score_count != manifest->classes) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT,
                            "got a clip of %zu numbers and room for %zu scores; the module takes 1x%zux%zux%zux%zu "
                            "(%zu numbers) and answers %zu scores: make the clip of that shape, or compile with "
                            "--input-shape", clip_size, score_count, (size_t)manifest->input[1],
                            (size_t)manifest->input[2], (size_t)manifest->input[3], (size_t)manifest->input[4],
                            manifest_clip_size(manifest), (size_t)manifest->classes);
  }
  iree_status_t status = push_clip(classifier, clip);
  if (iree_status_is_ok(status)) {
    status = ADVISE(iree_runtime_call_invoke(&classifier->call, 0),
                    "the module does not run on this clip: if its shape is at fault, module and manifest are not of "
                    "one compile; copy the artifact whole");
  }
  if (iree_status_is_ok(status)) status = pop_scores(classifier, scores);
  iree_runtime_call_reset(&classifier->call);  // drops the clip and the answer
  return status;
}

void classifier_top(const float* scores, size_t score_count, size_t count, size_t* indices) {
  for (size_t rank = 0; rank < count; ++rank) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < score_count; ++i) {
      bool taken = false;
      for (size_t k = 0; k < rank; ++k) taken |= indices[k] == i;
      if (!taken && (best == SIZE_MAX || scores[i] > scores[best])) best = i;
    }
    indices[rank] = best;
  }
}
