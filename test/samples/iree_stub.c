// A runtime that counts: every object and status is made and released here, and STUB_LOG gets the sums at the end.
// STUB_FAIL=n lets the n-th call that can fail do so. A module is the text "CxTxHxW classes", as in "3x4x8x8 7", and
// its scores are the clip's first numbers.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iree/hal/drivers/local_sync/sync_device.h"
#include "iree/hal/local/loaders/static_library_loader.h"
#include "iree/runtime/api.h"

typedef struct object_t {
  long references;
  struct object_t* owns[3];
  iree_hal_dim_t shape[5];
  size_t rank;
  float* numbers;
} object_t;

static long calls, made, freed, statuses_made, statuses_freed;

static void report(void) {
  FILE* log = fopen(getenv("STUB_LOG"), "w");
  fprintf(log, "calls=%ld objects=%ld/%ld statuses=%ld/%ld\n", calls, freed, made, statuses_freed, statuses_made);
  fclose(log);
}

static void* make(void) {
  ++made;
  object_t* object = calloc(1, sizeof(*object));
  object->references = 1;
  return object;
}

static void* retain(void* object) {
  ++((object_t*)object)->references;
  return object;
}

static void release(void* pointer) {
  object_t* object = pointer;
  if (object == NULL || --object->references > 0) return;
  for (int i = 0; i < 3; ++i) release(object->owns[i]);
  free(object->numbers);
  free(object);
  ++freed;
}

// A status: its code in the low bits of a pointer to its text.
iree_status_t iree_status_allocate_f(iree_status_code_t code, const char* file, uint32_t line, const char* format,
                                     ...) {
  char* text = aligned_alloc(32, 4096);
  int length = snprintf(text, 1024, "%s:%u: code %d: ", file, line, code);
  va_list values;
  va_start(values, format);
  vsnprintf(text + length, 1024, format, values);
  va_end(values);
  ++statuses_made;
  return (iree_status_t)((uintptr_t)text | code);
}

static char* text_of(iree_status_t status) { return (char*)((uintptr_t)status & ~(uintptr_t)0x1F); }

iree_status_t iree_status_annotate_f(iree_status_t status, const char* format, ...) {
  if (status == NULL) return status;
  char* end = text_of(status) + strlen(text_of(status));
  va_list values;
  va_start(values, format);
  vsnprintf(end + sprintf(end, "; "), 1024, format, values);
  va_end(values);
  return status;
}

void iree_status_free(iree_status_t status) {
  free(text_of(status));
  ++statuses_freed;
}

bool iree_status_to_string(iree_status_t status, const iree_allocator_t* allocator, char** out,
                           iree_host_size_t* size) {
  (void)allocator;
  *out = strdup(text_of(status));
  *size = strlen(*out);
  return true;
}

void iree_allocator_free(iree_allocator_t allocator, void* memory) {
  (void)allocator;
  free(memory);
}

void iree_status_fprint(FILE* file, iree_status_t status) { fprintf(file, "%s\n", text_of(status)); }

static iree_status_t attempt(const char* function) {
  if (calls++ == 0) atexit(report);
  const char* failing = getenv("STUB_FAIL");
  if (failing == NULL || atol(failing) != calls) return NULL;
  return iree_make_status(IREE_STATUS_INTERNAL, "%s was told to fail", function);
}

#define ATTEMPT() IREE_RETURN_IF_ERROR(attempt(__func__))

void iree_runtime_instance_options_initialize(iree_runtime_instance_options_t* options) {
  memset(options, 0, sizeof(*options));
}
void iree_runtime_instance_options_use_all_available_drivers(iree_runtime_instance_options_t* options) {
  options->driver_registry = options;
}
iree_status_t iree_runtime_instance_create(const iree_runtime_instance_options_t* options, iree_allocator_t host,
                                           iree_runtime_instance_t** out) {
  (void)options, (void)host;
  ATTEMPT();
  *out = make();
  return NULL;
}
void iree_runtime_instance_release(iree_runtime_instance_t* instance) { release(instance); }

iree_status_t iree_runtime_instance_try_create_default_device(iree_runtime_instance_t* instance,
                                                              iree_string_view_t name, iree_hal_device_t** out) {
  (void)instance;
  ATTEMPT();
  if (strncmp(name.data, "local-task", name.size) != 0) return iree_make_status(IREE_STATUS_NOT_FOUND, "no driver");
  object_t* device = make();
  device->owns[1] = make();
  *out = (iree_hal_device_t*)device;
  return NULL;
}
void iree_hal_device_release(iree_hal_device_t* device) { release(device); }
iree_hal_allocator_t* iree_hal_device_allocator(iree_hal_device_t* device) {
  return (iree_hal_allocator_t*)((object_t*)device)->owns[1];
}

