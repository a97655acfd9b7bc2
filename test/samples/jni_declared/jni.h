// The part of the Java Native Interface that samples/android uses. The order of the functions is not Java's: what is
// compiled against this runs on jni_main.c's environment only.
#ifndef JNI_DECLARED_H_
#define JNI_DECLARED_H_

#include <stdint.h>

#define JNIEXPORT __attribute__((visibility("default")))
#define JNICALL
#define JNI_FALSE 0
#define JNI_TRUE 1

typedef uint8_t jboolean;
typedef int32_t jint, jsize;
typedef int64_t jlong;
typedef float jfloat;
typedef struct jobject_t* jobject;
typedef jobject jclass, jstring, jintArray, jfloatArray;

typedef const struct JNINativeInterface* JNIEnv;
struct JNINativeInterface {
  jclass (*FindClass)(JNIEnv*, const char*);
  jint (*ThrowNew)(JNIEnv*, jclass, const char*);
  const char* (*GetStringUTFChars)(JNIEnv*, jstring, jboolean*);
  void (*ReleaseStringUTFChars)(JNIEnv*, jstring, const char*);
  jsize (*GetArrayLength)(JNIEnv*, jobject);
  jintArray (*NewIntArray)(JNIEnv*, jsize);
  void (*SetIntArrayRegion)(JNIEnv*, jintArray, jsize, jsize, const jint*);
  void (*SetFloatArrayRegion)(JNIEnv*, jfloatArray, jsize, jsize, const jfloat*);
  void* (*GetDirectBufferAddress)(JNIEnv*, jobject);
  jlong (*GetDirectBufferCapacity)(JNIEnv*, jobject);
};

#endif  // JNI_DECLARED_H_
