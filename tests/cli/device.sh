# Devices and precisions: what the CPU refuses, what a build without a GPU backend says, and what a card does, where one is.
. "$(dirname "$0")/lib.sh"
make_tiny
make_image grey.ppm

# One sentence, status 1, nothing written.
expect_sentence() {
  expect_status 1
  expect_is "$(grep -c . err)" 1
  expect_err "$1"
  reject_file runs
}

# ---- the CPU ----
run detect grey.ppm $tiny_model --device cpu --no-images --json plain.json
expect_status 0
expect_out '; CPU, '
run detect grey.ppm $tiny_model --device cpu --precision fp32 --deterministic --no-images --json other.json
expect_status 0
expect_equal plain.json other.json
for precision in tf32 fp16 bf16; do
  for words in "detect grey.ppm $tiny_model" 'bench tiny.cfg' 'info tiny.cfg'; do
    # shellcheck disable=SC2086
    run $words --device cpu --precision $precision
    expect_status 1
    expect_is "$(grep -c . err)" 1
    expect_err "precision $precision: the CPU computes in fp32 only"
    reject_file runs
  done
done
while IFS='|' read -r device sentence; do
  run detect grey.ppm $tiny_model --device "$device"
  expect_sentence "$sentence"
done <<'TABLE'
cpu:1|device cpu:1 does not exist: there is one CPU
cpu:x|what follows the colon must be a number
cpu:-1|what follows the colon must be a number
abacus|device 'abacus' is unknown
TABLE
run bench tiny.cfg --device cpu -n 3 --json -
expect_json out
expect_flat '^\.precision = fp32$'
expect_flat '^\.deterministic = false$'
expect_flat '^\.threads = [1-9]'
run bench tiny.cfg --device cpu -n 3 --deterministic --json -
expect_json out
expect_flat '^\.deterministic = true$'

# ---- a build without the CUDA backend neither needs nor mentions it, unless it is asked for by name ----
run bench tiny.cfg --device cuda -n 1
if grep -q 'this build has no CUDA backend' err; then
  expect_sentence "device 'cuda': this build has no CUDA backend; use --device cpu"
  run detect grey.ppm $tiny_model --device cuda:1
  expect_sentence 'this build has no CUDA backend'
  for words in help 'help detect' 'help bench' 'help info' doctor 'bench tiny.cfg -n 1'; do
    # shellcheck disable=SC2086
    run $words
    expect_status 0
    reject_out '[Cc][Uu][Dd][Aa]|GPU'
  done
  echo "SKIP: this build has no CUDA backend; its devices were not tested"
  finish
fi

# ---- with it, and no card in sight: the CPU takes over, unless a card was asked for ----
for command in detect bench; do
  run help $command
  expect_out '--device NAME +cpu, cuda or cuda:1'
  expect_out '--precision KIND +fp32 \| tf32 \| fp16 \| bf16'
  expect_out '--deterministic '
done
run detect grey.ppm $tiny_model --no-images --json other.json
expect_status 0
expect_empty err
expect_out '; CPU, '
expect_equal plain.json other.json
for words in "detect grey.ppm $tiny_model" 'bench tiny.cfg' 'info tiny.cfg'; do
  for device in cuda cuda:1; do
    # shellcheck disable=SC2086
    run $words --device $device
    expect_status 1
    expect_is "$(grep -c . err)" 1
    expect_err 'cuda: (no NVIDIA driver was found|no card is visible|the driver knows CUDA)'
    reject_file runs
  done
done
run doctor
expect_status 0
expect_out '^backend +cuda: no device answers$'
expect_out '^backend +cpu: CPU'
expect_out '^ +built with CUDA [0-9]'
expect_out '^  - backend cuda: .*; the CPU is used$'
expect_is "$(grep -c 'cuda: cuda' out)" 0

# ---- with a card ----
if [ "$cards" = all ]; then unset CUDA_VISIBLE_DEVICES; else export CUDA_VISIBLE_DEVICES=$cards; fi
run bench tiny.cfg --device cuda -n 1
if [ "$status" -ne 0 ]; then
  expect_err 'cuda: '
  echo "SKIP: no card answers ($(cat err)); detection on one was not tested"
  finish
fi
run doctor
expect_status 0
expect_out '^backend +cuda: cuda:0, .*GB free$'
run detect grey.ppm $tiny_model --no-images --json first.json
expect_status 0
expect_empty err
expect_out '; cuda:0, '
expect_out '^grey.ppm: 64x32  4 cat, 4 traffic light'
expect_out 'sets the pace: '
for words in '--precision fp32' '--precision tf32' '--precision fp16' '--precision bf16' '--device cuda:0' '--batch 3'; do
  # shellcheck disable=SC2086
  run detect grey.ppm $tiny_model --no-images --json other.json $words
  if grep -q 'fp32 and fp16 work on it' err; then continue; fi # an old card
  expect_status 0
  expect_json other.json
  expect_flat '^\.images\[0\]\.detections\.length = 8$'
  expect_flat '^\.images\[0\]\.detections\[0\]\.box\[0\] = 8$'
done
for precision in fp32 fp16; do
  run detect grey.ppm $tiny_model --no-images --json first.json --precision $precision --deterministic
  run detect grey.ppm $tiny_model --no-images --json other.json --precision $precision --deterministic
  expect_equal first.json other.json
done
run detect grey.ppm $tiny_model --device cuda:99
expect_sentence 'cuda:99 does not exist: this machine shows [0-9]+ card'
run bench tiny.cfg -n 20 --batch 2 --precision fp16 --layers --json speed.json
expect_status 0
expect_out '^tiny.cfg at 32x32, batch 2, on cuda:0, .*fp16'
expect_out '^transfers +median [0-9.]+ ms, [0-9.]+ images/s'
reject_out 'peak'
expect_json speed.json
expect_flat '^\.device = cuda:0'
expect_flat '^\.precision = fp16$'
expect_flat '^\.batch = 2$'
expect_flat '^\.latency_ms\.median = [0-9.e+-]+$'
expect_flat '^\.latency_with_transfers_ms\.median = [0-9.e+-]+$'
expect_is "$(grep -c 'peak\|threads' flat)" 0
finish
