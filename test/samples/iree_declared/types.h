// The types, macros and inline functions of IREE's runtime that samples/embed_c uses, as far as it uses them.
#ifndef IREE_DECLARED_TYPES_H_
#define IREE_DECLARED_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef size_t iree_host_size_t;
typedef uint64_t iree_device_size_t;
typedef iree_device_size_t iree_hal_dim_t;
typedef uint32_t iree_hal_element_type_t, iree_hal_encoding_type_t, iree_hal_buffer_usage_t, iree_hal_memory_type_t;
typedef uint16_t iree_hal_memory_access_t;
typedef uint32_t iree_runtime_call_flags_t, iree_hal_transfer_buffer_flags_t;

typedef struct iree_status_handle_t* iree_status_t;
typedef enum iree_status_code_e {
  IREE_STATUS_OK = 0,
  IREE_STATUS_INVALID_ARGUMENT = 3,
  IREE_STATUS_NOT_FOUND = 5,
  IREE_STATUS_RESOURCE_EXHAUSTED = 8,
  IREE_STATUS_FAILED_PRECONDITION = 9,
  IREE_STATUS_INTERNAL = 13,
  IREE_STATUS_DATA_LOSS = 15,
  IREE_STATUS_INCOMPATIBLE = 18,
} iree_status_code_t;

#define iree_ok_status() ((iree_status_t)0)
#define iree_status_is_ok(status) ((status) == NULL)
#define iree_status_is_not_found(status) (((uintptr_t)(status) & 0x1F) == IREE_STATUS_NOT_FOUND)
#define iree_make_status(code, ...) iree_status_allocate_f((code), __FILE__, __LINE__, __VA_ARGS__)
#define IREE_RETURN_IF_ERROR(expression)      \
  do {                                        \
    iree_status_t returned_ = (expression);   \
    if (returned_ != NULL) return returned_;  \
  } while (0)

typedef struct { const char* data; iree_host_size_t size; } iree_string_view_t;
typedef struct { const uint8_t* data; iree_host_size_t data_length; } iree_const_byte_span_t;
typedef struct { void *self, *ctl; } iree_allocator_t;
typedef struct { int type; int64_t nanos; } iree_timeout_t;

typedef struct iree_hal_device_t iree_hal_device_t;
typedef struct iree_hal_allocator_t iree_hal_allocator_t;
typedef struct iree_hal_buffer_t iree_hal_buffer_t;
typedef struct iree_hal_buffer_view_t iree_hal_buffer_view_t;
typedef struct iree_runtime_instance_t iree_runtime_instance_t;
typedef struct iree_runtime_session_t iree_runtime_session_t;
typedef struct { void* driver_registry; } iree_runtime_instance_options_t;
typedef struct { uint64_t builtin_modules; } iree_runtime_session_options_t;
typedef struct { iree_runtime_session_t* session; void *inputs, *outputs; } iree_runtime_call_t;
typedef struct {
  iree_hal_buffer_usage_t usage;
  iree_hal_memory_access_t access;
  iree_hal_memory_type_t type;
} iree_hal_buffer_params_t;

enum {
  IREE_HAL_ELEMENT_TYPE_FLOAT_32 = 0x21000020,
  IREE_HAL_ENCODING_TYPE_DENSE_ROW_MAJOR = 1,
  IREE_HAL_BUFFER_USAGE_DEFAULT = 1,
  IREE_HAL_MEMORY_ACCESS_ALL = 7,
  IREE_HAL_MEMORY_TYPE_DEVICE_LOCAL = 48,
  IREE_HAL_TRANSFER_BUFFER_FLAG_DEFAULT = 0,
};

// The static form.
typedef uint32_t iree_hal_executable_library_version_t;
typedef struct iree_hal_executable_environment_v0_t iree_hal_executable_environment_v0_t;
typedef struct iree_hal_executable_library_header_t iree_hal_executable_library_header_t;
typedef struct iree_hal_executable_loader_t iree_hal_executable_loader_t;
typedef struct { void* self; } iree_hal_executable_import_provider_t;
typedef const iree_hal_executable_library_header_t** (*iree_hal_executable_library_query_fn_t)(
    iree_hal_executable_library_version_t, const iree_hal_executable_environment_v0_t*);
typedef struct iree_async_proactor_pool_t iree_async_proactor_pool_t;
typedef struct { int unused; } iree_async_proactor_pool_options_t;
typedef struct { iree_async_proactor_pool_t* proactor_pool; } iree_hal_device_create_params_t;
typedef struct { iree_host_size_t arena_block_size; } iree_hal_sync_device_params_t;

static inline iree_string_view_t iree_make_cstring_view(const char* text) {
  return (iree_string_view_t){text, __builtin_strlen(text)};
}
static inline iree_const_byte_span_t iree_make_const_byte_span(const void* data, iree_host_size_t data_length) {
  return (iree_const_byte_span_t){data, data_length};
}
static inline iree_allocator_t iree_allocator_system(void) { return (iree_allocator_t){NULL, NULL}; }
static inline iree_allocator_t iree_allocator_null(void) { return (iree_allocator_t){NULL, NULL}; }
static inline iree_timeout_t iree_infinite_timeout(void) { return (iree_timeout_t){0, INT64_MAX}; }
static inline iree_hal_executable_import_provider_t iree_hal_executable_import_provider_null(void) {
  return (iree_hal_executable_import_provider_t){NULL};
}
static inline iree_async_proactor_pool_options_t iree_async_proactor_pool_options_default(void) {
  return (iree_async_proactor_pool_options_t){0};
}
static inline iree_hal_device_create_params_t iree_hal_device_create_params_default(void) {
  return (iree_hal_device_create_params_t){NULL};
}

#endif  // IREE_DECLARED_TYPES_H_
