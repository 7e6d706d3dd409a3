/* Winograd convolution for 3x3, stride 1 (Lavin & Gray 2016): the sum over channels of the element-wise products is
 * (m+2)^2 independent GEMMs of (tiles x C) by (C x filters).
 *
 * Per block of tiles: (1) transform the inputs into V, (2) for one group of panels of filters after the other multiply
 * all (m+2)^2 planes, sums in S, and transform S into outputs. S of a group fits the L2 cache; V is read once a group;
 * transformed weights stream by once a block, the next panel being fetched while the present one multiplies.
 *
 * Where there are many tiles, each thread takes whole blocks. Where there are few (deep, small maps with large weights)
 * all threads share one V and split the panels, so that the weights are read once in all.
 *
 * Layout: weights [panel][plane][channel][nr]; V [k block][plane][tile][YOLO_PANEL_STRIDE]; S [plane][tile][group * nr]. */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/gemm.h"

/* Bytes: what V and S of a block may take where the weights are small or large, what S of a group may take. */
enum { CACHE_SMALL = 800 << 10, CACHE_LARGE = 3500 << 10, WEIGHTS_LARGE = 2 << 20, CACHE_GROUP = 768 << 10, FEW_TILES = 64 };

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  const yolo_conv2d_attrs *a;
  const yolo_conv_pack *pack;
  const float *bias, *weights;
  int m, planes, channels, k_blocks;
  int tiles_h, tiles_w, tiles; /* tiles of the whole batch */
  int blocks, block;           /* how many blocks, and the most tiles of one */
  bool shared;
  int slices;                       /* of panels, when shared */
  int group;                        /* panels of a group */
  size_t v_plane, v_block, s_plane; /* floats */
  float slope1;
  bool add;  /* to what out holds */
  bool rest; /* something remains to be done after the slope: a hard activation, a residual */
  yolo_epilogue how;
  float *zeros, *v_shared, *scratch;
  size_t scratch_floats; /* a thread's */
  int first, count;      /* tiles of the present block, when shared */
} job;

/* A plane's distance is an odd number of cache lines, so that the planes of one tile spread over all sets. */
static size_t odd_lines(size_t floats) {
  const size_t lines = (floats + 15) / 16;
  return (lines | 1) * 16;
}

/* Everything that depends on shapes only: used for sizes and for running. */
static job geometry(const yolo_device *device, const yolo_op_call *call, int m) {
  const yolo_shape in = call->in[0].shape, out = call->out->shape;
  job j = {.device = device, .call = call, .a = call->attrs, .m = m, .planes = (m + 2) * (m + 2), .channels = in.c};
  const int nr = device->isa->nr;
  j.k_blocks = yolo_divide_up(in.c, YOLO_PANEL_K);
  j.tiles_h = yolo_divide_up(out.h, m);
  j.tiles_w = yolo_divide_up(out.w, m);
  j.tiles = out.n * j.tiles_h * j.tiles_w;
  const size_t weights = (size_t)j.planes * (size_t)in.c * (size_t)j.a->filters * sizeof(float);
  const size_t cache = weights > WEIGHTS_LARGE ? CACHE_LARGE : CACHE_SMALL;
  const size_t per_tile = (size_t)j.planes * (size_t)(in.c + nr) * sizeof(float);
  int most = (int)(cache / per_tile);
  if (most < 2 * device->isa->mr) most = 2 * device->isa->mr;
  j.shared = device->threads > 1 && j.tiles < FEW_TILES * device->threads;
  j.blocks = yolo_divide_up(j.tiles, most);
  if (!j.shared && device->threads > 1) j.blocks = yolo_round_up(j.blocks, device->threads);
  if (j.blocks > j.tiles) j.blocks = j.tiles;
  j.block = yolo_divide_up(j.tiles, j.blocks);
  const int panels = yolo_divide_up(j.a->filters, nr);
  j.slices = j.shared ? yolo_min_int(panels, 4 * device->threads) : 1;
  j.v_plane = odd_lines((size_t)j.block * YOLO_PANEL_STRIDE);
  j.v_block = j.v_plane * (size_t)j.planes;
  const size_t sums = (size_t)j.planes * (size_t)j.block * (size_t)nr * sizeof(float);
  j.group = yolo_max_int(1, yolo_min_int(yolo_divide_up(panels, j.slices), (int)(CACHE_GROUP / sums)));
  j.s_plane = odd_lines((size_t)j.block * (size_t)(j.group * nr));
  const size_t v = j.v_block * (size_t)j.k_blocks, s = j.s_plane * (size_t)j.planes;
  j.scratch_floats = j.shared ? s : v + s;
  return j;
}

/* Of a plane of a panel of weights. */
static size_t weight_plane(int channels, int nr) { return odd_lines((size_t)channels * (size_t)nr); }

static size_t zeros_floats(const job *j) { return (size_t)yolo_round_up(j->channels, 16); }

