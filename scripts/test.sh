#!/usr/bin/env bash
# All checks, as the CI runs them, from a fresh clone. One line a stage with its time; the last line is the sum.
# Outside data: set YOLO_TEST_DATA (see CONTRIBUTING.md); tests that need it skip aloud without it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --test

total=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
jobs=$(nproc)

# stage NAME COMMAND...: runs it, prints one line; a failure shows its output and is counted at the end.
stage() {
  local name=$1 began=$SECONDS
  shift
  if "$@" >"$logs/out" 2>&1 </dev/null; then
    printf '%-44s ok    %4d s\n' "$name" $((SECONDS - began))
    return 0
  fi
  printf '%-44s FAIL  %4d s\n' "$name" $((SECONDS - began))
  tail -n 60 "$logs/out"
  total=$((total + 1)) failed=$((failed + 1))
  return 1
}

build() { # PRESET; everything, or only the targets the caller named
  cmake --preset "$1" -DYOLO_TESTS=ON && cmake --build --preset "$1" -j "$jobs" ${targets:+--target $targets}
}

build_without_tests() { cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"; }

# tests NAME PRESET CTEST-OPTIONS...: builds, then adds ctest's counts to the sum.
targets=""
tests() {
  local name=$1 preset=$2 passed bad left began
  shift 2
  stage "build: $name" build "$preset" || return 0
  began=$SECONDS
  ctest --preset "$preset" -j "$jobs" "$@" >"$logs/out" 2>&1 </dev/null || true
  # "97% tests passed, 3 tests failed out of 112"
  read -r bad passed < <(awk '/tests passed, .* tests? failed out of/ { print $4, $NF - $4; found = 1 }
                              END { if (!found) print 1, 0 }' "$logs/out")
  left=$(grep -c '(Skipped)$' "$logs/out" || true) # ctest counts them as passed
  passed=$((passed - left)) skipped=$((skipped + left))
  printf '%-44s %-5s %4d s   %d passed, %d failed, %d skipped\n' "tests: $name" "$([ "$bad" -eq 0 ] && echo ok || echo FAIL)" \
    $((SECONDS - began)) "$passed" "$bad" "$left"
  grep -hE '(^|: )SKIP' "$logs/out" build/"$preset"/Testing/Temporary/LastTest.log 2>/dev/null | sort -u | sed 's/^/  /' || true
  if [ "$bad" -ne 0 ]; then tail -n 200 "$logs/out"; fi
  total=$((total + passed + bad)) failed=$((failed + bad))
}

[ -n "${YOLO_TEST_DATA:-}" ] || echo "SKIP: YOLO_TEST_DATA is not set; tests on real weights and images skip"
tests "gcc, release" gcc
# Trainings that are killed, compared and measured at length run once, in gcc's build: they are about files, not about a compiler.
tests "clang, release" clang -E '^(install|source)\.|^cli\.train_(same|trouble|memory)$'
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
tests "address and undefined sanitizers" asan -E '^source\.'
# Threads: two models in four threads through the API, the log and the error text, and the program's decoding thread.
targets="test_api test_base yolo_program json_flatten"
tests "thread sanitizer, reference kernels" tsan -R '^(unit\.test_(api|base)|cli\.(tiny|sources))$'
# The team of threads and the kernels on it, with an OpenMP that the sanitizer understands.
targets="test_threads test_network"
tests "thread sanitizer, clang's OpenMP" tsan-openmp -R '^unit\.test_(threads|network)$'

# A build without CUDA neither needs nor mentions it; the op list fits the launchers.
without_cuda() {
  local found
  found=$({ ldd build/gcc/yolo; nm build/gcc/yolo; grep -E '^CMAKE_CUDA|^CUDA' build/gcc/CMakeCache.txt; } |
    grep -iE 'cuda|cudnn|nvidia' || true)
  [ -z "$found" ] || { printf 'the build for the CPU has to do with CUDA:\n%s\n' "$found"; return 1; }
}
stage "no CUDA in the build for the CPU" without_cuda && total=$((total + 1))
stage "op list against CUDA launchers" scripts/check_cuda.sh && total=$((total + 1))

# The CUDA backend: compiled and linked for two capabilities, warnings are errors; what needs a card skips aloud. Then
# without cuDNN's headers, in the same folder, where the kernels are compiled already.
PATH=$PATH:/usr/local/cuda/bin
if command -v nvcc >/dev/null; then
  targets="yolo_program yolo_shared conformance test_activation_math"
  for test in tests/gpu/test_*.c; do
    if [ -f "$test" ]; then targets+=" $(basename "$test" .c)"; fi
  done
  tests "CUDA, two capabilities" cuda-ci -R '^unit\.test_activation_math$|^(install\.package|gpu|conformance\.cuda)'
  targets=""
  stage "build: CUDA without cuDNN's headers" build_without_tests cuda-ci-nocudnn && total=$((total + 1))
else
  echo "SKIP: no nvcc here, the CUDA backend was not compiled"
fi

printf 'whole run: %d s\n' "$SECONDS"
printf '%d passed, %d failed, %d skipped\n' $((total - failed)) "$failed" "$skipped"
[ "$failed" -eq 0 ]
