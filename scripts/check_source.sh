#!/usr/bin/env bash
# The rules of the house that a script can check. Prints "RULE file:line: what", one line a finding; exit 1 if any.
#
#   ARROW      an include points up, or across the two wings (DESIGN: cli > train > detect > datasets, weights >
#              backbone; inside: cfg > graph > backend > ops > base; nothing includes tests)
#   INCLUDE    a quoted include is not root-relative or not there; doubled in one file
#   EXIT       library code ends the program or prints (exit, abort, assert, printf, perror ...)
#   ALLOC      library code allocates outside backbone/base/memory.c
#   UNSAFE     a function without a bound, or one that reads numbers by locale (strcpy, sprintf, atoi, strtod ...)
#   OPENMP     OpenMP outside backbone/base/threads.c
#   CUDA       the word YOLO_CUDA in more than one C file
#   OPLIST     a row of op_list.h without its op_, cases_ or (FAST) kernel file; an op file without its row
#   FILELEN    a file of more than 450 lines; backend kernels of more than 400 are a WARNING
#   FUNCLEN    a function of more than 100 lines; more than 60 is a WARNING
#   LINELEN    a line of more than 128 characters in C (140 elsewhere)
#   BLANK      a tab or a blank at the end of a line
#   PATH       a path of somebody's machine
#   LATER      a note to do something later
#   OPENING    a C file that does not open with a comment
# Usage: scripts/check_source.sh [FOLDER]   (default: the checkout this script lies in)
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

list() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1 && [ -z "$(git rev-parse --show-prefix)" ]; then
    git ls-files --cached --others --exclude-standard
  else
    find . -type f -not -path './build*' -not -path './.git/*' -not -path './runs/*' | sed 's|^\./||'
  fi | grep -E '\.(c|h|cu|cuh|inc|sh|py|awk|cmake|in|cfg|md|json|yml|txt)$|^\.ci/' | while IFS= read -r f; do
    if [ -f "$f" ]; then printf '%s\n' "$f"; fi
  done | sort -u
}
mapfile -t files < <(list)
[ ${#files[@]} -gt 0 ] || { echo "check_source: no source files here" >&2; exit 1; }
c_files=()
for f in "${files[@]}"; do
  case $f in *.c | *.h | *.cu | *.cuh | *.inc) c_files+=("$f") ;; esac
done
[ ${#c_files[@]} -gt 0 ] || { echo "check_source: no C files here" >&2; exit 1; }
found=$(mktemp)
trap 'rm -f "$found" "$found.files"' EXIT
printf '%s\n' "${files[@]}" >"$found.files"

# ---- rules on C ----
awk -v list="$found.files" -f scripts/check_source.awk "${c_files[@]}" >"$found"

# ---- every row of the op list has its files, every op file its row ----
list_file=backbone/ops/op_list.h
if [ -f "$list_file" ]; then
  # YOLO_OP(conv2d, FAST, NONE, NONE, NONE) -> conv2d FAST NONE NONE NONE
  sed -n 's/^YOLO_OP(\(.*\))$/\1/p' "$list_file" | tr -d ',' >"$found.files"
  [ -s "$found.files" ] || echo "OPLIST $list_file:1: no row could be read" >>"$found"
  while read -r name cpu_forward cpu_backward cuda_forward cuda_backward; do
    wanted=("backbone/ops/op_$name.c" "tests/conformance/cases_$name.c")
    case "$cpu_forward $cpu_backward" in *FAST*) wanted+=("backbone/backend/cpu/cpu_$name.c") ;; esac
    case "$cuda_forward $cuda_backward" in *FAST*) wanted+=("backbone/backend/cuda/cuda_$name.cu") ;; esac
    for file in "${wanted[@]}"; do
      [ -f "$file" ] || echo "OPLIST $list_file:1: row '$name' has no $file" >>"$found"
    done
  done <"$found.files"
  for file in backbone/ops/op_*.c; do
    name=$(basename "$file" .c)
    name=${name#op_}
    grep -q "^$name " "$found.files" || echo "OPLIST $file:1: op_list.h has no row '$name'" >>"$found"
  done
fi

# ---- rules on every text file ----
for f in "${files[@]}"; do
  # A machine's own folders; the one relative path to outside data belongs to .ci/run alone.
  grep -nE '(^|[^A-Za-z0-9_.])/(home|root|work|Users)/|/tmp/[a-z]' "$f" \
    | sed "s|^\([0-9]*\):.*|PATH $f:\1: a path of one machine|" >>"$found" || true
  if [ "$f" != .ci/run ]; then
    grep -nE '\.\./shared' "$f" | sed "s|^\([0-9]*\):.*|PATH $f:\1: outside data is named by YOLO_TEST_DATA|" >>"$found" || true
  fi
  grep -nE '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b' "$f" | sed "s|^\([0-9]*\):.*|LATER $f:\1: do it now, or write an issue|" >>"$found" || true
  case $f in
    *.cfg | *.json) ;;
    *.md) grep -nP '\t' "$f" | sed "s|^\([0-9]*\):.*|BLANK $f:\1: a tab|" >>"$found" || true ;;
    *) grep -nP '\t|[ ]+$' "$f" | sed "s|^\([0-9]*\):.*|BLANK $f:\1: a tab or a blank at the end|" >>"$found" || true ;;
  esac
  case $f in
    *.sh | *.py | *.awk | *.cmake | .ci/*)
      awk -v f="$f" 'length($0) > 140 { print "LINELEN " f ":" FNR ": " length($0) " characters (140 at most)" }
                     END { if (FNR > 450) print "FILELEN " f ":" FNR ": " FNR " lines (450 at most)" }' "$f" >>"$found"
      ;;
  esac
done

grep '^WARNING' "$found" | sort -u || true
if grep -v '^WARNING' "$found" | sort -u | grep .; then
  echo "check_source: $(grep -vc '^WARNING' "$found") findings in ${#files[@]} files"
  exit 1
fi
echo "check_source: ${#files[@]} files, no finding"
