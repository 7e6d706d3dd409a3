/* YOLO_HD marks inline functions that the host and a CUDA device share: one text, two compilers. */
#ifndef YOLO_BASE_HD_H
#define YOLO_BASE_HD_H

#ifdef __CUDACC__
#define YOLO_HD __host__ __device__
#else
#define YOLO_HD
#endif

#endif
