#!/usr/bin/env bash
# The checks of the CUDA backend that need a card. Each stage is done within ten minutes, works off all of its checks whatever
# fails, and ends with "STAGE: N passed, N failed, N skipped"; what was said in full goes to OUT/STAGE.txt.
#   smoke     doctor, real networks against the CPU, a few convolutions: the first thing to run
#   conform   every op in every precision and both paths of convolutions (ops), then whole networks, equal bits and trouble
#             (networks); with cuDNN and without. Either half is a stage of its own, too
#   sanitize  compute-sanitizer: memcheck, racecheck, initcheck on a reduced list
#   bench     speed against PyTorch (bench_gpu.py)
#   all       all of them, in this order
# Usage: scripts/gpu_check.sh STAGE --data DIR --out DIR [--bin DIR] [--build] [--seconds N] [--full]
#   --data     what scripts/gpu_gather.sh made (or a folder as YOLO_TEST_DATA names it)
#   --bin      ready-built programs, a folder or gpu-bundle/programs.tar.xz; without it, or with --build, they are built here
#   --seconds  the most a stage may take (default 540)
#   --full     bench: more networks and precisions
# Without a card: SKIP, exit 77.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
usage() { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }

stages="" data="" out="" bin="" build=no seconds=540 quick=--quick
while [ $# -gt 0 ]; do
  case $1 in
    smoke | conform | ops | networks | sanitize | bench) stages+=" $1" ;;
    all) stages="smoke conform sanitize bench" ;;
    --data | --out | --bin | --seconds)
      [ $# -ge 2 ] || usage
      printf -v "${1#--}" '%s' "$2"
      shift ;;
    --build) build=yes ;;
    --full) quick="" ;;
    *) usage ;;
  esac
  shift
done
[ -n "$stages" ] && [ -n "$data" ] && [ -n "$out" ] || usage
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
bundle=$data
[ -d "$data/data" ] && data=$data/data || bundle=$(dirname "$data")
data=$(cd "$data" && pwd) && bundle=$(cd "$bundle" && pwd) || { echo "gpu_check: there is no folder '$data'" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=${PYTHON:-python3}
export PATH=$PATH:/usr/local/cuda/bin

if ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
  echo "SKIP: no card answers here (nvidia-smi lists none); nothing was checked"
  exit 77
fi

# ---- where libraries lie ----
# cuDNN and what it loads, from the Python packages that PyTorch brings; their headers for building.
nvidia_folders() { # lib | include
  "$python" - "$1" <<'PYTHON' 2>/dev/null
import glob, os, sys
import nvidia
found = [p for base in nvidia.__path__ for p in glob.glob(os.path.join(base, "*", sys.argv[1]))]
print(":".join(sorted(found, key=lambda p: "cudnn" not in p)))
PYTHON
}
inherited="" # LD_LIBRARY_PATH as it is, without folders that have cuDNN
IFS=: read -ra folders <<<"${LD_LIBRARY_PATH:-}"
for folder in ${folders[@]+"${folders[@]}"}; do
  compgen -G "$folder/libcudnn.so*" >/dev/null || inherited+=":$folder"
done
cudnn_path=$(nvidia_folders lib)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}:/usr/local/cuda/lib64
python_include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])' 2>/dev/null)

