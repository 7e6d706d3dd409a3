# Detection with a network whose answer is known by hand (lib.sh): numbers, options, every kind of output.
. "$(dirname "$0")/lib.sh"
make_tiny
make_image grey.ppm

detect() { run detect "$@" $tiny_model; }

# ---- the numbers ----
detect grey.ppm --json found.json
expect_status 0
expect_empty err
expect_out '^tiny.weights: 2 classes, images stretched to 32x32 \(half-pixel\); CPU'
expect_out '^grey.ppm: 64x32  4 cat, 4 traffic light  \(load [0-9.]+ network [0-9.]+ post [0-9.]+ ms\)$'
expect_out '^1 image, 8 detections\.'
expect_out '(The network|[A-Z][a-z]+ the (images|results)) sets the pace: [0-9]+% of the time.*decoded by 1 thread\.$'
expect_out '^Written: JSON in found.json; pictures in runs/detect\.$'
expect_file runs/detect/grey.png
reject_out "$(printf '[\r\033]')"
expect_json found.json
expect_flat '^\.images\.length = 1$'
expect_flat '^\.images\[0\]\.file = grey.ppm$'
expect_flat '^\.images\[0\]\.width = 64$'
expect_flat '^\.images\[0\]\.height = 32$'
expect_flat '^\.images\[0\]\.detections\.length = 8$'
expect_flat '^\.images\[0\]\.detections\[0\]\.class = cat$'
expect_flat '^\.images\[0\]\.detections\[0\]\.class_id = 0$'
expect_flat '^\.images\[0\]\.detections\[0\]\.confidence = 0\.86495'
expect_flat '^\.images\[0\]\.detections\[0\]\.box\[0\] = 8$'
expect_flat '^\.images\[0\]\.detections\[0\]\.box\[1\] = 4$'
expect_flat '^\.images\[0\]\.detections\[0\]\.box\[2\] = 24$'
expect_flat '^\.images\[0\]\.detections\[0\]\.box\[3\] = 12$'
expect_flat '^\.images\[0\]\.detections\[7\]\.class = traffic light$'
expect_flat '^\.images\[0\]\.detections\[7\]\.confidence = 0\.49100'
expect_flat '^\.images\[0\]\.detections\[7\]\.box\[0\] = 40$'

# ---- options that choose: words, then the detections that are left ----
while IFS='|' read -r words count; do
  # shellcheck disable=SC2086
  detect grey.ppm --no-images --json found.json $words
  expect_status 0
  expect_json found.json
  expect_flat "^\.images\[0\]\.detections\.length = $count\$"
done <<'TABLE'
--conf 0.5|4
--conf=0.9|0
--conf 0|8
--max-det 3|3
--max-det 0|8
--best-class|4
--agnostic|4
--classes cat|4
--classes 1|4
--classes cat,1|8
--imgsz 64|32
--imgsz 64x32|16
--nms-kind none|8
--nms-kind diou|8
--iou 0|8
--threads 1|8
--letterbox|8
--resize align-corners|8
--precision fp32|8
--deterministic|8
--decoders 4|8
TABLE
detect grey.ppm --no-images --json found.json --classes 'traffic light'
expect_json found.json
expect_flat '\.detections\.length = 4$'
expect_flat '\.detections\[3\]\.class = traffic light$'
detect grey.ppm --no-images --json found.json --conf 0.9
expect_out '^grey.ppm: 64x32  nothing found'
# Letterbox: the 64x32 picture fills the middle half of the input, so the upper boxes lie half outside.
detect grey.ppm --no-images --json found.json --letterbox --classes cat
expect_out 'images letterboxed to 32x32'
expect_json found.json
expect_flat '\.detections\[0\]\.box\[1\] = 0$'
expect_flat '\.detections\[0\]\.box\[3\] = 8$'

while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  detect grey.ppm --no-images $words
  expect_status 1
  expect_err "$sentence"
done <<'TABLE'
--classes dog|the model has no class 'dog'
--classes cta|Did you mean 'cat'\?
--classes 2|there is no class 2
--classes ,|names no class
--imgsz 33|33
--device abacus|device 'abacus'
--coco-json c.json --coco-ref tiny.cfg|tiny.cfg: this is no COCO file
--json nowhere/found.json|nowhere/found.json
TABLE
reject_file nowhere

# ---- the same detections however they are computed ----
for i in 1 2 3 4 5; do cp grey.ppm same$i.ppm; done
detect same*.ppm --no-images --json one.json
for words in '--batch 2' '--batch 5' '--batch 64' '--threads 1' '--threads 7' '--batch 3 --threads 2' '--decoders 3' \
  '--decoders 64 --batch 2'; do
  # shellcheck disable=SC2086
  detect same*.ppm --no-images --json other.json $words
  expect_status 0
  expect_equal one.json other.json
done

# Images go through the network side by side, a thread each: lines and files keep the order of the sources, pictures are the same.
mkdir many
for i in $(seq 10 49); do cp grey.ppm many/$i.ppm; done
echo broken >many/25.ppm
detect many --threads 1 --out alone --save-txt --crops --csv alone.csv
expect_status 2
sed 's/(load.*//' out | grep '^many' >alone.txt
detect many --threads 3 --out beside --save-txt --crops --csv beside.csv
expect_status 2
expect_err '^yolo detect: many/25.ppm: .*skipped'
sed 's/(load.*//' out | grep '^many' >beside.txt
expect_is "$(cut -c6-7 beside.txt | tr '\n' ' ')" "$(seq 10 49 | grep -v 25 | tr '\n' ' ')"
expect_equal alone.txt beside.txt
expect_equal alone.csv beside.csv
diff -r alone beside >err
expect_empty err
expect_is "$(ls beside/*.png | wc -l)" 39

