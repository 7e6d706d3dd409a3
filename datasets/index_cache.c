/* The compact index of a large label file: see index_cache.h. */
#include "datasets/index_cache.h"

#include <sys/mman.h>

void yolo_index_unmap(yolo_dataset *dataset) { munmap(dataset->mapping, dataset->mapping_size); }
