// From camera frames to the clip that a network takes, by the rules of rt3d_mlir.runtime.read_clip: short side resized
// (bilinear), centre crop, values scaled to [0, 1], then (x - mean) / std by channel. Needs nothing of IREE.
#ifndef RT3D_EMBED_CLIP_H_
#define RT3D_EMBED_CLIP_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const float CLIP_IMAGENET_MEAN[3], CLIP_IMAGENET_STD[3];

// The last `frames` frames, normalized.
typedef struct clip_buffer_t clip_buffer_t;

// A frame of RGBA, 4 bytes a pixel. `row_bytes` is what lies between rows; `rotation` how far to turn the picture
// clockwise to make it upright: 0, 90, 180 or 270 degrees.
typedef struct clip_frame_t {
  const uint8_t* rgba;
  int height;
  int width;
  ptrdiff_t row_bytes;
  int rotation;
} clip_frame_t;

// NULL if memory is short. `mean` and `std` are of values in [0, 1], by red, green, blue.
clip_buffer_t* clip_buffer_create(int frames, int height, int width, const float mean[3], const float std[3]);

// NULL is fine.
void clip_buffer_free(clip_buffer_t* buffer);

// Adds a frame; the oldest one goes. False, with nothing added, if the frame has no pixels or another rotation.
bool clip_buffer_push(clip_buffer_t* buffer, const clip_frame_t* frame);

// Whether as many frames came as a clip has.
bool clip_buffer_full(const clip_buffer_t* buffer);

// The numbers of a clip: 3 x frames x height x width.
size_t clip_buffer_size(const clip_buffer_t* buffer);

// Writes the clip, channels outermost, frames oldest first. The buffer has to be full.
void clip_buffer_read(const clip_buffer_t* buffer, float* clip);

#endif  // RT3D_EMBED_CLIP_H_
