// The bridge between Kotlin and embed_c's core: it checks what Kotlin hands over, and turns statuses into exceptions.
// Handles are pointers; Kotlin's classes own them, and close them once.
#include <jni.h>
#include <stdlib.h>

#include "classifier.h"
#include "clip.h"

static void throw_state(JNIEnv* env, const char* message) {
  jclass type = (*env)->FindClass(env, "java/lang/IllegalStateException");
  if (type != NULL) (*env)->ThrowNew(env, type, message);
}

// Throws what a failed status says, and frees it. False if it failed.
static bool check(JNIEnv* env, iree_status_t status) {
  if (iree_status_is_ok(status)) return true;
  const iree_allocator_t host = iree_allocator_system();
  char* message = NULL;
  iree_host_size_t length = 0;
  if (iree_status_to_string(status, &host, &message, &length)) {
    for (char* at = message; *at != 0; ++at) {
      if (*at & 0x80) *at = '?';  // ThrowNew takes Java's own UTF-8, and a path has what it likes
    }
    throw_state(env, message);
    iree_allocator_free(host, message);
  } else {
    throw_state(env, "the runtime failed, and there is no memory to say why: close other apps");
  }
  iree_status_free(status);
  return false;
}

static classifier_t* classifier_of(jlong handle) { return (classifier_t*)(intptr_t)handle; }
static clip_buffer_t* buffer_of(jlong handle) { return (clip_buffer_t*)(intptr_t)handle; }

// The memory of a direct ByteBuffer of `size` bytes or more, or NULL with an exception.
static void* memory_of(JNIEnv* env, jobject buffer, size_t size) {
  void* memory = (*env)->GetDirectBufferAddress(env, buffer);
  const jlong capacity = (*env)->GetDirectBufferCapacity(env, buffer);
  if (memory != NULL && capacity >= 0 && (size_t)capacity >= size) return memory;
  throw_state(env, "the ByteBuffer is not direct, or too small: use ByteBuffer.allocateDirect");
  return NULL;
}

JNIEXPORT jlong JNICALL Java_com_example_rt3d_Classifier_nativeOpen(JNIEnv* env, jobject self, jstring folder) {
  (void)self;
  const char* path = (*env)->GetStringUTFChars(env, folder, NULL);
  if (path == NULL) return 0;
  classifier_t* classifier = NULL;
  iree_status_t status = classifier_open(path, &classifier);
  (*env)->ReleaseStringUTFChars(env, folder, path);
  check(env, status);
  return (jlong)(intptr_t)classifier;
}

JNIEXPORT void JNICALL Java_com_example_rt3d_Classifier_nativeClose(JNIEnv* env, jobject self, jlong handle) {
  (void)env, (void)self;
  classifier_close(classifier_of(handle));
}

JNIEXPORT jintArray JNICALL Java_com_example_rt3d_Classifier_nativeShape(JNIEnv* env, jobject self, jlong handle) {
  (void)self;
  const manifest_t* manifest = classifier_manifest(classifier_of(handle));
  jint shape[5] = {(jint)manifest->input[1], (jint)manifest->input[2], (jint)manifest->input[3],
                   (jint)manifest->input[4], (jint)manifest->classes};
  jintArray array = (*env)->NewIntArray(env, 5);
  if (array != NULL) (*env)->SetIntArrayRegion(env, array, 0, 5, shape);
  return array;
}

JNIEXPORT void JNICALL Java_com_example_rt3d_Classifier_nativeRun(JNIEnv* env, jobject self, jlong handle, jobject clip,
                                                                  jfloatArray scores) {
  (void)self;
  const size_t clip_size = manifest_clip_size(classifier_manifest(classifier_of(handle)));
  const float* numbers = memory_of(env, clip, clip_size * sizeof(float));
  if (numbers == NULL) return;
  const jsize count = (*env)->GetArrayLength(env, scores);
  float* answer = calloc((size_t)count + 1, sizeof(float));
  if (answer == NULL) {
    throw_state(env, "out of memory: close other apps");
  } else if (check(env, classifier_run(classifier_of(handle), numbers, clip_size, answer, (size_t)count))) {
    (*env)->SetFloatArrayRegion(env, scores, 0, count, answer);
  }
  free(answer);
}

JNIEXPORT jlong JNICALL Java_com_example_rt3d_ClipBuffer_nativeCreate(JNIEnv* env, jobject self, jint frames,
                                                                      jint height, jint width) {
  (void)self;
  clip_buffer_t* buffer = clip_buffer_create(frames, height, width, CLIP_IMAGENET_MEAN, CLIP_IMAGENET_STD);
  if (buffer == NULL) throw_state(env, "out of memory: close other apps");
  return (jlong)(intptr_t)buffer;
}

JNIEXPORT void JNICALL Java_com_example_rt3d_ClipBuffer_nativeFree(JNIEnv* env, jobject self, jlong handle) {
  (void)env, (void)self;
  clip_buffer_free(buffer_of(handle));
}

// Whether the buffer is full now.
JNIEXPORT jboolean JNICALL Java_com_example_rt3d_ClipBuffer_nativePush(JNIEnv* env, jobject self, jlong handle,
                                                                       jobject rgba, jint height, jint width,
                                                                       jint row_bytes, jint rotation) {
  (void)self;
  if (height < 1 || width < 1 || row_bytes / 4 < width) {
    throw_state(env, "the frame's rows are shorter than its pixels: ask CameraX for OUTPUT_IMAGE_FORMAT_RGBA_8888");
    return JNI_FALSE;
  }
  // The last row may end with its last pixel.
  const size_t size = (size_t)row_bytes * (size_t)(height - 1) + 4 * (size_t)width;
  const clip_frame_t frame = {memory_of(env, rgba, size), height, width, row_bytes, rotation};
  if (frame.rgba == NULL) return JNI_FALSE;
  if (!clip_buffer_push(buffer_of(handle), &frame)) throw_state(env, "the rotation is not 0, 90, 180 or 270");
  return clip_buffer_full(buffer_of(handle)) ? JNI_TRUE : JNI_FALSE;
}

JNIEXPORT void JNICALL Java_com_example_rt3d_ClipBuffer_nativeRead(JNIEnv* env, jobject self, jlong handle,
                                                                   jobject clip) {
  (void)self;
  const clip_buffer_t* buffer = buffer_of(handle);
  float* numbers = memory_of(env, clip, clip_buffer_size(buffer) * sizeof(float));
  if (numbers != NULL) clip_buffer_read(buffer, numbers);
}
