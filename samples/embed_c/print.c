#include "print.h"

#include <math.h>
#include <stdio.h>

void print_top5(const float* scores, size_t score_count, char* const* labels) {
  size_t best[5];
  const size_t count = score_count < 5 ? score_count : 5;
  classifier_top(scores, score_count, count, best);
  for (size_t i = 0; i < count; ++i) {
    printf("%6zu  %12.6g  %s\n", best[i], (double)scores[best[i]], labels != NULL ? labels[best[i]] : "");
  }
}

iree_status_t check_golden(const manifest_t* manifest, const float* scores, const float* golden) {
  double largest = 0;
  for (size_t i = 0; i < manifest->classes; ++i) {
    const double error = fabs((double)scores[i] - (double)golden[i]);
    if (!(error <= largest)) largest = error;  // a NaN stays
    if (isnan(largest)) break;
  }
  printf("largest error on the golden data: %.3g, the limit is %.3g\n", largest, manifest->tolerance);
  if (largest <= manifest->tolerance) return iree_ok_status();
  return iree_make_status(IREE_STATUS_DATA_LOSS,
                          "the module answers wrongly on this machine: do not use it; compare with iree-run-module and "
                          "report both");
}

int exit_code(iree_status_t status) {
  if (iree_status_is_ok(status)) return 0;
  fflush(stdout);
  iree_status_fprint(stderr, status);
  iree_status_free(status);
  return 1;
}
