# Same seed, same bits: 50 steps and more with 1, 2 and 4 threads of the network and 1 or 3 workers of the loader, for a detector
# with mosaic, mixup, several sizes and all the rest of a preset, and for a classifier with dropout.
root=$(cd "$(dirname "$0")" && pwd)
. "$root/lib.sh"
. "$root/train_lib.sh"
make_small
make_classifier
make_labelled folders

run data synth set --images 20 --val 4 --size 64 --seed 5
expect_status 0
detector="train set/data.cfg --model small.cfg --batch 4 --epochs 10 --set train.plain_epochs=2
  --set augment.preset=yolov5 --set augment.mixup=0.3 --set augment.multi_scale=0.5,1.5" # 50 steps
classifier="train folders --model classifier.cfg --batch 4 --epochs 9 --set train.optimizer=adam --set augment.preset=classify" # 54

for kind in detector classifier; do
  for threads in 1 2 4; do
    for workers in 1 3; do
      if [ $short = yes ] && [ $threads$workers != 11 ] && [ $threads$workers != 43 ]; then continue; fi
      # shellcheck disable=SC2086
      run ${!kind} --dir $kind-$threads-$workers --set train.threads=$threads --set data.workers=$workers
      expect_status 0
      reject_out '(^|[^a-z])(nan|inf)($|[^a-z])'
      expect_same_run $kind-1-1 $kind-$threads-$workers
    done
  done
  # shellcheck disable=SC2086
  run ${!kind} --dir $kind-other --seed 1
  expect_status 0
  pass_if "$(! cmp -s $kind-1-1/last.safetensors $kind-other/last.safetensors; echo $?)" "another seed gives the same $kind"
done
finish
