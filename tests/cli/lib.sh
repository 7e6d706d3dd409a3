# Helpers of the program's tests, sourced by each: arguments, a scratch folder, checks that say what they saw.
# A test is called with the program and the JSON reader: bash tests/cli/NAME.sh YOLO JSON_FLATTEN
set -u
export LC_ALL=C.UTF-8
unset YOLO_ISA YOLO_CONV || true
export YOLO_MODEL= # no default model, whatever lies near the program; tiny.sh looks for it
# The CPU is the default in these tests, whatever cards this machine has; device.sh shows them again.
cards=${CUDA_VISIBLE_DEVICES-all}
export CUDA_VISIBLE_DEVICES=
yolo=$(realpath "$1")
flatten=$(realpath "$2")
if [ -n "${YOLO_TEST_DATA:-}" ]; then YOLO_TEST_DATA=$(realpath "$YOLO_TEST_DATA"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
checks=0
failures=0

# Runs the program; leaves its exit status in $status, its words in the files out and err.
run() {
  status=0
  "$yolo" "$@" >out 2>err </dev/null || status=$?
  last="yolo $*"
}

# Starts the program in the background as $child; it stops at the moment a file of this name is in its place. The test then
# does its deed and calls go_on, which waits for the end. A shell without job control has its background jobs ignore SIGINT: env
# undoes that. The address sanitizer would rather be the first library.
start_until() { # start_until NAME ARGUMENT...
  local name=$1
  shift
  last="yolo $*"
  : >out # what the last command said must not be taken for this one's
  env --default-signal=INT STOP_AT="$name" LD_PRELOAD="$(dirname "$flatten")/libstop_at.so" \
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$yolo" "$@" >out 2>err </dev/null &
  child=$!
  until grep -q '^State:.T' /proc/$child/status 2>/dev/null; do
    kill -0 $child 2>/dev/null || break
    sleep 0.02
  done
  pass_if "$(grep -q '^State:.T' /proc/$child/status 2>/dev/null; echo $?)" "the program ended before there was a file '$name'"
}
go_on() {
  kill -CONT $child 2>/dev/null
  status=0
  wait $child 2>/dev/null || status=$? # a killed one is no news
}

fail() {
  failures=$((failures + 1))
  echo "FAILED: $1"
  echo "  after: $last"
  sed 's/^/  out: /' out | head -n 12
  sed 's/^/  err: /' err | head -n 12
}

pass_if() { # pass_if CONDITION-STATUS WHAT
  checks=$((checks + 1))
  [ "$1" -eq 0 ] || fail "$2"
}

expect_status() { pass_if "$([ "$status" -eq "$1" ]; echo $?)" "exit status $status, not $1"; }
expect_out() { pass_if "$(grep -qE -- "$1" out; echo $?)" "standard output has no line like '$1'"; }
expect_err() { pass_if "$(grep -qE -- "$1" err; echo $?)" "standard error has no line like '$1'"; }
reject_out() { pass_if "$(! grep -qE -- "$1" out; echo $?)" "standard output has a line like '$1'"; }
reject_err() { pass_if "$(! grep -qE -- "$1" err; echo $?)" "standard error has a line like '$1'"; }
expect_empty() { pass_if "$([ ! -s "$1" ]; echo $?)" "$1 is not empty"; }
expect_file() { pass_if "$([ -s "$1" ]; echo $?)" "there is no file '$1'"; }
reject_file() { pass_if "$([ ! -e "$1" ]; echo $?)" "there is a file '$1'"; }
expect_equal() { pass_if "$(cmp -s "$1" "$2"; echo $?)" "'$1' and '$2' differ"; }
expect_is() { pass_if "$([ "$1" = "$2" ]; echo $?)" "'$1' instead of '$2'"; }
expect_no_leftovers() { pass_if "$([ -z "$(find . -name '*.tmp-*')" ]; echo $?)" "temporary files are left: $(find . -name '*.tmp-*')"; }
# The JSON file is one valid value; its flat form goes to the file flat.
expect_json() { pass_if "$("$flatten" "$1" >flat 2>>err; echo $?)" "'$1' is no valid JSON"; }
expect_flat() { pass_if "$(grep -qE -- "$1" flat; echo $?)" "the JSON has no value like '$1'"; }

finish() {
  echo "$checks checks, $failures failed"
  [ "$checks" -gt 0 ] && [ "$failures" -eq 0 ]
  exit $?
}

# Outside data, or a SKIP that can be read in the log; 77 tells ctest.
need_data() {
  if [ -n "${YOLO_TEST_DATA:-}" ]; then return; fi
  echo "SKIP: YOLO_TEST_DATA is not set; $1 was not tested"
  exit 77
}

# ---- a network without outside data ----
# One 16x16 convolution of stride 16 on a 32x32 input, and a [yolo] head: a 2x2 grid with one 8x8 anchor. All
# weights are zero, so every cell says the same: a box of the anchor's size in the middle of the cell, objectness
# logistic(4) = 0.98201, class "cat" logistic(2) = 0.88080 and "traffic light" logistic(0) = 0.5. Confidences are
# 0.86496 and 0.49101; a picture of 64x32 gets boxes of 16x8.
make_tiny() {
  cat >tiny.cfg <<'CFG'
[net]
width=32
height=32
channels=3
learning_rate=0.001

[convolutional]
filters=7
size=16
stride=16
activation=linear

[yolo]
mask=0
anchors=8,8
classes=2
num=1
ignore_thresh=.5
CFG
  printf 'cat\ntraffic light\n' >tiny.names
  {
    printf '\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'                                # version 0.2.5, nothing seen
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\200\100\0\0\0\100\0\0\0\0' # biases 0 0 0 0 4 2 0
    head -c $((7 * 3 * 256 * 4)) /dev/zero
  } >tiny.weights
}

tiny_model="--weights tiny.weights --cfg tiny.cfg --names tiny.names"

# A grey 64x32 picture.
make_image() {
  {
    printf 'P6\n64 32\n255\n'
    head -c $((64 * 32 * 3)) /dev/zero | tr '\0' '\200'
  } >"$1"
}
