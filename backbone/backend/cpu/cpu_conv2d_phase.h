/* One axis of a data gradient, cut by residues.
 *
 * Input position i is seen from output y through kernel position k when i = y*stride - pad + k*dilation. Of the input
 * positions residue, residue + stride, ... all are seen through the same kernel positions, every `step`-th; with those
 * alone, turned around, their gradient is a convolution of stride 1 over dL/d out: no multiplication is wasted on the
 * zeros that a transposed convolution would put between outputs (Dumoulin & Visin 2016, section 4). */
#ifndef YOLO_CPU_CONV2D_PHASE_H
#define YOLO_CPU_CONV2D_PHASE_H

typedef struct yolo_conv_phase {
  int count; /* input positions of this residue */
  int taps;  /* kernel positions that reach them: last, last - step, ... */
  int last, step;
  int dilation, pad; /* of the convolution over dL/d out; the pad may be negative */
} yolo_conv_phase;

yolo_conv_phase yolo_conv_phase_of(int residue, int size, int kernel, int stride, int dilation, int pad);

#endif
