/* The network: the only thing that runs. A yolo_network is a graph with its parameters on a backend,
 * immutable once loaded and shared by any number of runners (and threads). A yolo_runner holds a device,
 * plans and one arena, and is used by one thread at a time. */
#ifndef YOLO_GRAPH_NETWORK_H
#define YOLO_GRAPH_NETWORK_H

#include "backbone/backend/backend.h"
#include "backbone/graph/graph.h"
#include "backbone/graph/plan.h"

typedef struct yolo_network yolo_network;
typedef struct yolo_runner yolo_runner;

typedef struct yolo_network_options {
  const yolo_backend *backend; /* NULL: cpu */
  yolo_device_options device;
  int height, width;     /* the size the packing is chosen for; 0: the graph's own */
  bool unfused;          /* run every node as written (comparison) */
  bool concat_copies;    /* concatenations copy even where the backend prefers views (measurement) */
  double max_pack_ratio; /* packed parameters / plain parameters, at most; 0: 1.95, or 64 MiB more
                            than plain where that is the larger allowance */
} yolo_network_options;

/* Copies (and fuses) the graph; the caller keeps its own. Parameters are not loaded yet. */
yolo_status yolo_network_new(const yolo_graph *graph, const yolo_network_options *options, yolo_network **out);
void yolo_network_free(yolo_network *network);

/* Delivers one parameter in disk layout into `to` (yolo_param_count floats). Called once a parameter in
 * Darknet file order. */
typedef yolo_status (*yolo_param_fetch)(void *payload, const yolo_param *param, float *to);
/* Streams all parameters in: holds one layer at a time next to the packed ones. */
yolo_status yolo_network_load(yolo_network *network, yolo_param_fetch fetch, void *payload);
/* A fetch for networks without weights (benchmarks, tests): He-scaled, from the counter-based generator;
 * payload points to the seed, a uint64_t. A parameter's values depend on the seed and on its name only. */
yolo_status yolo_fetch_random(void *payload, const yolo_param *param, float *to);

const yolo_graph *yolo_network_graph(const yolo_network *network); /* the (fused) graph that runs */
size_t yolo_network_param_bytes(const yolo_network *network);      /* PARAM + PACK as held */

yolo_status yolo_runner_new(const yolo_network *network, yolo_runner **out);
void yolo_runner_free(yolo_runner *runner);

/* Plans (or finds) batch x height x width and hands out the input tensor to fill, in host memory: dense
 * (batch, height, width, C). Valid until the next prepare. */
yolo_status yolo_runner_prepare(yolo_runner *runner, int batch, int height, int width, yolo_tensor *input);
/* Where the backend resizes pictures itself: puts one into image n of the prepared input, on the device. A run whose
 * images came this way does not look at the host's input tensor; all of a batch have to. */
bool yolo_runner_takes_images(const yolo_runner *runner);
yolo_status yolo_runner_image(yolo_runner *runner, int n, const yolo_resample *how);
/* While held, a run takes the input that is on the device already (the first run after prepare still sends it): for
 * measuring the network without the way to it. Without effect where the device has no memory of its own. */
void yolo_runner_hold_input(yolo_runner *runner, bool hold);
/* Whether input and outputs travel between the host and the device. */
bool yolo_runner_has_own_memory(const yolo_runner *runner);

/* Runs the prepared batch. The input's memory is used again during the run: fill it before every run. */
yolo_status yolo_runner_run(yolo_runner *runner);
/* The output of a node of the running graph after run(), fp32 in host memory. Outputs of YOLO_NODE_OUTPUT and
 * values that no node reads (the last one, always) are there, others only with keep_all. Valid until the next
 * run or prepare. */
yolo_status yolo_runner_output(yolo_runner *runner, int node, yolo_tensor *out);
void yolo_runner_keep_all(yolo_runner *runner, bool keep); /* before prepare */

/* From the next run on, collects the rows of an output node that pass the filter, so that the whole tensor need not
 * come to the host; the filter may be changed between runs (its capacity: before prepare). At most YOLO_RUNNER_WATCHES
 * nodes. */
enum { YOLO_RUNNER_WATCHES = 8 };
yolo_status yolo_runner_watch(yolo_runner *runner, int node, const yolo_row_filter *filter);
/* What was found in image n of the last run: *count rows in the order of their index; false when this backend does not
 * look for rows or found more than fit: then yolo_runner_output() has them all. Valid until the next run. */
typedef struct yolo_row {
  int index; /* (y * W + x) * rows + r */
  const float *values;
} yolo_row;
bool yolo_runner_rows(yolo_runner *runner, int node, int n, const yolo_row **rows, int *count);

const yolo_plan *yolo_runner_plan(const yolo_runner *runner);
const char *yolo_runner_device(const yolo_runner *runner);
/* Seconds spent by node of the last run; times == NULL switches timing off. n_nodes entries. */
void yolo_runner_time_nodes(yolo_runner *runner, double *times);

#endif
