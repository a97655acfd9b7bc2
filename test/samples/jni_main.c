// Plays the app: calls the bridge as Kotlin does, on a Java environment that is a few lines of C.
#include <jni.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jobject_t {
  void* memory;
  jlong size;
};

static char thrown[4096];
static long borrowed;

static jclass find_class(JNIEnv* env, const char* name) {
  (void)env;
  static struct jobject_t type;
  return strcmp(name, "java/lang/IllegalStateException") == 0 ? &type : NULL;
}
static jint throw_new(JNIEnv* env, jclass type, const char* message) {
  (void)env, (void)type;
  snprintf(thrown, sizeof(thrown), "%s", message);
  return 0;
}
static const char* get_chars(JNIEnv* env, jstring text, jboolean* copied) {
  (void)env, (void)copied;
  ++borrowed;
  return text->memory;
}
static void release_chars(JNIEnv* env, jstring text, const char* chars) {
  (void)env, (void)text, (void)chars;
  --borrowed;
}
static jsize length(JNIEnv* env, jobject array) {
  (void)env;
  return (jsize)array->size;
}
static jintArray new_ints(JNIEnv* env, jsize size) {
  (void)env;
  jobject array = malloc(sizeof(*array));
  *array = (struct jobject_t){calloc((size_t)size, sizeof(jint)), size};
  return array;
}
static void set_ints(JNIEnv* env, jintArray array, jsize at, jsize count, const jint* numbers) {
  (void)env;
  memcpy((jint*)array->memory + at, numbers, (size_t)count * sizeof(jint));
}
static void set_floats(JNIEnv* env, jfloatArray array, jsize at, jsize count, const jfloat* numbers) {
  (void)env;
  memcpy((jfloat*)array->memory + at, numbers, (size_t)count * sizeof(jfloat));
}
static void* address(JNIEnv* env, jobject buffer) {
  (void)env;
  return buffer->memory;
}
static jlong capacity(JNIEnv* env, jobject buffer) {
  (void)env;
  return buffer->size;
}

static const struct JNINativeInterface functions = {find_class, throw_new, get_chars,  release_chars, length,
                                                    new_ints,   set_ints,  set_floats, address,       capacity};
static JNIEnv environment = &functions;

#define CLASSIFIER(name) Java_com_example_rt3d_Classifier_native##name
#define BUFFER(name) Java_com_example_rt3d_ClipBuffer_native##name
jlong CLASSIFIER(Open)(JNIEnv*, jobject, jstring);
void CLASSIFIER(Close)(JNIEnv*, jobject, jlong);
jintArray CLASSIFIER(Shape)(JNIEnv*, jobject, jlong);
void CLASSIFIER(Run)(JNIEnv*, jobject, jlong, jobject, jfloatArray);
jlong BUFFER(Create)(JNIEnv*, jobject, jint, jint, jint);
jboolean BUFFER(Push)(JNIEnv*, jobject, jlong, jobject, jint, jint, jint, jint);
void BUFFER(Read)(JNIEnv*, jobject, jlong, jobject);
void BUFFER(Free)(JNIEnv*, jobject, jlong);

// Prints the exception that the last call left, if any.
static int caught(const char* what) {
  if (thrown[0] == 0) return 0;
  printf("%s: %s\n", what, thrown);
  thrown[0] = 0;
  return 1;
}

int main(int argc, char** argv) {
  (void)argc;
  JNIEnv* env = &environment;
  struct jobject_t folder = {argv[1], 0};
  const jlong classifier = CLASSIFIER(Open)(env, NULL, &folder);
  if (caught("open") || borrowed != 0) return 1;
  jintArray array = CLASSIFIER(Shape)(env, NULL, classifier);
  const jint* shape = array->memory;
  const jlong size = 4L * shape[0] * shape[1] * shape[2] * shape[3];
  struct jobject_t clip = {malloc((size_t)size), size}, scores = {calloc((size_t)shape[4], 4), shape[4]};

  // 9 rows of 12 pixels and 3 more bytes; the last row ends with its last pixel. A grey a frame.
  const jlong buffer = BUFFER(Create)(env, NULL, shape[1], shape[2], shape[3]);
  struct jobject_t frame = {malloc(8 * 51 + 48), 8 * 51 + 48};
  for (int i = 0; i <= shape[1]; ++i) {
    memset(frame.memory, 50 * i, (size_t)frame.size);
    printf("%s", BUFFER(Push)(env, NULL, buffer, &frame, 9, 12, 51, 90) ? "full\n" : "more\n");
  }
  BUFFER(Push)(env, NULL, buffer, &frame, 9, 12, 51, 1);
  caught("rotation");
  BUFFER(Push)(env, NULL, buffer, &frame, 9, 12, 47, 0);
  caught("rows");
  BUFFER(Push)(env, NULL, buffer, &frame, 10, 12, 51, 0);
  caught("frame");
  BUFFER(Read)(env, NULL, buffer, &clip);

  CLASSIFIER(Run)(env, NULL, classifier, &clip, &scores);
  if (!caught("run")) {
    for (int i = 0; i < shape[4]; ++i) printf("score %.6g\n", (double)((float*)scores.memory)[i]);
  }
  --clip.size;
  CLASSIFIER(Run)(env, NULL, classifier, &clip, &scores);
  caught("small clip");
  BUFFER(Read)(env, NULL, buffer, &clip);
  caught("small read");
  --scores.size;
  ++clip.size;
  CLASSIFIER(Run)(env, NULL, classifier, &clip, &scores);
  caught("few scores");

  BUFFER(Free)(env, NULL, buffer);
  CLASSIFIER(Close)(env, NULL, classifier);
  free(array->memory);
  free(array);
  free(clip.memory);
  free(scores.memory);
  free(frame.memory);
  return 0;
}