yolo_op_sizes yolo_conv_winograd_sizes(const yolo_device *device, const yolo_op_call *call, int m) {
  const job j = geometry(device, call, m);
  const size_t panels = (size_t)yolo_divide_up(j.a->filters, device->isa->nr);
  const size_t shared = j.shared ? j.v_block * (size_t)j.k_blocks : 0;
  yolo_op_sizes sizes;
  sizes.pack = (size_t)j.planes * weight_plane(j.channels, device->isa->nr) * panels * sizeof(float);
  sizes.work = (zeros_floats(&j) + shared + j.scratch_floats * (size_t)device->threads) * sizeof(float);
  return sizes;
}

/* ---- packing ---- */

typedef struct pack_job {
  const yolo_device *device;
  const yolo_conv_weights *weights;
  float *to;
  int m, channels, filters;
} pack_job;

enum { RUN = 16 }; /* channels whose taps are gathered together */

static void pack_panel(void *payload, int panel, int thread) {
  const pack_job *j = payload;
  const yolo_conv_weights *w = j->weights;
  const int nr = j->device->isa->nr, planes = (j->m + 2) * (j->m + 2), cols = yolo_min_int(nr, j->filters - panel * nr);
  const size_t plane = weight_plane(j->channels, nr);
  float taps[9][RUN * YOLO_MAX_NR] = {{0}}, g[9 * YOLO_MAX_NR];
  float *to = j->to + (size_t)panel * (size_t)planes * plane;
  (void)thread;
  for (int c0 = 0; c0 < j->channels; c0 += RUN) {
    const int n = yolo_min_int(RUN, j->channels - c0);
    const float *from = w->at + panel * nr * w->filter + c0 * w->channel;
    for (int tap = 0; tap < 9; tap++)
      yolo_pack_rows(nr, from + tap / 3 * w->row + tap % 3 * w->column, w->channel, w->filter, n, cols, taps[tap]);
    for (int c = 0; c < n; c++, to += nr) {
      for (int tap = 0; tap < 9; tap++) memcpy(g + tap * nr, taps[tap] + c * nr, (size_t)nr * sizeof *g);
      j->device->isa->winograd_weights(j->m, g, to, plane);
    }
  }
}

void yolo_conv_winograd_pack(const yolo_device *device, const yolo_op_call *call, int m, const yolo_conv_weights *weights,
                             yolo_conv_pack *pack, float *to) {
  pack_job j = {.device = device, .weights = weights, .to = to, .m = m, .channels = call->in[0].shape.c};
  j.filters = pack->filters;
  pack->k = j.channels;
  yolo_parallel(device->threads, pack->panels, pack_panel, &j);
}

/* ---- running ---- */

typedef struct tile_at {
  int image, y, x; /* first output pixel */
} tile_at;

static tile_at locate(const job *j, int tile) {
  tile_at at = {tile / (j->tiles_h * j->tiles_w), tile / j->tiles_w % j->tiles_h * j->m, tile % j->tiles_w * j->m};
  return at;
}

static void transform_input(const job *j, int tile, float *v) {
  const yolo_tensor *in = &j->call->in[0];
  const tile_at at = locate(j, tile);
  const int t = j->m + 2;
  const float *pixels[36];
  for (int k = 0; k < j->k_blocks; k++) {
    const int c = k * YOLO_PANEL_K, n = yolo_min_int(YOLO_PANEL_K, j->channels - c);
    for (int i = 0; i < t * t; i++) {
      const int y = at.y - j->a->pad.top + i / t, x = at.x - j->a->pad.left + i % t;
      const bool inside = y >= 0 && y < in->shape.h && x >= 0 && x < in->shape.w;
      pixels[i] = inside ? yolo_pixel(in, at.image, y, x) + c : j->zeros;
    }
    j->device->isa->winograd_input(j->m, pixels, n, v + (size_t)k * j->v_block, j->v_plane);
  }
}

static void transform_output(const job *j, int tile, int panel, const float *sums) {
  const yolo_tensor *out = j->call->out;
  const tile_at at = locate(j, tile);
  const int nr = j->device->isa->nr, filter = panel * nr, cols = yolo_min_int(nr, j->a->filters - filter);
  const int h = yolo_min_int(j->m, out->shape.h - at.y), w = yolo_min_int(j->m, out->shape.w - at.x);
  float *pixels[16];
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) pixels[y * j->m + x] = yolo_pixel(out, at.image, at.y + y, at.x + x) + filter;
  j->device->isa->winograd_output(j->m, sums, j->s_plane, cols, j->bias ? j->bias + filter : NULL, j->slope1, j->add, pixels, h,
                                  w);
  if (!j->rest) return;
  for (int y = 0; y < h; y++) {
    yolo_epilogue how = j->how;
    if (j->a->residual) how.residual = yolo_pixel(&j->call->in[1], at.image, at.y + y, at.x) + filter;
    j->device->isa->epilogue(pixels[y * j->m], out->stride, w, cols, &how);
  }
}

