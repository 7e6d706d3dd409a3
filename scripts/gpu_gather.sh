#!/usr/bin/env bash
# Gathers into one folder what a machine with a card but without a network and without -dev packages lacks for
# scripts/gpu_check.sh; the folder is ignored by git and carried along beside the checkout's own files.
#   DIR/prefix   headers, libraries, pkg-config files (and pkg-config itself): for building there
#   DIR/data     a part of YOLO_TEST_DATA: real weights, the test photographs, some pictures of COCO
#   DIR/programs.tar.xz   the programs of BUILD, stripped, and in lib/ the shared libraries they need: nothing to build there.
#                         They hold the same kernels, so that packed together they are hardly larger than one.
# Usage: scripts/gpu_gather.sh [DIR [BUILD]]     (default: gpu-bundle build/cuda90; without BUILD no programs are packed)
#   cmake --preset cuda -B build/cuda90 -DCMAKE_CUDA_ARCHITECTURES=90-real && cmake --build build/cuda90
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-gpu-bundle} build=${2:-build/cuda90}
limit_mib=55 pictures=100 picture_bytes=163840
modules=(libcjson libturbojpeg zlib check libsubunit)

case $dir in "" | / | . | -*) echo "gpu_gather: '$dir' is no folder to fill" >&2; exit 2 ;; esac
if [ -d "$dir" ] && [ ! -f "$dir/gathered.txt" ] && [ -n "$(ls -A "$dir")" ]; then
  echo "gpu_gather: $dir exists and was not made by this script" >&2
  exit 1
fi
rm -rf "$dir"
mkdir -p "$dir/prefix/include" "$dir/prefix/lib/pkgconfig" "$dir/prefix/bin"
: >"$dir/gathered.txt"
note() { printf '%s\n' "$*" | tee -a "$dir/gathered.txt"; }

# ---- headers and libraries ----
# A library under each of its names, as real files: links may not survive the journey.
copy_library() { # FOLDER NAME
  local file
  for file in "$1/lib$2".so "$1/lib$2".so.[0-9] "$1/lib$2".a; do
    if [ -e "$file" ]; then cp -L "$file" "$dir/prefix/lib/"; fi
  done
}

for module in "${modules[@]}"; do
  pkg-config --exists "$module" || { echo "gpu_gather: pkg-config knows no $module; run scripts/setup.sh --test" >&2; exit 1; }
  from=$(pkg-config --variable=libdir "$module")
  # Its paths become relative to where the file lies.
  sed -E -e '/^(prefix|exec_prefix|libdir|sharedlibdir|includedir)=/d' "$(pkg-config --variable=pcfiledir "$module")/$module.pc" |
    { printf 'prefix=${pcfiledir}/../..\nlibdir=${prefix}/lib\nsharedlibdir=${libdir}\nincludedir=${prefix}/include\n'; cat; } \
      >"$dir/prefix/lib/pkgconfig/$module.pc"
  for library in $(pkg-config --static --libs-only-l "$module"); do
    copy_library "$from" "${library#-l}"
  done
done
rm -f "$dir"/prefix/lib/lib{m,rt,c,pthread,dl}.{a,so}* # these belong to the machine
for header in turbojpeg.h zlib.h zconf.h check.h check_stdint.h cjson stb subunit; do
  # Debian keeps some of these in a folder of the architecture.
  for place in /usr/include "/usr/include/$(gcc -print-multiarch)"; do
    if [ -e "$place/$header" ]; then cp -rL "$place/$header" "$dir/prefix/include/"; fi
  done
done

# pkg-config may be missing there too.
cp -L "$(command -v pkg-config)" "$dir/prefix/bin/pkgconf.bin"
ldd "$dir/prefix/bin/pkgconf.bin" | awk '/libpkgconf/ { print $3 }' | xargs -r -I{} cp -L {} "$dir/prefix/lib/"
cat >"$dir/prefix/bin/pkg-config" <<'SCRIPT'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
LD_LIBRARY_PATH=$here/lib exec "$here/bin/pkgconf.bin" "$@"
SCRIPT
chmod +x "$dir/prefix/bin/pkg-config"
note "prefix: ${modules[*]}, stb, pkg-config"

# torch.compile builds against Python.h of the Python that runs there; PYTHON_INCLUDE names a folder with the headers of the
# same version (.../include/python3.12).
if [ -n "${PYTHON_INCLUDE:-}" ]; then
  [ -f "$PYTHON_INCLUDE/Python.h" ] || { echo "gpu_gather: PYTHON_INCLUDE=$PYTHON_INCLUDE has no Python.h" >&2; exit 1; }
  cp -rL "$PYTHON_INCLUDE" "$dir/prefix/include/"
  note "prefix: headers of $(basename "$PYTHON_INCLUDE")"
fi

# ---- data ----
if [ -n "${YOLO_TEST_DATA:-}" ]; then
  mkdir -p "$dir/data/weights" "$dir/data/images" "$dir/data/coco/val2017"
  cp "$YOLO_TEST_DATA"/weights/*.{weights,cfg,names} "$dir/data/weights/"
  cp "$YOLO_TEST_DATA"/images/*.jpg "$dir/data/images/"
  # head ends the pipe early, which is no failure.
  { find "$YOLO_TEST_DATA/coco/val2017" -name '*.jpg' -size -"$picture_bytes"c | sort || true; } | head -n "$pictures" |
    xargs -r cp -t "$dir/data/coco/val2017/"
  chmod -R u+w "$dir/data"
  note "data: $(find "$dir/data/weights" -name '*.weights' | wc -l) networks, $(find "$dir/data" -name '*.jpg' | wc -l) pictures"
else
  note "SKIP: YOLO_TEST_DATA is not set, no weights and no pictures were gathered"
fi

# ---- programs ----
if [ -x "$build/yolo" ]; then
  bin=$(mktemp -d)
  trap 'rm -rf "$bin"' EXIT
  mkdir "$bin/lib"
  while IFS= read -r program; do
    strip -o "$bin/$(basename "$program")" "$program"
    # What the C library brings along is there already.
    ldd "$program" | awk '$3 ~ /^\// && $1 !~ /^lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so/ { print $3 }' | xargs -r cp -Lt "$bin/lib/"
  done < <(find "$build" -type f -executable \( -name yolo -o -name conformance -o -name conv_lab -o -name 'test_cuda_*' \))
  tar -C "$bin" -cf - . | xz --lzma2=preset=3,dict=256MiB >"$dir/programs.tar.xz"
  note "programs: $(cd "$bin" && find . -maxdepth 1 -type f -printf '%f\n' | sort | xargs)"
else
  note "SKIP: there is no $build/yolo; scripts/gpu_check.sh will have to build"
fi

size=$(du -sm --apparent-size "$dir" | cut -f1)
note "size: $size MiB in $dir"
if [ "$size" -gt "$limit_mib" ]; then
  echo "gpu_gather: $dir holds $size MiB, more than the $limit_mib MiB that can be carried" >&2
  exit 1
fi
