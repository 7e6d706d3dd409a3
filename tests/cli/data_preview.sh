# yolo data preview: sheets of every kind of labels, what is said, and what goes wrong.
. "$(dirname "$0")/lib.sh"

preview() { run data preview "$@"; }
# Width and height of a PNG, from its header.
size_of() { od -An -j16 -N8 -tu1 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }'; }
"$yolo" data synth shapes --images 40 --val 5 --size 128 --quiet || exit 1

# ---- one sheet ----
preview shapes/data.cfg
expect_status 0
expect_empty err
expect_out '^runs/preview.png: 16 images, [0-9]+x[0-9]+ pixels$'
expect_is "$(sed 's/.*, \([0-9]*\)x\([0-9]*\) pixels/\1 \2/' out)" "$(size_of runs/preview.png)"
preview shapes/data.cfg --split val --out val.jpg --columns 2 --cell 100
expect_status 0
expect_out '^val.jpg: 5 images, 230x'
expect_file val.jpg

# ---- the same options give the same sheet; another seed, other images; more than a sheet holds makes several ----
preview shapes/data.cfg --out again.png
expect_equal runs/preview.png again.png
preview shapes/data.cfg --out other.png --seed 2
pass_if "$(! cmp -s runs/preview.png other.png; echo $?)" 'another seed showed the same'
preview shapes/data.cfg -n 40 --per-sheet 15 --cell 64 --out deep/er/sheet.png
expect_status 0
expect_out '^deep/er/sheet.png: 15 images'
expect_out '^deep/er/sheet-2.png: 15 images'
expect_out '^deep/er/sheet-3.png: 10 images'
preview shapes/data.cfg -n 1000 --out all.png --per-sheet 100 --quiet
expect_status 0
expect_empty out
expect_file all.png

# ---- labels without a data.cfg; what the network sees ----
preview shapes/annotations/instances_val.json --images shapes/images/val --out direct.png
expect_status 0
expect_out '^direct.png: 5 images'
preview shapes/data.cfg --augmented --imgsz 160x96 --set augment.preset=yolov5 --out augmented.png
expect_status 0
preview shapes/data.cfg --augmented --imgsz 160x96 --set augment.preset=yolov5 --out augmented2.png
expect_equal augmented.png augmented2.png
preview shapes/data.cfg --augmented --imgsz 160x96 --set augment.preset=none --out fitted.png
expect_status 0
pass_if "$(! cmp -s fitted.png augmented.png; echo $?)" 'the preset changes nothing'

# ---- an image that cannot be read: its cell says so, the rest is there, status 2 ----
cp -r shapes broken
head -c 300 shapes/images/val/000002.jpg >broken/images/val/000002.jpg
rm broken/images/val/000004.jpg
preview broken/data.cfg --split val --out broken.png
expect_status 2
expect_err 'broken/images/val/000002.jpg'
expect_err 'broken/images/val/000004.jpg'
expect_out '^broken.png: 5 images'

# ---- wrong words and places ----
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  preview $words
  expect_status 1
  expect_empty out
  expect_err "$sentence"
done <<'TABLE'
|data.cfg
a b|data.cfg
nowhere.cfg|nowhere.cfg
shapes/data.cfg --split vall|vall
shapes/data.cfg --split test|test
shapes/data.cfg --out sheet.gif|a sheet is written as .png or .jpg
shapes/data.cfg --imgsz 64|--imgsz goes with --augmented
shapes/data.cfg --count 0|--count wants a whole number
shapes/data.cfg --per-sheet 1000 --cell 4096 -n 1000|too many for one sheet
shapes/data.cfg --set augment.hue=much|augment
TABLE
last='ulimit -f 1; yolo data preview'
status=0
(
  ulimit -f 1
  exec "$yolo" data preview shapes/data.cfg --out limited.png
) >out 2>err || status=$?
expect_status 1
expect_err 'limited.png.*File too large'
reject_file limited.png
expect_no_leftovers
finish