/* One panel of one plane: count tiles by nr filters into `to`. `next`: the panel that comes afterwards, or NULL. */
static void multiply_panel(const job *j, int plane, int count, const float *weights, const float *v, float *to,
                           const float *next) {
  const int nr = j->device->isa->nr;
  for (int k = 0; k < j->k_blocks; k++) {
    const int c = k * YOLO_PANEL_K;
    yolo_tile tile = {.ldc = (size_t)(j->group * nr), .cols = nr, .slope1 = 1, .slope2 = 1, .last = false};
    tile.a = v + (size_t)k * j->v_block + (size_t)plane * j->v_plane;
    tile.b = weights + (size_t)c * (size_t)nr;
    tile.c = to;
    tile.k = yolo_min_int(YOLO_PANEL_K, j->channels - c);
    tile.first = k == 0;
    const size_t bytes = (size_t)tile.k * (size_t)nr * sizeof(float);
    yolo_gemm_panel(j->device->isa, tile, count, k + 1 < j->k_blocks ? tile.b + (size_t)tile.k * (size_t)nr : next, bytes,
                    NULL);
  }
}

/* Tiles [first, first + count), whose V is given, for panels [p0, p1): at most one group. */
static void multiply_group(const job *j, int first, int count, int p0, int p1, const float *v, float *s) {
  const int nr = j->device->isa->nr;
  const size_t plane_floats = weight_plane(j->channels, nr), panel_floats = plane_floats * (size_t)j->planes;
  for (int i = 0; i < j->planes; i++) {
    for (int p = p0; p < p1; p++) {
      const float *weights = j->weights + (size_t)p * panel_floats + (size_t)i * plane_floats;
      const float *next = p + 1 < p1 ? weights + panel_floats : NULL;
      if (p + 1 == p1 && i + 1 < j->planes) next = j->weights + (size_t)p0 * panel_floats + (size_t)(i + 1) * plane_floats;
      multiply_panel(j, i, count, weights, v, s + (size_t)i * j->s_plane + (size_t)((p - p0) * nr), next);
    }
  }
  for (int t = 0; t < count; t++)
    for (int p = p0; p < p1; p++) transform_output(j, first + t, p, s + (size_t)(t * j->group + p - p0) * (size_t)nr);
}

static void multiply(const job *j, int first, int count, int p0, int p1, const float *v, float *s) {
  for (int p = p0; p < p1; p += j->group) multiply_group(j, first, count, p, yolo_min_int(p1, p + j->group), v, s);
}

static int block_start(const job *j, int block) { return (int)((long)j->tiles * block / j->blocks); }

static void run_block(void *payload, int block, int thread) {
  const job *j = payload;
  float *v = j->scratch + (size_t)thread * j->scratch_floats, *s = v + j->v_block * (size_t)j->k_blocks;
  const int first = block_start(j, block), count = block_start(j, block + 1) - first;
  for (int t = 0; t < count; t++) transform_input(j, first + t, v + (size_t)t * YOLO_PANEL_STRIDE);
  multiply(j, first, count, 0, j->pack->panels, v, s);
}

static void run_shared_input(void *payload, int tile, int thread) {
  const job *j = payload;
  (void)thread;
  transform_input(j, j->first + tile, j->v_shared + (size_t)tile * YOLO_PANEL_STRIDE);
}

static void run_shared_slice(void *payload, int slice, int thread) {
  const job *j = payload;
  const int p0 = j->pack->panels * slice / j->slices, p1 = j->pack->panels * (slice + 1) / j->slices;
  multiply(j, j->first, j->count, p0, p1, j->v_shared, j->scratch + (size_t)thread * j->scratch_floats);
}

void yolo_conv_winograd_forward(const yolo_device *device, const yolo_op_call *call, int m, bool add) {
  job j = geometry(device, call, m);
  j.add = add;
  j.pack = call->packed;
  j.bias = yolo_conv_pack_bias(j.pack);
  j.weights = yolo_conv_pack_weights(device, j.a, j.pack);
  j.zeros = call->work;
  memset(j.zeros, 0, zeros_floats(&j) * sizeof(float));
  j.v_shared = j.zeros + zeros_floats(&j);
  j.scratch = j.v_shared + (j.shared ? j.v_block * (size_t)j.k_blocks : 0);
  j.how = (yolo_epilogue){.act2 = j.a->act2, .ldr = j.a->residual ? call->in[1].stride : 0};
  if (!yolo_conv_slope(j.a->act1, &j.slope1)) {
    j.slope1 = 1;
    j.how.act1 = j.a->act1;
  }
  j.rest = j.how.act1 != YOLO_ACT_linear || j.how.act2 != YOLO_ACT_linear || j.a->residual;
  if (!j.shared) {
    yolo_parallel(device->threads, j.blocks, run_block, &j);
    return;
  }
  for (int b = 0; b < j.blocks; b++) {
    j.first = block_start(&j, b);
    j.count = block_start(&j, b + 1) - j.first;
    yolo_parallel(device->threads, j.count, run_shared_input, &j);
    yolo_parallel(device->threads, j.slices, run_shared_slice, &j);
  }
}