void iree_runtime_session_options_initialize(iree_runtime_session_options_t* options) { options->builtin_modules = 1; }
iree_status_t iree_runtime_session_create_with_device(iree_runtime_instance_t* instance,
                                                      const iree_runtime_session_options_t* options,
                                                      iree_hal_device_t* device, iree_allocator_t host,
                                                      iree_runtime_session_t** out) {
  (void)options, (void)host;
  ATTEMPT();
  object_t* session = make();
  session->owns[0] = retain(instance);
  session->owns[1] = retain(device);
  *out = (iree_runtime_session_t*)session;
  return NULL;
}
void iree_runtime_session_release(iree_runtime_session_t* session) { release(session); }
iree_hal_device_t* iree_runtime_session_device(const iree_runtime_session_t* session) {
  return (iree_hal_device_t*)((const object_t*)session)->owns[1];
}
iree_hal_allocator_t* iree_runtime_session_device_allocator(const iree_runtime_session_t* session) {
  return (iree_hal_allocator_t*)((const object_t*)session)->owns[1];
}

static iree_status_t load(iree_runtime_session_t* session, const char* text, size_t size) {
  char module[64] = "";
  memcpy(module, text, size < 63 ? size : 63);
  iree_hal_dim_t* shape = ((object_t*)session)->shape;
  if (sscanf(module, "%lux%lux%lux%lu %lu", shape, shape + 1, shape + 2, shape + 3, shape + 4) == 5) return NULL;
  return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "no module");
}
iree_status_t iree_runtime_session_append_bytecode_module_from_memory(iree_runtime_session_t* session,
                                                                      iree_const_byte_span_t data,
                                                                      iree_allocator_t allocator) {
  (void)allocator;
  ATTEMPT();
  if ((uintptr_t)data.data % 64 != 0) return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "unaligned");
  return load(session, (const char*)data.data, data.data_length);
}
iree_status_t iree_runtime_session_append_bytecode_module_from_file(iree_runtime_session_t* session, const char* path) {
  ATTEMPT();
  FILE* file = fopen(path, "rb");
  if (file == NULL) return iree_make_status(IREE_STATUS_NOT_FOUND, "no %s", path);
  char text[64];
  const size_t size = fread(text, 1, sizeof(text), file);
  fclose(file);
  return load(session, text, size);
}

iree_status_t iree_runtime_call_initialize_by_name(iree_runtime_session_t* session, iree_string_view_t name,
                                                   iree_runtime_call_t* call) {
  call->session = session;  // as IREE's does if it fails
  ATTEMPT();
  if (strncmp(name.data, "module.main", name.size) != 0) return iree_make_status(IREE_STATUS_NOT_FOUND, "no function");
  retain(session);
  call->inputs = call->outputs = NULL;
  return NULL;
}
void iree_runtime_call_reset(iree_runtime_call_t* call) {
  release(call->inputs);
  release(call->outputs);
  call->inputs = call->outputs = NULL;
}
void iree_runtime_call_deinitialize(iree_runtime_call_t* call) {
  iree_runtime_call_reset(call);
  release(call->session);
}
iree_status_t iree_runtime_call_inputs_push_back_buffer_view(iree_runtime_call_t* call, iree_hal_buffer_view_t* view) {
  ATTEMPT();
  call->inputs = retain(view);
  return NULL;
}
iree_status_t iree_runtime_call_invoke(iree_runtime_call_t* call, iree_runtime_call_flags_t flags) {
  (void)flags;
  ATTEMPT();
  const object_t *session = (object_t*)call->session, *clip = call->inputs;
  if (clip->rank != 5 || memcmp(clip->shape + 1, session->shape, 4 * sizeof(*clip->shape)) != 0) {
    return iree_make_status(IREE_STATUS_INVALID_ARGUMENT, "input 0 has another shape");
  }
  object_t* answer = make();
  answer->rank = 2;
  answer->shape[0] = 1;
  answer->shape[1] = session->shape[4];
  answer->numbers = malloc(session->shape[4] * sizeof(float));
  memcpy(answer->numbers, clip->numbers, session->shape[4] * sizeof(float));
  call->outputs = answer;
  return NULL;
}
iree_status_t iree_runtime_call_outputs_pop_front_buffer_view(iree_runtime_call_t* call, iree_hal_buffer_view_t** out) {
  ATTEMPT();
  *out = call->outputs;
  call->outputs = NULL;
  return NULL;
}

