# Real networks on real photographs (YOLO_TEST_DATA): dog.jpg is found as OpenCV finds it.
own=$(realpath "$(dirname "$0")/../../weights/yolo-nano.safetensors")
. "$(dirname "$0")/lib.sh"
last=
: >out >err
need_data "detection with real networks"
weights=$YOLO_TEST_DATA/weights
dog=$YOLO_TEST_DATA/images/dog.jpg

# near NETWORK CLASS CONFIDENCE X1 Y1 X2 Y2: found.csv has that class with confidence within 0.02 and IoU >= 0.95.
near() {
  pass_if "$(awk -F, -v class="$2" -v conf="$3" -v x1="$4" -v y1="$5" -v x2="$6" -v y2="$7" '
    function min(a, b) { return a < b ? a : b }
    function max(a, b) { return a > b ? a : b }
    $4 == class && $6 >= conf - 0.02 && $6 <= conf + 0.02 {
      w = min($9, x2) - max($7, x1); h = min($10, y2) - max($8, y1)
      both = w > 0 && h > 0 ? w * h : 0
      if (both >= 0.95 * (($9 - $7) * ($10 - $8) + (x2 - x1) * (y2 - y1) - both)) found = 1
    }
    END { exit !found }' found.csv; echo $?)" "$1 does not find the $2 of confidence $3"
}

network=
while read -r name class conf x1 y1 x2 y2; do
  if [ "$name" != "$network" ]; then
    network=$name
    run detect "$dog" --weights "$weights/$name.weights" --names "$weights/coco.names" --conf 0.3 --no-images --csv found.csv
    expect_status 0
  fi
  near "$name" "$class" "$conf" "$x1" "$y1" "$x2" "$y2"
done <<'TABLE'
yolo-fastest-1.1-xl dog .958 114 188 386 536
yolo-fastest-1.1-xl bicycle .894 113 127 573 497
yolo-fastest-1.1-xl car .841 450 78 685 162
yolo-fastest-1.1-xl truck .437 451 80 676 163
yolo-fastest-1.1 car .897 454 76 685 180
yolo-fastest-1.1 dog .654 123 221 365 515
yolo-fastest-1.1 cat .567 113 212 370 517
yolo-fastest-1.1 bicycle .529 243 187 589 422
yolo-fastest-1.1 car .444 690 117 729 155
yolo-fastest-1.1 bicycle .313 81 176 447 490
yolo-fastest-1.1 person .312 64 73 114 118
MobileNetV2-YOLOv3-Nano-coco dog .983 139 218 342 520
MobileNetV2-YOLOv3-Nano-coco car .914 466 82 708 173
MobileNetV2-YOLOv3-Nano-coco car .478 692 114 724 156
MobileNetV2-YOLOv3-Nano-coco bicycle .460 263 199 581 411
yolo-lite-coco-trial6 dog .724 111 209 431 516
yolo-lite-coco-trial6 car .617 548 88 646 153
yolo-lite-coco-trial6 car .599 456 84 526 140
TABLE

# All photographs at once: pictures, COCO ids by rule, and the same bits for any number of threads and any batch.
model="--weights $weights/yolo-fastest-1.1-xl.weights --names $weights/coco.names"
run detect "$YOLO_TEST_DATA/images" $model --json one.json --coco-json coco.json --out pictures
expect_status 0
expect_out 'dog.jpg: 768x576  1 dog, 1 bicycle'
expect_err "COCO's table of 91"
expect_is "$(ls pictures | tr '\n' ' ')" 'dog.jpg giraffe.jpg horses.jpg kite.jpg person.jpg '
pass_if "$(! cmp -s pictures/dog.jpg "$dog"; echo $?)" "nothing was drawn"
expect_json coco.json
expect_flat '^\[0\]\.category_id = 18$' # dog
for words in '--threads 1' '--threads 7' '--batch 2' '--batch 5'; do
  # shellcheck disable=SC2086
  run detect "$YOLO_TEST_DATA/images" $model --json other.json --no-images --max-det 0 $words
  expect_equal one.json other.json
done

# COCO's own reference: ids by file name, names in Darknet's spelling.
head -n 3 <(ls "$YOLO_TEST_DATA"/coco/val2017/*.jpg) >list.txt
run detect list.txt $model --conf 0.001 --no-images --quiet --coco-json coco.json \
  --coco-ref "$(ls "$YOLO_TEST_DATA"/coco/annotations/instances_val2017*.json | head -n 1)"
expect_status 0
expect_empty err
expect_json coco.json
ids=$(sed -n 's/.*image_id = //p' flat | sort -un | tr '\n' ' ')
wanted=$(sed 's|.*/0*||; s|\.jpg||' list.txt | sort -n | tr '\n' ' ')
expect_is "$ids" "$wanted"

# A wrong cfg is named, not run.
run detect "$dog" --weights "$weights/yolo-fastest-1.1.weights" --cfg "$weights/yolo-fastest-1.1-xl.cfg"
expect_status 1
expect_err 'yolo-fastest-1.1.weights.*layer'

# The weights of the project are as good as weights/README.md says, and what `yolo detect` takes when no model is named.
cat >bccd.cfg <<CFG
[data]
format = voc
test = $YOLO_TEST_DATA/bccd/ImageSets/Main/test.txt
names = WBC, RBC, Platelets
CFG
run eval bccd.cfg --split test --model "$own" --bootstrap 0
expect_status 0
expect_out 'IoU=0.50      \| area=   all \| maxDets=100 \] = 0\.89'
expect_out 'IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0\.54'
export YOLO_MODEL=$own
run detect "$YOLO_TEST_DATA/bccd/JPEGImages/BloodImage_00007.jpg" --out cells
expect_status 0
expect_out '^No model was named: this is yolo-nano.safetensors, which knows WBC, RBC, Platelets and nothing else'
expect_out ' 1 WBC'
finish
