// The same with no file system and no dynamic loading: the kernels are linked in, and embedded.S has the rest. It runs
// the golden clip on one thread, prints the five best classes and says whether they are right.
#include <stdlib.h>

#include "classifier.h"
#include "files.h"
#include "iree/async/util/proactor_pool.h"
#include "iree/base/threading/numa.h"
#include "iree/hal/drivers/local_sync/sync_device.h"
#include "iree/hal/local/loaders/static_library_loader.h"
#include "print.h"

// In the object that iree-compile wrote, with a header that says the same.
const iree_hal_executable_library_header_t** module_linked_library_query(
    iree_hal_executable_library_version_t max_version, const iree_hal_executable_environment_v0_t* environment);

#define EMBEDDED(name) extern const unsigned char name[], name##_end[]
EMBEDDED(embedded_manifest);
EMBEDDED(embedded_module);
EMBEDDED(embedded_input);
EMBEDDED(embedded_output);
#define SPAN(name) iree_make_const_byte_span(name, (iree_host_size_t)(name##_end - name))

// A device of the calling thread that finds kernels in this program only.
static iree_status_t create_device(iree_hal_device_t** out_device) {
  const iree_string_view_t name = iree_make_cstring_view("local-sync");
  const iree_allocator_t host = iree_allocator_system();
  const iree_hal_executable_library_query_fn_t libraries[] = {module_linked_library_query};
  iree_hal_executable_loader_t* loader = NULL;
  iree_hal_allocator_t* allocator = NULL;
  iree_async_proactor_pool_t* proactors = NULL;
  iree_status_t status =
      iree_hal_static_library_loader_create(1, libraries, iree_hal_executable_import_provider_null(), host, &loader);
  if (iree_status_is_ok(status)) status = iree_hal_allocator_create_heap(name, host, host, &allocator);
  if (iree_status_is_ok(status)) {
    status = iree_async_proactor_pool_create(iree_numa_node_count(), NULL, iree_async_proactor_pool_options_default(),
                                             host, &proactors);
  }
  if (iree_status_is_ok(status)) {
    iree_hal_sync_device_params_t params;
    iree_hal_sync_device_params_initialize(&params);
    iree_hal_device_create_params_t create_params = iree_hal_device_create_params_default();
    create_params.proactor_pool = proactors;
    status = iree_hal_sync_device_create(name, &params, &create_params, 1, &loader, allocator, host, out_device);
  }
  iree_async_proactor_pool_release(proactors);  // the device has all three
  iree_hal_allocator_release(allocator);
  iree_hal_executable_loader_release(loader);
  return status;
}

static iree_status_t run_golden(classifier_t* classifier) {
  const manifest_t* manifest = classifier_manifest(classifier);
  const size_t clip_size = manifest_clip_size(manifest);
  const float *clip = NULL, *golden = NULL;
  IREE_RETURN_IF_ERROR(npy_numbers(SPAN(embedded_input), clip_size, &clip));
  IREE_RETURN_IF_ERROR(npy_numbers(SPAN(embedded_output), manifest->classes, &golden));
  float* scores = calloc(manifest->classes, sizeof(float));
  if (scores == NULL) return iree_make_status(IREE_STATUS_RESOURCE_EXHAUSTED, "out of memory: give the program more");
  iree_status_t status = classifier_run(classifier, clip, clip_size, scores, manifest->classes);
  if (iree_status_is_ok(status)) {
    print_top5(scores, manifest->classes, NULL);
    status = check_golden(manifest, scores, golden);
  }
  free(scores);
  return status;
}

int main(void) {
  const iree_const_byte_span_t text = SPAN(embedded_manifest);
  iree_hal_device_t* device = NULL;
  classifier_t* classifier = NULL;
  iree_status_t status = create_device(&device);
  if (iree_status_is_ok(status)) {
    status = classifier_create((iree_string_view_t){(const char*)text.data, text.data_length}, SPAN(embedded_module),
                               device, &classifier);
  }
  iree_hal_device_release(device);
  if (iree_status_is_ok(status)) status = run_golden(classifier);
  classifier_close(classifier);
  return exit_code(status);
}
