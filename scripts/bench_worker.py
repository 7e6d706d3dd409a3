"""One engine, one network, one process: loads once, then answers requests on standard input.

    bench_worker.py PEER FOLDER CPU[,CPU...]     (started by bench_peers.py, which fills FOLDER)
"run K" answers with the times of K runs in ms, "outputs" with a digest of every output tensor for the fixed
input, "quit" ends. Between requests the process sleeps in a read. One JSON line an answer.
"""
import json
import os
import sys
import time

PEER, FOLDER, CPUS = sys.argv[1], sys.argv[2], [int(c) for c in sys.argv[3].split(",")]
os.sched_setaffinity(0, CPUS)
os.environ["OMP_NUM_THREADS"] = str(len(CPUS))

import numpy as np  # noqa: E402  (the mask and the thread count must come first)

THREADS = len(CPUS)


def path(name):
    return os.path.join(FOLDER, name)


META = json.load(open(path("meta.json"), encoding="utf-8"))
INPUT = np.load(path("input.npy"))  # (1, C, H, W), 0..1, multiples of 1/255


class Yolo:
    """libyolo through its C API; the time is what the library reports for the network alone, as for the
    others, and `whole` the full call: resize, network, decoding, NMS."""

    def __init__(self):
        import ctypes as c

        class Options(c.Structure):
            _fields_ = [("cfg", c.c_char_p), ("names", c.c_char_p), ("device", c.c_char_p), ("threads", c.c_int),
                        ("width", c.c_int), ("height", c.c_int), ("partial", c.c_int), ("cutoff", c.c_int),
                        ("letterbox", c.c_char_p), ("filter", c.c_char_p)]

        class Detect(c.Structure):
            _fields_ = [("confidence", c.c_float), ("iou", c.c_float), ("nms", c.c_int), ("agnostic", c.c_int),
                        ("best_class", c.c_int), ("max_detections", c.c_int), ("classes", c.c_void_p), ("n_classes", c.c_int)]

        class Result(c.Structure):
            _fields_ = [("count", c.c_int), ("detections", c.c_void_p), ("width", c.c_int), ("height", c.c_int),
                        ("n_scores", c.c_int), ("scores", c.c_void_p), ("load_ms", c.c_double), ("network_ms", c.c_double),
                        ("post_ms", c.c_double)]

        self.c, self.lib = c, c.CDLL(META["libyolo"])
        self.lib.yolo_error_message.restype = c.c_char_p
        options = Options(cfg=META["cfg"].encode(), threads=THREADS)
        self.model, self.context = c.c_void_p(), c.c_void_p()
        self.check(self.lib.yolo_model_load(META["weights"].encode(), c.byref(options), c.byref(self.model)))
        self.check(self.lib.yolo_context_new(self.model, c.byref(self.context)))
        self.how, self.result_type = Detect(confidence=0.999), Result
        self.pixels = np.ascontiguousarray((INPUT[0].transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8))
        self.whole = []

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.lib.yolo_error_message().decode())

    def run(self):
        c, result = self.c, self.c.c_void_p()
        h, w = self.pixels.shape[:2]
        began = time.perf_counter()
        self.check(self.lib.yolo_detect_pixels(self.context, self.pixels.ctypes.data_as(c.c_void_p), w, h, c.c_size_t(0), 0,
                                               c.byref(self.how), c.byref(result)))
        self.whole.append((time.perf_counter() - began) * 1e3)
        ms = c.cast(result, c.POINTER(self.result_type)).contents.network_ms
        self.lib.yolo_result_free(result)
        return ms

    def outputs(self):
        return None  # the API hands out detections; compare_torch.py compares the tensors


class Timed:
    def run(self):
        began = time.perf_counter()
        self.call()
        return (time.perf_counter() - began) * 1e3


class OnnxRuntime(Timed):
    def __init__(self):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = ort.InferenceSession(path("net.onnx"), options, providers=["CPUExecutionProvider"])

    def call(self):
        return self.session.run(META["outputs"], {"data": INPUT})

    outputs = call


