#!/usr/bin/env bash
# Holds the op list against the CUDA backend, without a compiler and without a card. One line when all is well, else a
# line a finding and exit 1.
#   - a row that says FAST for CUDA has its launcher in backbone/backend/cuda/cuda_<name>.cu
#   - a launcher has its row; whatever else a .cu file shows to C stands in a header of that folder
#   - kernels and launchers use no C++ library and no exceptions: no C++ library is linked
#   - every op that a network of the zoo needs runs on CUDA
# Usage: scripts/check_cuda.sh [FOLDER]   (default: the checkout this script lies in)
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
list=backbone/ops/op_list.h folder=backbone/backend/cuda
findings=0
find_fault() { printf 'check_cuda: %s\n' "$*"; findings=$((findings + 1)); }

# The code without its comments, line by line.
code() {
  awk '{ line = $0; out = ""
         while (line != "") {
           if (inside) { at = index(line, "*/"); if (!at) break; line = substr(line, at + 2); inside = 0; continue }
           block = index(line, "/*"); rest = index(line, "//")
           if (rest && (!block || rest < block)) { out = out substr(line, 1, rest - 1); break }
           if (!block) { out = out line; break }
           out = out substr(line, 1, block - 1); line = substr(line, block + 2); inside = 1
         }
         print out }' "$1"
}

# One line a definition's head: extern "C" cudaError_t name(args) {
heads() { code "$1" | tr '\n' ' ' | grep -oE 'extern "C" [a-zA-Z_0-9 *]+\([^(){};]*\) *\{' || true; }

declare -A on_cuda
while read -r name _ _ forward _; do on_cuda[$name]=$forward; done \
  < <(sed -n 's/^YOLO_OP(\(.*\))$/\1/p' "$list" | tr -d ',')
[ ${#on_cuda[@]} -gt 0 ] || find_fault "$list: no row could be read"

# ---- rows have launchers ----
launchers=0
for name in "${!on_cuda[@]}"; do
  file=$folder/cuda_$name.cu
  [ "${on_cuda[$name]}" = FAST ] || continue
  if [ ! -f "$file" ]; then
    find_fault "$list: '$name' is FAST on CUDA, but there is no $file"
  elif ! heads "$file" | grep -qE "[ *]yolo_cuda_$name\("; then
    find_fault "$file: defines no extern \"C\" yolo_cuda_$name(...)"
  else
    launchers=$((launchers + 1))
  fi
done

# ---- launchers have rows, everything else is declared ----
for file in "$folder"/*.cu; do
  [ -f "$file" ] || continue
  while IFS= read -r head; do
    function=$(sed -E 's/.*[ *]([a-zA-Z_0-9]+)\(.*/\1/' <<<"$head")
    name=${function#yolo_cuda_}
    if [ "${on_cuda[$name]:-NONE}" = FAST ]; then
      [ "$file" = "$folder/cuda_$name.cu" ] || find_fault "$file: $function belongs into cuda_$name.cu"
    elif grep -q 'yolo_op_call' <<<"$head"; then
      find_fault "$file: $function is a launcher, but $list has no row '$name' that is FAST on CUDA"
    elif ! grep -qE "[ *]$function\(" "$folder"/*.h; then
      find_fault "$file: $function stands in no header of $folder"
    fi
  done < <(heads "$file")
done

# ---- no C++ library, no exceptions ----
for file in "$folder"/*.cu "$folder"/*.cuh; do
  [ -f "$file" ] || continue
  while IFS= read -r line; do
    find_fault "$file:${line%%:*}: C++ library or exception: ${line#*:}"
  done < <(code "$file" |
    grep -nE '\bstd::|\b(throw|catch|dynamic_cast|typeid)\b|\b(new|delete) +[a-zA-Z_]|#include <[a-z_]+>' || true)
done

# ---- the zoo ----
# Which ops the layers of the language become (backbone/cfg/sections_*.c); heads and [cost] are read on the host.
ops_of() {
  case $1 in
    net | yolo | region | detection | Gaussian_yolo | ssd | cost) ;;
    convolutional) echo conv2d batchnorm activation ;;
    connected) echo linear batchnorm activation ;;
    local) echo local activation ;;
    maxpool | local_maxpool) echo maxpool ;;
    avgpool | local_avgpool) echo avgpool ;;
    route) echo concat slice ;;
    reorg | reorg3d) echo reorg ;;
    sam) echo multiply activation ;;
    shortcut | scale_channels) echo "$1" activation ;;
    batchnorm | activation | l2norm | upsample | dropout | softmax | implicit) echo "$1" ;;
    *) echo "?" ;;
  esac
}
networks=0
for cfg in backbone/models/*.cfg; do
  networks=$((networks + 1))
  while IFS= read -r section; do
    for op in $(ops_of "$section"); do
      if [ "$op" = "?" ]; then
        find_fault "$cfg: [$section] is not known to scripts/check_cuda.sh"
      elif [ "${on_cuda[$op]:-NONE}" = NONE ]; then
        find_fault "$cfg: [$section] needs the op '$op', which CUDA does not run"
      fi
    done
  done < <(sed -n 's/^\[\([a-zA-Z_0-9]*\)\].*/\1/p' "$cfg" | sort -u)
done

[ "$findings" -eq 0 ] || exit 1
echo "check_cuda: ${#on_cuda[@]} ops, $launchers launchers; $networks networks of the zoo need no op that CUDA lacks"
