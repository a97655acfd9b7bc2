// The functions of IREE's runtime that samples/embed_c calls. Included behind IREE's own headers too, where there are
// any: a compiler refuses it if one of these is declared otherwise there.

iree_status_t iree_status_allocate_f(iree_status_code_t code, const char* file, uint32_t line, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
iree_status_t iree_status_annotate_f(iree_status_t base_status, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void iree_status_free(iree_status_t status);
bool iree_status_to_string(iree_status_t status, const iree_allocator_t* allocator, char** out_buffer,
                           iree_host_size_t* out_buffer_length);
void iree_allocator_free(iree_allocator_t allocator, void* ptr);
void iree_status_fprint(FILE* file, iree_status_t status);

void iree_runtime_instance_options_initialize(iree_runtime_instance_options_t* out_options);
void iree_runtime_instance_options_use_all_available_drivers(iree_runtime_instance_options_t* options);
iree_status_t iree_runtime_instance_create(const iree_runtime_instance_options_t* options,
                                           iree_allocator_t host_allocator, iree_runtime_instance_t** out_instance);
void iree_runtime_instance_release(iree_runtime_instance_t* instance);
iree_status_t iree_runtime_instance_try_create_default_device(iree_runtime_instance_t* instance,
                                                              iree_string_view_t driver_name,
                                                              iree_hal_device_t** out_device);

void iree_runtime_session_options_initialize(iree_runtime_session_options_t* out_options);
iree_status_t iree_runtime_session_create_with_device(iree_runtime_instance_t* instance,
                                                      const iree_runtime_session_options_t* options,
                                                      iree_hal_device_t* device, iree_allocator_t host_allocator,
                                                      iree_runtime_session_t** out_session);
void iree_runtime_session_release(iree_runtime_session_t* session);
iree_hal_device_t* iree_runtime_session_device(const iree_runtime_session_t* session);
iree_hal_allocator_t* iree_runtime_session_device_allocator(const iree_runtime_session_t* session);
iree_status_t iree_runtime_session_append_bytecode_module_from_memory(iree_runtime_session_t* session,
                                                                      iree_const_byte_span_t flatbuffer_data,
                                                                      iree_allocator_t flatbuffer_allocator);
iree_status_t iree_runtime_session_append_bytecode_module_from_file(iree_runtime_session_t* session,
                                                                    const char* file_path);

iree_status_t iree_runtime_call_initialize_by_name(iree_runtime_session_t* session, iree_string_view_t full_name,
                                                   iree_runtime_call_t* out_call);
void iree_runtime_call_deinitialize(iree_runtime_call_t* call);
void iree_runtime_call_reset(iree_runtime_call_t* call);
iree_status_t iree_runtime_call_inputs_push_back_buffer_view(iree_runtime_call_t* call,
                                                             iree_hal_buffer_view_t* buffer_view);
iree_status_t iree_runtime_call_invoke(iree_runtime_call_t* call, iree_runtime_call_flags_t flags);
iree_status_t iree_runtime_call_outputs_pop_front_buffer_view(iree_runtime_call_t* call,
                                                              iree_hal_buffer_view_t** out_buffer_view);

void iree_hal_device_release(iree_hal_device_t* device);
iree_hal_allocator_t* iree_hal_device_allocator(iree_hal_device_t* device);
void iree_hal_allocator_release(iree_hal_allocator_t* allocator);
iree_status_t iree_hal_buffer_view_allocate_buffer_copy(
    iree_hal_device_t* device, iree_hal_allocator_t* allocator, iree_host_size_t shape_rank,
    const iree_hal_dim_t* shape, iree_hal_element_type_t element_type, iree_hal_encoding_type_t encoding_type,
    iree_hal_buffer_params_t buffer_params, iree_const_byte_span_t initial_data,
    iree_hal_buffer_view_t** out_buffer_view);
void iree_hal_buffer_view_release(iree_hal_buffer_view_t* buffer_view);
iree_hal_buffer_t* iree_hal_buffer_view_buffer(const iree_hal_buffer_view_t* buffer_view);
iree_hal_element_type_t iree_hal_buffer_view_element_type(const iree_hal_buffer_view_t* buffer_view);
iree_host_size_t iree_hal_buffer_view_shape_rank(const iree_hal_buffer_view_t* buffer_view);
iree_hal_dim_t iree_hal_buffer_view_shape_dim(const iree_hal_buffer_view_t* buffer_view, iree_host_size_t index);
iree_status_t iree_hal_device_transfer_d2h(iree_hal_device_t* device, iree_hal_buffer_t* source,
                                           iree_device_size_t source_offset, void* target,
                                           iree_device_size_t data_length, iree_hal_transfer_buffer_flags_t flags,
                                           iree_timeout_t timeout);

// The static form.
iree_status_t iree_hal_static_library_loader_create(iree_host_size_t library_count,
                                                    const iree_hal_executable_library_query_fn_t* library_query_fns,
                                                    iree_hal_executable_import_provider_t import_provider,
                                                    iree_allocator_t host_allocator,
                                                    iree_hal_executable_loader_t** out_executable_loader);
void iree_hal_executable_loader_release(iree_hal_executable_loader_t* executable_loader);
iree_status_t iree_hal_allocator_create_heap(iree_string_view_t identifier, iree_allocator_t data_allocator,
                                             iree_allocator_t host_allocator, iree_hal_allocator_t** out_allocator);
iree_host_size_t iree_numa_node_count(void);
iree_status_t iree_async_proactor_pool_create(iree_host_size_t node_count, const uint32_t* node_ids,
                                              iree_async_proactor_pool_options_t options,
                                              iree_allocator_t allocator, iree_async_proactor_pool_t** out_pool);
void iree_async_proactor_pool_release(iree_async_proactor_pool_t* pool);
void iree_hal_sync_device_params_initialize(iree_hal_sync_device_params_t* out_params);
iree_status_t iree_hal_sync_device_create(iree_string_view_t identifier, const iree_hal_sync_device_params_t* params,
                                          const iree_hal_device_create_params_t* create_params,
                                          iree_host_size_t loader_count, iree_hal_executable_loader_t** loaders,
                                          iree_hal_allocator_t* device_allocator, iree_allocator_t host_allocator,
                                          iree_hal_device_t** out_device);
