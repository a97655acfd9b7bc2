// The core that the program, the static form and the Android app share: an artifact is opened once and run on clips.
//
// Every function that can fail returns a status that says what to do; whoever gets one that is not OK frees it.
// A classifier is used by one thread at a time.
#ifndef RT3D_EMBED_CLASSIFIER_H_
#define RT3D_EMBED_CLASSIFIER_H_

#include "iree/runtime/api.h"
#include "manifest.h"

typedef struct classifier_t classifier_t;

// Opens the folder that rt3d-mlir-compile wrote. Its module is native code: open only what you trust.
iree_status_t classifier_open(const char* folder, classifier_t** out_classifier);

// The same with no file system: `manifest` is the text of manifest.json and `module` the bytes of module.vmfb, which
// stay valid as long as the classifier and begin at a multiple of 64. `device` runs it; it is retained.
iree_status_t classifier_create(iree_string_view_t manifest, iree_const_byte_span_t module, iree_hal_device_t* device,
                                classifier_t** out_classifier);

// NULL is fine.
void classifier_close(classifier_t* classifier);

const manifest_t* classifier_manifest(const classifier_t* classifier);

// Runs a clip of channels x frames x height x width numbers and waits for its `classes` scores.
iree_status_t classifier_run(classifier_t* classifier, const float* clip, size_t clip_size, float* scores,
                             size_t score_count);

// Writes the indices of the `count` largest scores, largest first; no more than there are. Equal: lower index first.
void classifier_top(const float* scores, size_t score_count, size_t count, size_t* indices);

#endif  // RT3D_EMBED_CLASSIFIER_H_