iree_status_t iree_hal_buffer_view_allocate_buffer_copy(iree_hal_device_t* device, iree_hal_allocator_t* allocator,
                                                        iree_host_size_t rank, const iree_hal_dim_t* shape,
                                                        iree_hal_element_type_t type, iree_hal_encoding_type_t encoding,
                                                        iree_hal_buffer_params_t params, iree_const_byte_span_t data,
                                                        iree_hal_buffer_view_t** out) {
  (void)device, (void)allocator, (void)type, (void)encoding, (void)params;
  ATTEMPT();
  object_t* view = make();
  view->rank = rank;
  memcpy(view->shape, shape, rank * sizeof(*shape));
  view->numbers = malloc(data.data_length);
  memcpy(view->numbers, data.data, data.data_length);
  *out = (iree_hal_buffer_view_t*)view;
  return NULL;
}
void iree_hal_buffer_view_release(iree_hal_buffer_view_t* view) { release(view); }
iree_hal_buffer_t* iree_hal_buffer_view_buffer(const iree_hal_buffer_view_t* view) { return (iree_hal_buffer_t*)view; }
iree_hal_element_type_t iree_hal_buffer_view_element_type(const iree_hal_buffer_view_t* view) {
  (void)view;
  return IREE_HAL_ELEMENT_TYPE_FLOAT_32;
}
iree_host_size_t iree_hal_buffer_view_shape_rank(const iree_hal_buffer_view_t* view) {
  return ((const object_t*)view)->rank;
}
iree_hal_dim_t iree_hal_buffer_view_shape_dim(const iree_hal_buffer_view_t* view, iree_host_size_t index) {
  return ((const object_t*)view)->shape[index];
}
iree_status_t iree_hal_device_transfer_d2h(iree_hal_device_t* device, iree_hal_buffer_t* source,
                                           iree_device_size_t offset, void* target, iree_device_size_t length,
                                           iree_hal_transfer_buffer_flags_t flags, iree_timeout_t timeout) {
  (void)device, (void)offset, (void)flags, (void)timeout;
  ATTEMPT();
  memcpy(target, ((object_t*)source)->numbers, length);
  return NULL;
}

const iree_hal_executable_library_header_t** module_linked_library_query(
    iree_hal_executable_library_version_t version, const iree_hal_executable_environment_v0_t* environment) {
  (void)version, (void)environment;
  return NULL;
}
iree_status_t iree_hal_static_library_loader_create(iree_host_size_t count,
                                                    const iree_hal_executable_library_query_fn_t* queries,
                                                    iree_hal_executable_import_provider_t provider,
                                                    iree_allocator_t host, iree_hal_executable_loader_t** out) {
  (void)provider, (void)host;
  ATTEMPT();
  if (count != 1 || *queries != module_linked_library_query) return iree_make_status(IREE_STATUS_INTERNAL, "no query");
  *out = make();
  return NULL;
}
void iree_hal_executable_loader_release(iree_hal_executable_loader_t* loader) { release(loader); }
iree_status_t iree_hal_allocator_create_heap(iree_string_view_t name, iree_allocator_t data, iree_allocator_t host,
                                             iree_hal_allocator_t** out) {
  (void)name, (void)data, (void)host;
  ATTEMPT();
  *out = make();
  return NULL;
}
void iree_hal_allocator_release(iree_hal_allocator_t* allocator) { release(allocator); }
iree_host_size_t iree_numa_node_count(void) { return 1; }
iree_status_t iree_async_proactor_pool_create(iree_host_size_t count, const uint32_t* ids,
                                              iree_async_proactor_pool_options_t options, iree_allocator_t host,
                                              iree_async_proactor_pool_t** out) {
  (void)count, (void)ids, (void)options, (void)host;
  ATTEMPT();
  *out = make();
  return NULL;
}
void iree_async_proactor_pool_release(iree_async_proactor_pool_t* pool) { release(pool); }
void iree_hal_sync_device_params_initialize(iree_hal_sync_device_params_t* params) { params->arena_block_size = 4096; }
iree_status_t iree_hal_sync_device_create(iree_string_view_t name, const iree_hal_sync_device_params_t* params,
                                          const iree_hal_device_create_params_t* create_params,
                                          iree_host_size_t loader_count, iree_hal_executable_loader_t** loaders,
                                          iree_hal_allocator_t* allocator, iree_allocator_t host,
                                          iree_hal_device_t** out) {
  (void)name, (void)params, (void)loader_count, (void)host;
  ATTEMPT();
  object_t* device = make();
  device->owns[0] = retain(loaders[0]);
  device->owns[1] = retain(allocator);
  device->owns[2] = retain(create_params->proactor_pool);
  *out = (iree_hal_device_t*)device;
  return NULL;
}
