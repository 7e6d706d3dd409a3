# What goes wrong around the program: full disks, size limits, closed pipes, Ctrl-C, a terminal.
. "$(dirname "$0")/lib.sh"
make_tiny
make_image grey.ppm
mkdir many
for i in $(seq 120); do cp grey.ppm many/$i.ppm; done

# ---- a full disk: one sentence, status 1, no half file ----
for option in --json --csv --coco-json; do
  run detect many $tiny_model --no-images --quiet $option /dev/full
  expect_status 1
  expect_err '/dev/full.*No space left on device'
done
for words in 'info tiny.cfg' 'help detect' 'doctor' 'version'; do
  status=0
  last="yolo $words > /dev/full"
  # shellcheck disable=SC2086
  "$yolo" $words >/dev/full 2>err || status=$?
  expect_status 1
  expect_is "$(cat err | wc -l)" 1
  expect_err 'standard output could not be written: No space left on device'
done

# ---- an output that is one of the inputs: refused, and the input stays ----
"$yolo" convert tiny.weights tiny.safetensors --cfg tiny.cfg >/dev/null
cp tiny.safetensors kept
for option in '--json tiny.safetensors' '--csv=./tiny.safetensors' '--json grey.ppm'; do
  # shellcheck disable=SC2086
  run detect grey.ppm --model tiny.safetensors --no-images $option
  expect_status 1
  expect_err "would write over '.*', which this command reads; name another file"
done
for words in 'bench tiny.safetensors --json tiny.safetensors' 'explain --cam grey.ppm --model tiny.safetensors --out grey.ppm'; do
  # shellcheck disable=SC2086
  run $words
  expect_status 1
  expect_err 'would write over'
done
expect_equal tiny.safetensors kept
# The same within a folder or a data set that is read; a result there may be written again.
run data synth set --images 60 --val 2 --size 64 -q
cp -r set kept_set
mkdir folder
cp set/images/train/000001.jpg folder/a.jpg
while read -r words; do
  # shellcheck disable=SC2086
  run $words
  expect_status 1
  expect_err "would write over '.*', which this command reads; name another file"
done <<'TABLE'
eval set --model tiny.safetensors --json set/data.cfg
eval set/data.cfg --model tiny.safetensors --json set/annotations/instances_val.json
data preview set/data.cfg --out set/images/val/000001.jpg
data check set --json ./set/annotations/../data.cfg
detect folder --model tiny.safetensors --no-images --csv folder/a.jpg
TABLE
expect_is "$(diff -r set kept_set)" ''
for _ in 1 2; do
  run detect folder --model tiny.safetensors --no-images --json folder/found.json
  expect_status 0
  run data preview set --count 2 --out set/preview.png -q
  expect_status 0
done
run info yolov4-tiny
expect_status 0
expect_out '^38 layers'

# ---- a class name that would steer the terminal: shown tame, written as it is ----
printf 'c\033[31mat\ntraffic light\n' >steer.names
run detect grey.ppm --weights tiny.weights --cfg tiny.cfg --names steer.names --no-images --json steer.json
expect_status 0
expect_out '4 c\?\[31mat, 4 traffic light'
reject_out "$(printf '\033')"
expect_json steer.json
run info tiny.cfg --names steer.names
expect_status 0
expect_out 'c\?\[31mat'
reject_out "$(printf '\033')"

# ---- a limit on the size of files (1024 bytes): the same ----
for option in --json --csv --coco-json; do
  last="ulimit -f 1; yolo detect many $option limited"
  status=0
  (
    ulimit -f 1
    exec "$yolo" detect many $tiny_model --no-images --quiet $option limited
  ) >out 2>err || status=$?
  expect_status 1
  expect_err 'limited.*File too large'
  expect_is "$(grep -c . err)" "$(grep -c 'File too large\|ids' err)"
  reject_file limited
done
echo old >limited
last='ulimit -f 1; yolo convert'
status=0
(
  ulimit -f 1
  exec "$yolo" convert tiny.weights limited.safetensors
) >out 2>err || status=$?
expect_status 1
expect_err 'File too large'
reject_file limited.safetensors
status=0
(
  ulimit -f 1
  exec "$yolo" detect many $tiny_model --no-images --quiet --json limited
) >out 2>err || status=$?
expect_is "$(cat limited)" old
expect_no_leftovers

{ printf 'P6\n640 480\n255\n'; head -c $((640 * 480 * 3)) /dev/zero; } >big.ppm
last='ulimit -f 1; yolo detect big.ppm (the picture)'
status=0
(
  ulimit -f 1
  exec "$yolo" detect big.ppm $tiny_model --out small --json small.json
) >out 2>err || status=$?
expect_status 1
expect_is "$(grep -c . err)" 1
expect_err 'small/big.png.*File too large'
reject_file small/big.png
reject_file small.json
expect_no_leftovers

