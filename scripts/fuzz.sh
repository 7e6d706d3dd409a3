#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz, one after the other on one core: scripts/fuzz.sh [SECONDS [TARGET...]]
# (default: 180 seconds each, every target of tests/fuzz). Needs clang; see CONTRIBUTING.md.
#
# What was found new is kept in build/fuzz/corpus/TARGET and is where the next run begins; an input that crashes, leaks,
# hangs (10 s) or takes 3 GB lies in build/fuzz/found/TARGET, and the run ends with its path:
#   build/fuzz/tests/fuzz/fuzz_TARGET FILE    shows it again
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-180}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(cfg coco data_cfg idx image mask mask_png ops results safetensors voc weights yolo_txt)

cmake --preset fuzz
cmake --build --preset fuzz
mkdir -p build/fuzz/corpus
build/fuzz/tests/fuzz/make_seeds build/fuzz/corpus
cp backbone/models/*.cfg build/fuzz/corpus/cfg/
if [ -n "${YOLO_TEST_DATA:-}" ]; then # small files only: the fuzzer makes them large by itself
  find "$YOLO_TEST_DATA/robust" -type f -size -20k -exec cp -n {} build/fuzz/corpus/image/ \;
else
  echo "SKIP: YOLO_TEST_DATA is not set; image starts from a few files of its own"
fi

for target in "${targets[@]}"; do
  longest=65536
  case $target in
    ops) longest=64 ;;
    cfg | data_cfg) longest=20000 ;;
    coco | idx | results | voc | yolo_txt | mask_png) longest=4096 ;;
  esac
  found=build/fuzz/found/$target/
  mkdir -p "$found"
  build/fuzz/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -max_len=$longest \
    -artifact_prefix="$found" -print_final_stats=1 -verbosity=0 build/fuzz/corpus/"$target" ||
    { echo "fuzz.sh: $target found something; the input lies in $found" >&2; exit 1; }
  echo "fuzz.sh: $target: $seconds s, nothing found"
done