# ---- programs ----
build_programs() {
  local prefix=$bundle/prefix pkg targets
  pkg=$(command -v pkg-config || echo "$prefix/bin/pkg-config")
  [ -d "$prefix/include/stb" ] && local stb=$prefix/include
  chmod +x "$prefix"/bin/* 2>/dev/null
  export PKG_CONFIG=$pkg PKG_CONFIG_PATH=$prefix/lib/pkgconfig CMAKE_PREFIX_PATH=$prefix
  for CUDNN_INCLUDE_DIR in $(nvidia_folders include | tr : ' '); do
    if [ -f "$CUDNN_INCLUDE_DIR/cudnn.h" ]; then break; fi
  done
  export CUDNN_INCLUDE_DIR
  cmake --preset cuda -B build/gpu-check -DCMAKE_CUDA_ARCHITECTURES=native -DYOLO_TESTS=ON \
    ${stb:+"-DSTB_INCLUDE_DIR=$stb"} "-DPKG_CONFIG_EXECUTABLE=$pkg" || return 1
  mapfile -t targets < <(find tests/gpu -name 'test_*.c' -exec basename {} .c \;)
  cmake --build build/gpu-check -j "$(nproc)" --target yolo_program conformance ${targets[@]+"${targets[@]}"}
}
if [ -z "$bin" ] || [ "$build" = yes ]; then
  echo "building in build/gpu-check ..."
  build_programs >"$scratch/build" 2>&1 || { tail -n 40 "$scratch/build"; echo "gpu_check: the build failed"; exit 1; }
  bin=build/gpu-check own_path=$bundle/prefix/lib
fi
if [ -f "$bin" ]; then
  mkdir "$scratch/bin"
  "$python" -m tarfile -e "$bin" "$scratch/bin" || exit 2
  bin=$scratch/bin
fi
bin=$(cd "$bin" && pwd) || exit 2
own_path=${own_path:-$bin/lib}
program() { find "$bin" -type f -name "$1" | head -n 1; }
for name in yolo conformance; do
  [ -n "$(program $name)" ] || { echo "gpu_check: $bin has no program '$name'" >&2; exit 2; }
done
find "$bin" -maxdepth 1 -type f ! -name '*.*' -exec chmod +x {} + 2>/dev/null
near=(env "LD_LIBRARY_PATH=$own_path:$cudnn_path" "YOLO_TEST_DATA=$data")
without=(env "LD_LIBRARY_PATH=$own_path$inherited" "YOLO_TEST_DATA=$data")

# ---- one check, one line ----
say() { printf '%s\n' "$*" | tee -a "$result"; }
verdict() { say "$(printf '%-58s %-4s %4d s  %s' "$1" "$2" "$3" "$4")"; }

# check NAME SECONDS COMMAND...: 0 is good, anything else failed, also 77 (no card): there is one. Its output goes to the
# stage's file.
check() {
  local name=$1 limit=$2 began=$SECONDS status=0 left=$((stage_end - SECONDS)) lines=12 what=""
  shift 2
  if [ "$left" -lt 5 ]; then
    failed=$((failed + 1))
    verdict "$name" FAIL 0 "the stage has no time left"
    return 1
  fi
  [ "$limit" -le "$left" ] || limit=$left
  timeout -k 5 "$limit" "$@" >"$scratch/said" 2>&1 </dev/null || status=$?
  case $status in
    0) passed=$((passed + 1)) what=ok ;;
    124 | 137) failed=$((failed + 1)) what=FAIL; echo "no end within $limit s" >>"$scratch/said" ;;
    *) failed=$((failed + 1)) what=FAIL ;;
  esac
  verdict "$name" $what $((SECONDS - began)) "$([ $what = FAIL ] && echo "exit $status")"
  grep -E '^ *SKIP|: SKIP' "$scratch/said" | sort | uniq -c | head -n 6
  if [ $what = FAIL ]; then
    tail -n 25 "$scratch/said" | cut -c -300
    lines=150
  fi
  { grep -E '^ *SKIP|: SKIP|^FAIL' "$scratch/said" | head -n 40; tail -n $lines "$scratch/said"; } | cut -c -400 | sed 's/^/    /' \
    >>"$result"
  [ $what != FAIL ]
}

skip() { # NAME REASON
  skipped=$((skipped + 1))
  verdict "$1" SKIP 0 "$2"
}

describe() {
  local package
  say "card    $(nvidia-smi --query-gpu=name,memory.total,compute_cap --format=csv,noheader | head -n 1)"
  say "driver  $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"
  say "CUDA    $(nvcc --version 2>/dev/null | sed -n 's/.*release/release/p')"
  for package in nvidia-cudnn-cu13 nvidia-cudnn-cu12 torch torchvision; do
    "$python" -c 'import sys, importlib.metadata as m; print(sys.argv[1], m.version(sys.argv[1]))' $package 2>/dev/null | tee -a "$result"
  done
  say "commit  $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
}

# ---- the stages ----
# detection JSON WEIGHTS OPTIONS...: the command line of a run on the test photographs, in `words`
detection() {
  local json=$1 weights=$2
  shift 2
  words=("${near[@]}" "$(program yolo)" detect "$data/images" --weights "$weights" --cfg "${weights%.weights}.cfg" --conf 0.2
    --json "$json" --no-images --quiet "$@")
}

networks() { # PRECISION IOU CONFIDENCE: all real networks against the CPU
  local weights name
  for weights in "$data"/weights/*.weights; do
    [ -f "$weights" ] || { skip "networks, $1" "$data/weights has none"; return; }
    name=$(basename "$weights" .weights)
    if [ ! -f "$scratch/$name.cpu" ]; then
      detection "$scratch/$name.cpu" "$weights" --device cpu
      check "$name on the CPU" 120 "${words[@]}" || continue
    fi
    detection "$scratch/$name.$1" "$weights" --device cuda --precision "$1"
    check "$name $1" 60 "${words[@]}" || continue
    check "$name $1 against the CPU" 20 "$python" scripts/gpu_compare.py "$scratch/$name.cpu" "$scratch/$name.$1" --iou "$2" \
      --confidence "$3"
  done
}

same_twice() { # PRECISION: --deterministic gives the same bits again
  local run weights
  weights=$(find "$data/weights" -name '*.weights' 2>/dev/null | sort | tail -n 1)
  [ -n "$weights" ] || { skip "deterministic, $1" "$data/weights has none"; return; }
  for run in 1 2; do
    detection "$scratch/twice.$run" "$weights" --device cuda --precision "$1" --deterministic
    check "deterministic, $1, run $run" 60 "${words[@]}" || return
  done
  check "deterministic, $1: equal to the last bit" 10 cmp "$scratch/twice.1" "$scratch/twice.2"
}

stage_smoke() {
  check "yolo doctor" 60 "${near[@]}" "$(program yolo)" doctor
  check "yolo doctor without cuDNN" 60 "${without[@]}" "$(program yolo)" doctor
  networks fp32 0.999 0.0001
  networks fp16 0.98 0.01 # what misses it on an H100: docs/accuracy.md, "The GPU against the CPU"
  check "convolutions, one case in 20" 120 "${near[@]}" "$(program conformance)" conv2d --backend cuda --every 20
}

stage_conform() {
  stage_ops
  stage_networks
}

stage_ops() {
  local op
  for op in $(sed -n 's/^YOLO_OP(\([a-z0-9_]*\),.*/\1/p' backbone/ops/op_list.h); do
    check "conformance $op" 240 "${near[@]}" "$(program conformance)" "$op" --backend cuda
  done
  for op in conv2d linear; do
    check "conformance $op without cuDNN" 240 "${without[@]}" "$(program conformance)" "$op" --backend cuda
  done
}

