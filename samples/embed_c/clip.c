#include "clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const float CLIP_IMAGENET_MEAN[3] = {0.485f, 0.456f, 0.406f};
const float CLIP_IMAGENET_STD[3] = {0.229f, 0.224f, 0.225f};

struct clip_buffer_t {
  int frames, height, width;
  float scale[3], shift[3];  // a channel is byte * scale + shift
  size_t pushed;             // the next frame goes to pushed % frames
  float pixels[];            // [frames, 3, height, width]
};

// An upright picture: pixel (y, x) is at origin + y * down + x * right.
typedef struct upright_t {
  const uint8_t* origin;
  ptrdiff_t down, right;
  int height, width;
} upright_t;

clip_buffer_t* clip_buffer_create(int frames, int height, int width, const float mean[3], const float std[3]) {
  const size_t numbers = 3 * (size_t)frames * (size_t)height * (size_t)width;
  clip_buffer_t* buffer = malloc(sizeof(*buffer) + numbers * sizeof(float));
  if (buffer == NULL) return NULL;
  *buffer = (clip_buffer_t){.frames = frames, .height = height, .width = width};
  for (int c = 0; c < 3; ++c) {
    buffer->scale[c] = 1 / (255 * std[c]);
    buffer->shift[c] = -mean[c] / std[c];
  }
  return buffer;
}

void clip_buffer_free(clip_buffer_t* buffer) { free(buffer); }

bool clip_buffer_full(const clip_buffer_t* buffer) { return buffer->pushed >= (size_t)buffer->frames; }

size_t clip_buffer_size(const clip_buffer_t* buffer) {
  return 3 * (size_t)buffer->frames * (size_t)buffer->height * (size_t)buffer->width;
}

static bool turn(const clip_frame_t* frame, upright_t* out) {
  const ptrdiff_t row = frame->row_bytes, pixel = 4;
  const uint8_t *top = frame->rgba, *bottom = top + (frame->height - 1) * row;
  const ptrdiff_t last = (frame->width - 1) * pixel;
  switch (frame->rotation) {
    case 0: *out = (upright_t){top, row, pixel, frame->height, frame->width}; return true;
    case 90: *out = (upright_t){bottom, pixel, -row, frame->width, frame->height}; return true;
    case 180: *out = (upright_t){bottom + last, -row, -pixel, frame->height, frame->width}; return true;
    case 270: *out = (upright_t){top + last, -pixel, row, frame->width, frame->height}; return true;
    default: return false;
  }
}

// Output positions along one axis: `offset + i` of `resized` ones, which cover `source` pixels.
typedef struct axis_t {
  double ratio;    // source pixels an output position
  double support;  // half of the triangle's base: it grows with the ratio, so that no pixel is left out
  int offset, source;
} axis_t;

static axis_t crop_axis(int source, int resized, int cropped) {
  const double ratio = (double)source / resized;
  return (axis_t){ratio, ratio > 1 ? ratio : 1, (resized - cropped) / 2, source};
}

// The source pixels [first, last) that an output position is a weighted mean of.
static double tap_range(const axis_t* axis, int i, int* first, int* last) {
  const double centre = (axis->offset + i + 0.5) * axis->ratio;
  *first = (int)fmax(0, floor(centre - axis->support + 0.5));
  *last = (int)fmin(axis->source, floor(centre + axis->support + 0.5));
  return centre;
}

static float tap_weight(const axis_t* axis, double centre, int at) {
  return (float)fmax(0, 1 - fabs(at + 0.5 - centre) / axis->support);
}

bool clip_buffer_push(clip_buffer_t* buffer, const clip_frame_t* frame) {
  upright_t picture;
  if (frame->height < 1 || frame->width < 1 || !turn(frame, &picture)) return false;
  const int crop = buffer->height < buffer->width ? buffer->height : buffer->width;
  const int side = picture.height < picture.width ? picture.height : picture.width;
  // As Python rounds, halves to even. A clip that is not square may need a larger short side to be covered.
  double scale = rint(crop * 128.0 / 112.0) / side;
  scale = fmax(scale, fmax((double)buffer->height / picture.height, (double)buffer->width / picture.width));
  const axis_t rows = crop_axis(picture.height, (int)rint(picture.height * scale), buffer->height);
  const axis_t columns = crop_axis(picture.width, (int)rint(picture.width * scale), buffer->width);
  const size_t plane = (size_t)buffer->height * (size_t)buffer->width;
  float* target = buffer->pixels + buffer->pushed % (size_t)buffer->frames * 3 * plane;
  for (int i = 0; i < buffer->height; ++i) {
    int top, bottom;
    const double middle = tap_range(&rows, i, &top, &bottom);
    for (int j = 0; j < buffer->width; ++j) {
      int left, right;
      const double centre = tap_range(&columns, j, &left, &right);
      float sums[3] = {0, 0, 0}, weights = 0;
      for (int y = top; y < bottom; ++y) {
        const float vertical = tap_weight(&rows, middle, y);
        for (int x = left; x < right; ++x) {
          const uint8_t* pixel = picture.origin + y * picture.down + x * picture.right;
          const float weight = vertical * tap_weight(&columns, centre, x);
          for (int c = 0; c < 3; ++c) sums[c] += weight * pixel[c];
          weights += weight;
        }
      }
      float* out = target + (size_t)i * (size_t)buffer->width + (size_t)j;
      for (int c = 0; c < 3; ++c) out[(size_t)c * plane] = sums[c] / weights * buffer->scale[c] + buffer->shift[c];
    }
  }
  ++buffer->pushed;
  return true;
}

void clip_buffer_read(const clip_buffer_t* buffer, float* clip) {
  const size_t frames = (size_t)buffer->frames, plane = (size_t)buffer->height * (size_t)buffer->width;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t t = 0; t < frames; ++t) {
      const float* frame = buffer->pixels + (buffer->pushed + t) % frames * 3 * plane;
      memcpy(clip + (c * frames + t) * plane, frame + c * plane, plane * sizeof(float));
    }
  }
}
