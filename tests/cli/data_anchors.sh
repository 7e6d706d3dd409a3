# yolo data anchors: what it says of boxes whose anchors are known, the same words for any number of threads, real data.
. "$(dirname "$0")/lib.sh"
export YOLO_CACHE="$scratch/cache"

# Twelve images of 64x32 with one box each, of three sizes: in a letterbox of 64x64 they are 8x8, 16x16 and 32x16 pixels.
mkdir -p images labels
i=0
while [ $i -lt 12 ]; do
  make_image images/$i.ppm
  case $((i % 4)) in
    0 | 1) echo '0 0.5 0.5 0.125 0.25' ;;
    2) echo '0 0.5 0.5 0.25 0.5' ;;
    3) echo '0 0.5 0.5 0.5 0.5' ;;
  esac >labels/$i.txt
  i=$((i + 1))
done
run data anchors images --clusters 3 --imgsz 64
expect_status 0
expect_empty err
expect_out '^images, train: 12 objects in 12 images, letterboxed into 64x64$'
expect_out '^anchors = 8,8, 16,16, 32,16$'
expect_out 'best anchor: 1.0000$'
expect_out 'recall: 100.00% .*, 100.00% '
expect_out '^ +8 +50.0%  8,8$'
expect_out '^ +16 +25.0%  16,16$'
expect_out '^ +32 +25.0%  32,16$'

# Stretched to 64x64 they are twice as high.
run data anchors images --clusters 3 --imgsz 64 --set augment.fit=stretch --strides 16,32
expect_out '^anchors = 8,16, 16,32, 32,32$'
expect_out '^ +16 +50.0%  8,16$'
expect_out '^ +32 +50.0%  16,32, 32,32$'

# A model says size and fit, unless somebody else does.
make_tiny
run data anchors images --clusters 3 --set model.file=tiny.cfg
expect_out 'stretched to 32x32'
run data anchors images --clusters 3 --set model.file=tiny.cfg --set model.fit=letterbox --imgsz 64
expect_out 'letterboxed into 64x64'

while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run data anchors images $words
  expect_status 1
  expect_err "$sentence"
done <<'TABLE'
--clusters 4|4 clusters are wanted, but there are only 3 different box sizes
--clusters 0|--clusters wants a whole number from 1 to 128
--strides 32,16|--strides wants up to 8 rising numbers
--strides 8,,16|--strides wants
--strides 8,x|--strides wants
--set model.file=nowhere.cfg|nowhere.cfg
TABLE
mkdir none
make_image none/a.ppm
run data anchors none --format yolo
expect_status 1
expect_err 'there are no boxes to find anchors for'

need_data 'anchors of real data'
run data anchors "$YOLO_TEST_DATA/bccd" --threads 1
expect_status 0
expect_out '4,888 objects in 364 images'
expect_out 'best anchor: 0.88'
cp out one
for threads in 2 5; do
  run data anchors "$YOLO_TEST_DATA/bccd" --threads $threads
  expect_equal out one
done
run data anchors "$YOLO_TEST_DATA/bccd" --seed 1
expect_out 'best anchor: 0.8[78]'
run data anchors "$YOLO_TEST_DATA/coco/annotations/instances_val2017.json" --clusters 6 --strides 16,32 --set data.index=off
expect_status 0
expect_out 'objects in 206 images'
finish