class Ncnn(Timed):
    def __init__(self):
        import ncnn
        self.ncnn, self.net = ncnn, ncnn.Net()
        o = self.net.opt
        o.num_threads, o.use_vulkan_compute, o.lightmode = THREADS, False, True
        o.use_winograd_convolution = o.use_sgemm_convolution = o.use_packing_layout = True
        o.use_fp16_packed = o.use_fp16_storage = o.use_fp16_arithmetic = False
        o.use_bf16_storage = o.use_int8_inference = False
        if self.net.load_param(path("net.param")) != 0 or self.net.load_model(path("net.bin")) != 0:
            raise RuntimeError("ncnn could not load the network")
        self.data = ncnn.Mat(INPUT[0])

    def call(self):
        extractor = self.net.create_extractor()
        extractor.input("data", self.data)
        found = [extractor.extract(name) for name in META["ncnn_outputs"]]
        if any(status != 0 for status, _ in found):
            raise RuntimeError("ncnn could not compute an output")
        return [mat for _, mat in found]

    def outputs(self):
        return [np.array(mat) for mat in self.call()]


class OpenCv(Timed):
    def __init__(self):
        import cv2
        cv2.setNumThreads(THREADS)
        # The Darknet reader left OpenCV with version 5; the ONNX file holds the same network.
        self.net = cv2.dnn.readNetFromONNX(path("net.onnx"))

    def call(self):
        self.net.setInput(INPUT)
        return self.net.forward(META["outputs"])

    outputs = call


class Torch(Timed):
    """Eager, batch norm folded; whichever of channels_last and the default layout is faster here."""

    def __init__(self):
        import torch
        from bench_lower import lower, run_torch
        from torch_reference import Network
        torch.set_num_threads(THREADS)
        self.torch, self.run_torch = torch, run_torch
        self.nodes, self.names, _ = lower(Network(META["cfg"]).read_weights(META["weights"]))
        best = None
        for layout in (torch.channels_last, torch.contiguous_format):
            self.use(layout)
            took = min(self.run() for _ in range(3))
            if best is None or took < best[0]:
                best = took, layout
        self.use(best[1])

    def use(self, layout):
        for n in self.nodes:
            if n.kind == "conv":
                n.v["weight"] = n.v["weight"].contiguous(memory_format=layout)
        self.data = self.torch.from_numpy(INPUT).contiguous(memory_format=layout)

    def call(self):
        with self.torch.inference_mode():
            return self.run_torch(self.nodes, self.names, self.data)

    def outputs(self):
        return [t.contiguous().numpy() for t in self.call()]


PEERS = {"yolo": Yolo, "onnxruntime": OnnxRuntime, "ncnn": Ncnn, "opencv": OpenCv, "torch": Torch}


def digest(arrays):
    """A few numbers that differ where the network does: count, largest magnitude, 16 spread samples."""
    made = []
    for a in arrays:
        flat = np.asarray(a, dtype=np.float64).reshape(-1)
        spread = flat[np.linspace(0, len(flat) - 1, 16).astype(int)]
        made.append({"count": len(flat), "scale": float(np.abs(flat).max()), "values": [float(v) for v in spread]})
    return made


def main():
    # Engines may print; the pipe is ours.
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        print(json.dumps(value), file=pipe, flush=True)

    peer = PEERS[PEER]()
    for _ in range(3):
        peer.run()
    answer("ready")
    for line in sys.stdin:
        word = line.split()
        if word[0] == "run":
            if PEER == "yolo":
                peer.whole = []
            answer({"ms": [peer.run() for _ in range(int(word[1]))], "whole": getattr(peer, "whole", [])})
        elif word[0] == "outputs":
            arrays = peer.outputs()
            answer(None if arrays is None else digest(arrays))
        else:
            break


if __name__ == "__main__":
    main()
