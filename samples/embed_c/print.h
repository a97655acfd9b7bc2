// What both programs print, and how they end.
#ifndef RT3D_EMBED_PRINT_H_
#define RT3D_EMBED_PRINT_H_

#include "classifier.h"

// Prints the five best classes, each on a line with its score. `labels` has a text a class, or is NULL.
void print_top5(const float* scores, size_t score_count, char* const* labels);

// Compares the scores with the golden ones and prints the largest error. DATA_LOSS beyond the manifest's tolerance.
iree_status_t check_golden(const manifest_t* manifest, const float* scores, const float* golden);

// Prints an error to stderr and frees it. The exit code: 0 if OK, 1 otherwise.
int exit_code(iree_status_t status);

#endif  // RT3D_EMBED_PRINT_H_
