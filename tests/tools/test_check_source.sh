#!/usr/bin/env bash
# The source check is itself checked: a small clean tree passes, and each rule finds the one sin planted for it.
# Usage: test_check_source.sh CHECKOUT
set -euo pipefail
check=$1/scripts/check_source.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

clean() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/{cli,detect,datasets,weights,tests/conformance} "$tree"/backbone/{base,ops,backend/cpu,graph} "$tree/scripts"
  cp "$1/scripts/check_source.awk" "$tree/scripts/"
  printf '/* The list. */\nYOLO_OP(copy, REF, NONE, NONE, NONE)\n' >"$tree/backbone/ops/op_list.h"
  printf '/* The op: exit(1) and malloc() in a comment are fine. */\nconst char *copy = "printf(";\n' >"$tree/backbone/ops/op_copy.c"
  printf '/* Its cases. */\n#include "backbone/ops/op_list.h"\n' >"$tree/tests/conformance/cases_copy.c"
  printf '/* The door. */\nvoid *door(void) { return malloc(1); }\n' >"$tree/backbone/base/memory.c"
  printf '/* Backends. */\n#ifdef YOLO_CUDA\n#endif\n' >"$tree/backbone/backend/registry.c"
  printf '/* A program may print. */\n#include "backbone/ops/op_list.h"\nint main(void) { return printf("x"); }\n' >"$tree/cli/main.c"
}

# expect RULE FILE TEXT: with TEXT (printf format) appended to FILE, the check fails and names RULE.
expect() {
  local rule=$1 file=$2 text=$3
  clean "$checkout"
  [ -s "$tree/$file" ] || printf '/* A file. */\n' >"$tree/$file"
  # shellcheck disable=SC2059
  printf "$text\n" >>"$tree/$file"
  if bash "$check" "$tree" >"$tree/out.log" 2>&1 || ! grep -q "^$rule $file:" "$tree/out.log"; then
    echo "FAIL: $rule did not find: ${text:0:60}"
    head -5 "$tree/out.log"
    failures=$((failures + 1))
  fi
}

checkout=$1
clean "$checkout"
bash "$check" "$tree" >"$tree/out.log" || { echo "FAIL: a clean tree"; head -5 "$tree/out.log"; failures=1; }
expect ARROW backbone/base/a.c '#include "backbone/ops/op_list.h"'
expect ARROW datasets/a.c '#include "backbone/ops/op_list.h"'
printf -v many '%102s' ''
expect ARROW backbone/graph/a.c '#include "tests/conformance/cases_copy.c"'
expect INCLUDE cli/main.c '#include "main.h"'
expect INCLUDE cli/main.c '#include "backbone/ops/op_list2.h"'
expect EXIT detect/a.c 'void f(void) { abort(); }'
expect EXIT backbone/graph/a.c 'void f(void) { fprintf(stderr, "x"); }'
expect ALLOC weights/a.c 'void *f(void) { return malloc(2); }'
expect ALLOC weights/a.c 'void f(void *p) { free (p); }'
expect UNSAFE cli/a.c 'int f(const char *s) { return atoi(s); }'
expect OPENMP detect/a.c '#pragma omp parallel'
# YOLO_CUDA may stand in one C file; the tree's own is the first by name.
expect CUDA detect/a.c '#ifdef YOLO_CUDA\n#endif'
expect FUNCLEN cli/a.c "int f(int x) {\n${many// /  x++;\\n}  return x;\n}"
expect FILELEN cli/a.c "${many// /int a;\\nint b;\\nint c;\\nint d;\\nint e;\\n}"
expect LINELEN cli/a.c "int a;${many// /; }${many// /; }"
expect BLANK cli/a.c 'int a; '
expect BLANK cli/a.c '\tint a;'
expect PATH cli/a.c 'const char *p = "/''home/me/x";'
expect LATER cli/a.c '/* TO''DO */'
expect OPLIST backbone/ops/op_list.h 'YOLO_OP(other, REF, NONE, NONE, NONE)'
expect OPLIST backbone/ops/op_list.h 'YOLO_OP(copy, FAST, NONE, NONE, NONE)'
expect OPLIST backbone/ops/op_stray.c 'int a;'
clean "$checkout"
printf 'int a;\n' >"$tree/detect/a.c"
bash "$check" "$tree" >"$tree/out.log" && failures=1
grep -q '^OPENING detect/a.c:1' "$tree/out.log" || { echo "FAIL: OPENING"; failures=1; }
if [ "$failures" -ne 0 ]; then exit 1; fi
echo "every rule finds its sin"
