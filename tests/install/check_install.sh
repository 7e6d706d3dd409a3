#!/usr/bin/env bash
# Installs the build into an empty folder and uses it from outside: the example program through the CMake
# package and through pkg-config, shared and static, after the tree has been moved; what the shared library
# exports, needs and is called; yolo.h as C99 and as C++17.
# Usage: check_install.sh SOURCE BUILD CC
set -euo pipefail
source_dir=$1 build=$2 cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s\n' "$*"; }
fail() { say "FAIL: $*"; exit 1; }

cmake --install "$build" --prefix "$work/first" >"$work/log" || fail "install: $(cat "$work/log")"
mv "$work/first" "$work/prefix with space" # nothing may remember where it was installed
prefix="$work/prefix with space"
pc=$(find "$prefix" -name yolo.pc)
libdir=$(dirname "$(dirname "$pc")")
[ -x "$prefix/bin/yolo" ] || fail "bin/yolo is missing"
for header in yolo.h yolo_status.h; do
  [ -f "$prefix/include/yolo/$header" ] || fail "include/yolo/$header is missing"
done
zoo=$(find "$source_dir/backbone/models" -name '*.cfg' | wc -l)
[ "$(find "$prefix/share/yolo/models" -name '*.cfg' | wc -l)" -eq "$zoo" ] || fail "share/yolo/models lacks networks"

# The shared library: its name, its exports (exactly the YOLO_API functions), its private needs.
so=$libdir/libyolo.so.0
[ -f "$so" ] || fail "no libyolo.so.0 in $libdir"
readelf -d "$so" | grep -q 'SONAME.*\[libyolo\.so\.0\]' || fail "the soname is not libyolo.so.0"
# (clang's OpenMP leaves locks whose names start with a dot: no C program can name them.)
nm -D --defined-only "$so" | awk '$2 ~ /[TDBRVW]/ { sub(/@.*/, "", $3); print $3 }' | grep -v '^\.' | sort >"$work/exported"
sed -n 's/^YOLO_API.*[ *]\(yolo_[a-z_]*\)(.*/\1/p' "$prefix"/include/yolo/*.h | sort >"$work/declared"
[ -s "$work/declared" ] || fail "no YOLO_API line found in the headers"
diff "$work/declared" "$work/exported" || fail "declared (<) and exported (>) functions differ"
say "exports: $(wc -l <"$work/exported") functions, exactly those of yolo.h"

# yolo.h alone, in the two languages it promises.
printf '#include <yolo/yolo.h>\n#include "yolo.h"\nint main(void) { return yolo_version() == 0; }\n' >"$work/h.c"
cp "$work/h.c" "$work/h.cpp"
"$cc" -std=c99 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -I"$prefix/include/yolo" -fsyntax-only "$work/h.c"
if command -v g++ >/dev/null; then
  g++ -std=c++17 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -I"$prefix/include/yolo" -fsyntax-only "$work/h.cpp"
else
  say "SKIP: no g++, yolo.h was not compiled as C++17"
fi

mkdir "$work/consumer"
cp "$source_dir/docs/example_detect.c" "$work/consumer/"
cp "$source_dir/tests/install/consumer.cmake" "$work/consumer/CMakeLists.txt"
if ! (cmake -S "$work/consumer" -B "$work/consumer/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" &&
  cmake --build "$work/consumer/build") >"$work/log" 2>&1; then
  fail "the CMake package does not serve a program: $(cat "$work/log")"
fi
programs=("$work/consumer/build/with_shared" "$work/consumer/build/with_static")

PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
shared_flags=() static_flags=()
eval "shared_flags=($(pkg-config --cflags --libs yolo))"
"$cc" -std=c99 "$work/consumer/example_detect.c" -o "$work/pc_shared" "${shared_flags[@]}" -Wl,-rpath,"$libdir" ||
  fail "pkg-config --cflags --libs does not link"
eval "static_flags=($(pkg-config --static --cflags --libs yolo | sed 's/-lyolo/-l:libyolo.a/'))"
"$cc" -std=c99 "$work/consumer/example_detect.c" -o "$work/pc_static" "${static_flags[@]}" ||
  fail "pkg-config --static does not link the archive"
programs+=("$work/pc_shared" "$work/pc_static")
for program in "${programs[@]}"; do
  needs=$(readelf -d "$program" | grep -c 'NEEDED.*libyolo' || true)
  case $program in
    *shared) [ "$needs" -eq 1 ] || fail "$program does not use the shared library" ;;
    *) [ "$needs" -eq 0 ] || fail "$program was meant to hold the archive" ;;
  esac
done
readelf -d "${programs[0]}" | grep -Eq 'NEEDED.*(cjson|expat|turbojpeg|gomp|libomp)' &&
  fail "a program with the shared library must not link its private libraries"
say "linked: CMake package and pkg-config, shared and static"

# The programs do their work: a real photograph, where there is one.
if [ -n "${YOLO_TEST_DATA:-}" ]; then
  weights=$YOLO_TEST_DATA/weights/yolo-fastest-1.1-xl
  "$prefix/bin/yolo" convert "$weights.weights" --cfg "$weights.cfg" --names "$YOLO_TEST_DATA/weights/coco.names" \
    "$work/model.safetensors" >/dev/null
  for program in "${programs[@]}"; do
    "$program" "$work/model.safetensors" "$YOLO_TEST_DATA/images/dog.jpg" >"$work/found" || fail "$program: exit $?"
    grep -q dog "$work/found" || fail "$program found no dog: $(cat "$work/found")"
  done
  say "ran: four programs, each found the dog"
else
  say "SKIP: YOLO_TEST_DATA is not set, the example programs were linked but not run"
fi