stage_networks() {
  local name
  for name in test_cuda_network test_cuda_trouble; do
    if [ -z "$(program $name)" ]; then
      skip $name "$bin has no such program"
      continue
    fi
    check $name 240 "${near[@]}" "$(program $name)"
  done
  # Without cuDNN nothing else than our own kernels can run: a part of the networks says it.
  name=$(program test_cuda_network)
  [ -z "$name" ] || check "test_cuda_network without cuDNN" 120 "${without[@]}" "$name" yolo-fastest-1.1-xl yolov4-tiny resnet50
  same_twice fp32
  same_twice fp16
}

sanitized() { # NAME TOOL SECONDS COMMAND...; our own kernels only: cuDNN's are not ours to judge, and slow under the tool
  local name=$1 tool=$2 limit=$3
  shift 3
  check "$name" "$limit" "${without[@]}" compute-sanitizer --tool "$tool" --error-exitcode 99 --print-limit 20 "$@"
}

stage_sanitize() {
  local rest weights=$data/weights/yolo-fastest-1.1.weights tool
  if ! command -v compute-sanitizer >/dev/null; then
    skip "compute-sanitizer" "it is not installed here"
    return
  fi
  # Some machines keep the tool from the card; then it says so at once.
  timeout 120 "${without[@]}" compute-sanitizer --tool memcheck "$(program conformance)" activation --backend cuda --every 1000 \
    >"$scratch/said" 2>&1 </dev/null
  if grep -qiE 'device not supported|not supported on this|insufficient permissions|unable to (find|initialize)' "$scratch/said"; then
    sed 's/^/    /' "$scratch/said" | tail -n 20 >>"$result"
    skip "compute-sanitizer" "it refuses this device: $(grep -iE 'supported|permission|unable' "$scratch/said" | head -n 1)"
    return
  fi
  rest=$(sed -n 's/^YOLO_OP(\([a-z0-9_]*\),.*/\1/p' backbone/ops/op_list.h | grep -v conv2d | xargs)
  for tool in memcheck initcheck racecheck; do
    sanitized "$tool: other ops" $tool 100 "$(program conformance)" $rest --backend cuda --every 12
    sanitized "$tool: convolutions" $tool 140 "$(program conformance)" conv2d --backend cuda --every 60
  done
  if [ -f "$weights" ]; then
    sanitized "memcheck: yolo detect, no leak" memcheck 120 --leak-check full "$(program yolo)" detect "$data/images/dog.jpg" \
      --weights "$weights" --cfg "${weights%.weights}.cfg" --device cuda --precision fp16 --no-images --quiet
  else
    skip "memcheck: yolo detect" "no weights in $data"
  fi
}

stage_bench() {
  local budget=$((stage_end - SECONDS - 25))
  # The program with its libraries, as one file to start.
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$own_path:$cudnn_path" "$(program yolo)" >"$scratch/yolo"
  chmod +x "$scratch/yolo"
  # torch.compile builds against Python.h.
  if [ ! -f "$python_include/Python.h" ] && [ -f "$bundle/prefix/include/$(basename "$python_include")/Python.h" ]; then
    CPATH=$bundle/prefix/include/$(basename "$python_include")${CPATH:+:$CPATH}
    export CPATH
  fi
  [ -n "${BENCH_OPTIONS:-}" ] && say "options: $BENCH_OPTIONS"
  # Its output is shown as it comes: when time ends, what was measured is there.
  timeout -k 5 $((budget + 20)) "$python" scripts/bench_gpu.py --yolo "$scratch/yolo" --data "$data" --out "$out/bench.jsonl" \
    --budget "$budget" $quick ${BENCH_OPTIONS:-} 2>&1 </dev/null | tee -a "$result"
  if [ "${PIPESTATUS[0]}" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  skipped=$(grep -c '"dropped"' "$out/bench.jsonl" 2>/dev/null)
}

bad=0
for stage in $stages; do
  result=$out/$stage.txt
  : >"$result"
  passed=0 failed=0 skipped=0 stage_end=$((SECONDS + seconds))
  describe
  "stage_$stage"
  say "$stage: $passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ] || bad=1 # what was skipped was said
done
exit $bad
