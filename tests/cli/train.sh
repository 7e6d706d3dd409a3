# yolo train: the files of a run, equal runs, stopping and going on, what is refused.
root=$(cd "$(dirname "$0")" && pwd)
. "$root/lib.sh"
. "$root/train_lib.sh"

run data synth set --images 10 --val 4 --size 96 --seed 3
expect_status 0
small=(--imgsz 96 --batch 4 --epochs 3 --set augment.preset=yolov5 --set data.workers=2)
equal=(last.safetensors best.safetensors results.csv report.html events.out.tfevents.0.yolo) # what equal runs write alike

# A run and its folder.
run train set/data.cfg "${small[@]}" --dir one
expect_status 0
expect_out '^network   yolo-nano, input 96x96, [0-9,]+ parameters'
expect_out '^memory    weights'
expect_out '^epoch  3/3  loss [0-9.]+ \(box [0-9.]+, objectness [0-9.]+, class [0-9.]+\).*AP [0-9.]+  AP50 [0-9.]+'
expect_out '^next:  yolo eval set/data.cfg --model one/best.safetensors'
reject_out '(^|[^a-z])(nan|inf)($|[^a-z])'
for file in "${equal[@]}" data.cfg train.log last.ckpt last.ckpt.prev; do
  expect_file one/$file
done
expect_is "$(wc -l <one/results.csv)" 4
expect_is "$(find one/samples -name '*.jpg' | wc -l)" 4
expect_no_leftovers

# The resolved data.cfg is enough to do it again, and equal runs write equal bytes, whatever the number of threads.
run train one/data.cfg --dir two --set train.threads=1 --set data.workers=5
expect_status 0
for file in "${equal[@]}"; do expect_equal one/$file two/$file; done
run train set/data.cfg "${small[@]}" --seed 1 --dir other
expect_status 0
pass_if "$(! cmp -s one/last.safetensors other/last.safetensors; echo $?)" "another seed gives the same weights"

# What was trained is a model like any other.
run detect set/images/val --model one/best.safetensors --no-images
expect_status 0
run eval set/data.cfg --model one/best.safetensors --bootstrap 0
expect_status 0

# Ctrl-C saves; --resume ends with the same bytes. Killed without warning, it goes on from the last epoch.
for signal in INT KILL; do
  rm -rf broken
  start_until last.ckpt train set/data.cfg "${small[@]}" --dir broken
  kill -s $signal $child
  go_on
  if [ $signal = INT ]; then
    expect_status 130
    expect_err 'everything is saved'
    expect_err 'the same command with --dir broken --resume'
  else
    expect_status 137
  fi
  run train set/data.cfg "${small[@]}" --dir broken --resume
  expect_status 0
  expect_out 'broken/last.ckpt: goes on with epoch'
  for file in "${equal[@]}"; do expect_equal one/$file broken/$file; done
done

# How images are augmented is the paper's whose loss it is, unless something else is said; digits and thumbnails are not cropped.
make_small
make_classifier
make_labelled folders
sed 's/=32/=160/; s/stride=2/stride=8/' classifier.cfg >larger.cfg
while read -r preset data model; do
  rm -rf recipe
  case $short,$model in yes,ssd*|yes,yolo-nano*) continue ;; esac
  # shellcheck disable=SC2086
  run train $data --model $model --batch 4 --epochs 1 --dir recipe
  expect_status 0
  expect_out "^augment   preset $preset\\b"
  expect_is "$(grep -cE "^preset = $preset " recipe/data.cfg)" 1
done <<'CASES'
yolov5 set/data.cfg yolo-nano --imgsz 96
darknet set/data.cfg small.cfg
yolov5 set/data.cfg small.cfg --set train.loss=yolov5
ssd set/data.cfg ssd-mobilenet --imgsz 96
none folders classifier.cfg
classify folders larger.cfg
classify folders classifier.cfg --set augment.preset=classify
none set/data.cfg small.cfg --set augment.preset=none
CASES
rm -rf recipe
run train set/data.cfg --model small.cfg --batch 4 --epochs 1 --dir recipe --set augment.flip=0
expect_status 0
expect_is "$(grep -cE '^(preset = darknet|flip = 0|mosaic = 0.5) ' recipe/data.cfg)" 3
run data preview set/data.cfg --augmented --out auto.png
expect_status 0
run data preview set/data.cfg --augmented --set augment.preset=yolov5 --out named.png
expect_equal auto.png named.png

# Nothing to go on from is said, and training begins.
run train set/data.cfg "${small[@]}" --epochs 1 --dir fresh --resume
expect_status 0
expect_out 'there is no checkpoint yet; training begins at the beginning'

# Names of runs that nobody named.
for name in yolo-nano yolo-nano-2; do
  run train set/data.cfg "${small[@]}" --epochs 1
  expect_status 0
  expect_file runs/$name/best.safetensors
done

# Weights to begin with; frozen parts stay as they are.
run train set/data.cfg "${small[@]}" --epochs 1 --weights one/last.safetensors --set train.freeze=0-36,bn --dir frozen
expect_status 1
expect_err 'nothing is left that could learn'
run train set/data.cfg "${small[@]}" --epochs 1 --lr 0 --weights one/last.safetensors --set train.freeze=bn --dir still
expect_status 0
expect_out 'one/last.safetensors|last.safetensors'
run convert one/last.safetensors a.weights
run convert still/last.safetensors b.weights
expect_equal a.weights b.weights

# What is refused: arguments, then what standard error must contain.
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run $words
  expect_status 1
  expect_err "$sentence"
done <<'TABLE'
train|it takes one data.cfg
train nowhere.cfg|nowhere.cfg
train set/data.cfg --dir one|one holds a training already; --resume goes on with it
train set/data.cfg --model yolov9|yolov9
train set/data.cfg --device cuda|training runs on the CPU
train set/data.cfg --set train.optimiser=adam|unknown key 'optimiser'
train set/data.cfg --set train.lr=fast|train
train set/data.cfg --set train.loss=hinge --dir x1|there is no loss 'hinge'
train set/data.cfg --set train.loss=softmax --dir x2|does not fit the head
train set/data.cfg --set train.freeze=model.99. --dir x3|'model.99.' names nothing
train set/data.cfg --imgsz 100 --dir x4|an input of 100 x 100 does not fit .* multiples of 32: .*cannot be joined
train set/data.cfg --set data.names=a,b --dir x4|no object of a known class on them
train set/data.cfg --batch 4 --imgsz 96 --epochs 3 --set augment.preset=yolov5 --seed 5 --dir one --resume|seed
TABLE
run train set/data.cfg "${small[@]}" --lr 100 --set train.warmup=0 --set train.clip=0 --dir wild
expect_status 1
expect_err 'epoch [0-9]+, step [0-9]+: .*not finite.*Learning rate [0-9.]+\.'
expect_file wild/bad-batch.png

# Images that vanish, a folder that cannot be written: one sentence, nothing half written.
cp -r set gone
sed -i "s|set/|gone/|g" gone/data.cfg
rm gone/images/train/000003.jpg
run train gone/data.cfg "${small[@]}" --dir lost
expect_status 1
expect_err '000003.jpg'
run train set/data.cfg "${small[@]}" --dir /dev/null/run
expect_status 1
expect_err '/dev/null'

run train --losses
expect_status 0
for loss in yolov3 yolov4 yolov5 region detection gaussian softmax ssd; do expect_out "^$loss "; done
finish
