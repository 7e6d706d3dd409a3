# Help, versions, unknown words and strict numbers. Nothing here needs a model.
. "$(dirname "$0")/lib.sh"

run
expect_status 0
expect_out '^Usage: yolo COMMAND'
for command in detect data train detector eval explain info bench convert doctor help version; do expect_out "^  $command "; done
cp out overview
run --help
expect_equal out overview
run help
expect_equal out overview

# One screen a command, with examples, and the same text by both ways.
for command in detect data 'data synth' 'data check' 'data preview' 'data anchors' 'data convert' train detector eval explain info \
  bench convert doctor help; do
  # shellcheck disable=SC2086
  run help $command
  expect_status 0
  expect_out '^Usage: yolo '
  expect_out '^Examples:'
  expect_empty err
  pass_if "$([ "$(wc -l <out)" -le 40 ]; echo $?)" "the help of $command is longer than a screen of 40 lines"
  pass_if "$([ "$(wc -L <out)" -le 116 ]; echo $?)" "the help of $command has a line of $(wc -L <out) characters"
  reject_out "$(printf '\033')"
  cp out by_help
  # shellcheck disable=SC2086
  run $command --help
  expect_equal out by_help
done
for option in model weights cfg names cutoff conf iou nms-kind agnostic best-class max-det classes imgsz letterbox stretch resize \
  device threads batch decoders out no-images save-txt json csv crops coco-json coco-ref quiet; do
  run help detect
  expect_out "--$option"
done

for spelling in version --version -V; do
  run $spelling
  expect_status 0
  expect_out '^yolo [0-9]+\.[0-9]+\.[0-9]+$'
done

mkdir folder
# Wrong words: arguments, then what standard error must contain.
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run $words
  expect_status 1
  expect_empty out
  expect_err "$sentence"
done <<'TABLE'
detcet|Did you mean 'yolo detect'\?
frobnicate|there is no command 'frobnicate'
help detcet|Did you mean 'yolo detect'\?
detect --comf 0.5|no option '--comf'. Did you mean '--conf'\?
detect -z|no option '-z'
detect -1|no option '-1'
detect a.jpg --conf|--conf needs a value
detect a.jpg --conf --iou 0.5|--conf needs a value
detect a.jpg --conf 1.5|--conf wants a number from 0 to 1, not '1.5'
detect a.jpg --conf 0.5x|not '0.5x'
detect a.jpg --conf nan|not 'nan'
detect a.jpg --conf=|not ''
detect a.jpg --threads 0|--threads wants a whole number from 1 to 1024, not '0'
detect a.jpg --decoders 0|--decoders wants a whole number from 1 to 64, not '0'
detect a.jpg --precision fp8|--precision wants one of fp32\|tf32\|fp16\|bf16, not 'fp8'
detect a.jpg --precision|--precision needs a value
detect a.jpg --deterministic=yes|--deterministic takes no value
detect a.jpg --batch two|--batch wants a whole number
detect a.jpg --batch 99999999999999999999|--batch wants a whole number
detect a.jpg --imgsz 416y|--imgsz wants a size such as 416 or 608x352
detect a.jpg --imgsz 416x|--imgsz wants a size
detect a.jpg --imgsz 0|--imgsz wants a size
detect a.jpg --nms-kind soft|--nms-kind wants one of iou\|diou\|none, not 'soft'
detect a.jpg --resize half|--resize wants one of half-pixel\|align-corners
detect a.jpg --quiet=yes|--quiet takes no value
detect a.jpg --json= --model m|--json was given an empty value
detect a.jpg|no model was named
detect a.jpg|--weights FILE.weights --cfg FILE.cfg
detect --model m|no image was named
detect a.jpg --model m --weights w|two models were named
detect a.jpg --model a.cfg|'a.cfg' is a network without weights
detect a.jpg --model m --letterbox --stretch|exclude each other
detect a.jpg --model m --json - --csv -|both be written
detect a.jpg --model m --json x --coco-json x|both be written
eval a b|it takes one DATA
eval --gt g --dt d --max-det 1|no option '--max-det'. Did you mean '--max-dets'\?
detect a.jpg --model m --coco-ref x|--coco-json FILE, which is missing
detect nowhere.jpg --model m|nowhere.jpg: No such file
detect *.nothing --model m|no file matches the pattern
info|no model was named
info a.cfg b.cfg|one model at a time
info nowhere.cfg|nowhere.cfg
info yolov4-tny|did you mean 'yolov4-tiny'\?
info folder|folder: is a folder, not a file
info frobnicate|no file 'frobnicate', and no network of the zoo
detect a.jpg --model yolov4-tiny|'yolov4-tiny' is a network without weights
bench|no model was named
convert a.weights|it takes two files
convert a.weights b.txt --cfg c.cfg|must end in .safetensors or .weights
convert a.cfg b.safetensors|a network without weights
doctor now|takes no argument
version 2|takes no argument
TABLE

# A picture where a command should be.
: >a.jpg
run a.jpg
expect_status 1
expect_err 'a command comes first: yolo detect a.jpg'

# `--` ends the options: what follows is a file, however it looks.
run detect --model m -- --conf
expect_status 1
expect_err '^yolo detect: --conf: No such file'
finish