# ---- the other outputs ----
detect grey.ppm --out full --save-txt --crops --csv found.csv --classes cat
expect_status 0
expect_out '^Written: CSV in found.csv; labels, crops, pictures in full\.$'
expect_file full/grey.png
expect_is "$(cat full/labels/grey.txt)" "$(printf '0 0.250000 0.250000 0.250000 0.250000\n0 0.750000 0.250000 0.250000 0.250000
0 0.250000 0.750000 0.250000 0.250000\n0 0.750000 0.750000 0.250000 0.250000')"
expect_is "$(ls full/crops/cat | tr '\n' ' ')" 'grey-1.jpg grey-2.jpg grey-3.jpg grey-4.jpg '
expect_is "$(head -n 1 found.csv)" 'file,width,height,class,class_id,confidence,x1,y1,x2,y2'
expect_is "$(sed -n 2p found.csv | sed 's/0\.8649[0-9]*/C/')" 'grey.ppm,64,32,cat,0,C,8,4,24,12'
expect_is "$(wc -l <found.csv)" 5
cp grey.ppm 'a,"b".ppm'
detect 'a,"b".ppm' --no-images --csv - --classes cat --max-det 1
expect_is "$(sed -n 2p out | cut -d, -f1-3)" '"a,""b"".ppm",64'
expect_err '^a,"b".ppm: 64x32'
detect grey.ppm --out full2 --save-txt --no-images --conf 0.9
expect_is "$(find full2 -type f -size 0)" 'full2/labels/grey.txt'
detect grey.ppm --quiet --no-images --json found.json
expect_empty out
expect_empty err
detect grey.ppm --quiet --no-images
expect_status 0
reject_file runs/detect-2

# ---- JSON on standard output is clean; people are spoken to on standard error ----
for target in - /dev/stdout; do
  detect grey.ppm --no-images --json $target
  expect_status 0
  expect_json out
  expect_err '^grey.ppm: 64x32  4 cat'
done

# ---- COCO: ids by number and index, by position, by reference ----
mkdir coco
cp grey.ppm coco/val_000000000042.ppm
cp grey.ppm coco/val_000000000007.ppm
detect coco --no-images --coco-json c.json --classes cat
expect_err 'images by the number in the file name, categories by class index \+ 1'
expect_json c.json
expect_flat '^\.length = 8$'
expect_flat '^\[0\]\.image_id = 7$'
expect_flat '^\[7\]\.image_id = 42$'
expect_flat '^\[0\]\.category_id = 1$'
expect_flat '^\[0\]\.bbox\[2\] = 16$'
expect_flat '^\[0\]\.bbox\[3\] = 8$'
detect coco grey.ppm --no-images --coco-json c.json --classes cat
expect_err 'images by position, from 1'
expect_json c.json
expect_flat '^\[11\]\.image_id = 3$'
cat >ref.json <<'JSON'
{"info": {"text": "] } \" ["}, "licenses": [], "images": [{"id": 900, "file_name": "x/val_000000000042.ppm", "more": [1, {"a": 2}]}],
 "annotations": [{"id": 1, "bbox": [1, 2, 3, 4]}],
 "categories": [{"id": 77, "name": "cat"}]}
JSON
detect coco --no-images --coco-json c.json --coco-ref ref.json
expect_status 0
expect_err 'images by file name and categories by class name, from ref.json'
expect_err "no category for 1 class \(such as 'traffic light'\)"
expect_err "ref.json has no image 'val_000000000007.ppm'"
expect_json c.json
expect_flat '^\.length = 4$'
expect_flat '^\[3\]\.image_id = 900$'
expect_flat '^\[3\]\.category_id = 77$'

# ---- a model in one file, and weights that find their cfg ----
run convert tiny.weights tiny.safetensors --names tiny.names --letterbox
expect_status 0
expect_out 'images letterboxed to 32x32'
run detect grey.ppm --model tiny.safetensors --no-images --json found.json --stretch
expect_status 0
expect_out '^tiny.safetensors: 2 classes, images stretched'
expect_json found.json
expect_flat '\.detections\[7\]\.class = traffic light$'
run detect grey.ppm --model tiny.safetensors --no-images
expect_out 'letterboxed to 32x32'
run detect grey.ppm --model tiny.weights --no-images
expect_status 0
expect_out '^grey.ppm: 64x32  4 class 0, 4 class 1'
# ---- the default model: what YOLO_MODEL names, else yolo-nano near the program ----
run convert tiny.weights tiny.safetensors --cfg tiny.cfg --names tiny.names
export YOLO_MODEL=$PWD/tiny.safetensors
run detect grey.ppm --no-images
expect_status 0
expect_out '^No model was named: this is tiny.safetensors, which knows cat, traffic light and nothing else'
expect_out '4 cat, 4 traffic light'
run detect grey.ppm --no-images $tiny_model
expect_status 0
reject_out 'No model was named'
export YOLO_MODEL=gone.safetensors
run detect grey.ppm --no-images
expect_status 1
expect_err 'gone.safetensors'
unset YOLO_MODEL
mkdir -p far/share/yolo/weights far/bin near/weights
cp "$yolo" far/bin/yolo
cp "$yolo" near/yolo
cp tiny.safetensors far/share/yolo/weights/yolo-nano.safetensors
cp tiny.safetensors near/weights/yolo-nano.safetensors
for yolo in "$PWD/far/bin/yolo" "$PWD/near/yolo"; do
  run detect grey.ppm --no-images
  expect_status 0
  expect_out '^No model was named: this is yolo-nano.safetensors, which knows cat, traffic light'
done
rm near/weights/yolo-nano.safetensors
run detect grey.ppm --no-images
expect_status 1
expect_err 'no model was named'
finish