# ---- places that cannot be written ----
run detect grey.ppm $tiny_model --out grey.ppm/below
expect_status 1
expect_err "^yolo detect: 'grey.ppm' is a file, not a folder; name another folder$"
run detect grey.ppm $tiny_model --no-images --json grey.ppm/found.json
expect_status 1
expect_err 'grey.ppm/found.json'

# ---- a reader that goes away: no complaint, no mess ----
last='yolo detect many | head -n 1'
status=0
{ "$yolo" detect many $tiny_model --imgsz 512 --conf 0.99 --out piped --json piped.json 2>err; echo $? >code; } | head -n 1 >out
expect_out '^tiny.weights'
expect_is "$(cat code)" 141
expect_empty err
expect_json piped.json
expect_no_leftovers
{ "$yolo" detect many $tiny_model --no-images --quiet --imgsz 512 --json - 2>err; echo $? >code; } | head -c 10 >out
expect_is "$(cat code)" 141
expect_empty err

# ---- Ctrl-C: the image in hand is finished, what there is becomes a valid file, status 130 ----
set -m # jobs of their own, whose interrupts are not ignored
for signal in INT:130:1 TERM:143:1 INT:130:8; do
  decoders=${signal##*:}
  signal=${signal%:*}
  rm -f stopped.json out
  last="yolo detect many --decoders $decoders, stopped by ${signal%:*}"
  "$yolo" detect many $tiny_model --decoders $decoders --imgsz 1024 --conf 0.99 --out stopped --json stopped.json \
    --csv stopped.csv >out 2>err &
  job=$!
  for _ in $(seq 200); do
    if grep -q '^many/' out 2>/dev/null; then break; fi
    sleep 0.05
  done
  reject_file stopped.json # nothing half
  kill -"${signal%:*}" $job
  status=0
  wait $job || status=$?
  expect_status "${signal#*:}"
  expect_err 'stopped after [0-9]+ of 120 images; what there is was written'
  expect_json stopped.json
  done_images=$(sed -n 's/^\.images\.length = //p' flat)
  pass_if "$([ "$done_images" -ge 1 ] && [ "$done_images" -lt 120 ]; echo $?)" "$done_images of 120 images in the file"
  expect_is "$(head -n 1 stopped.csv | cut -d, -f1)" file
  expect_no_leftovers
done
# The other commands that take their time say it in one sentence.
interrupt() { # interrupt ARGUMENT...
  rm -f out err
  last="yolo $*, stopped by INT"
  "$yolo" "$@" >out 2>err </dev/null &
  job=$!
  until [ "$(cat /proc/$job/comm)" = "$(basename "$yolo")" ] && # bash catches it too
    [ $((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$job/status) & 2)) -ne 0 ]; do
    kill -0 $job || break
    sleep 0.02
  done 2>/dev/null
  kill -INT $job
  status=0
  wait $job || status=$?
  expect_status 130
}
interrupt bench tiny.safetensors --seconds 600
expect_err '^yolo bench: stopped early; the numbers are of what was measured until then$'
expect_out '^latency .*median'
interrupt bench tiny.safetensors --train --seconds 600
expect_err '^yolo bench: stopped early'
interrupt explain --gradcheck yolov4-tiny --threads 1
expect_err '^yolo explain: stopped after [0-9]+ rows?; the layers before these were not checked$'
reject_out 'No gradient'
interrupt data preview set --count 60 --per-sheet 1 --cell 2048 --out sheets/set.png
expect_err '^yolo data preview: stopped after [0-9]+ of 60 images; this sheet was not written$'
mkdir large
run data preview set --count 1 --cell 2048 --out large/1.png
for i in $(seq 2 400); do ln large/1.png large/$i.png; done
ls "$PWD"/large/*.png >large.txt
interrupt data check large.txt --format yolo
expect_err '^yolo data check: stopped after [0-9]+ of [0-9]+ images'
set +m

# ---- a terminal: a bar with rate and time left, which leaves when it is done; no bar in a pipe ----
run detect many $tiny_model --no-images --conf 0.99
reject_err 'images/s'
if script -qec true /dev/null >/dev/null 2>&1; then
  last='yolo detect many, on a terminal'
  TERM=xterm script -qec "'$yolo' detect many $tiny_model --no-images --conf 0.99 --imgsz 512" /dev/null </dev/null >out 2>err
  expect_out '\[[#.]*\] [0-9]+/120  [0-9.]+ images/s  [0-9]:[0-9][0-9]:[0-9][0-9] left'
  TERM=dumb script -qec "'$yolo' detect many $tiny_model --no-images --conf 0.99" /dev/null </dev/null >out 2>err
  reject_out '[0-9]/120'
else
  echo "SKIP: no 'script' program here; the progress bar was not tested"
fi
finish
