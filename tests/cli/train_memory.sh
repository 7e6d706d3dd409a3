# Memory of a long training stays what it was: 20 epochs with mosaic, validation each epoch and inputs of many sizes, drawn anew for
# each batch. After the third epoch the resident set grows by at most 2%. (Under the address sanitizer freed blocks stay in a
# quarantine, and the resident set says nothing.)
root=$(cd "$(dirname "$0")" && pwd)
. "$root/lib.sh"
if grep -q __asan_init "$yolo"; then
  echo "SKIP: freed memory is kept by the address sanitizer; growth was not measured"
  exit 77
fi
epochs=${YOLO_TEST_EPOCHS:-20}

run data synth set --images 24 --val 8 --size 96 --seed 5
expect_status 0
run train set/data.cfg --dir long --imgsz 96 --batch 4 --epochs "$epochs" --set train.plain_epochs=0 --set augment.preset=yolov5 \
  --set augment.mosaic=1 --set augment.multi_scale=0.5,1.5 --set data.workers=2 --set train.validate_every=1
expect_status 0
expect_is "$(grep -c '^epoch .*AP50' out)" "$epochs"
megabytes=$(sed -nE 's/^epoch .* ([0-9.]+) MB, .*/\1/p' out | tr '\n' ' ')
echo "MB after each epoch: $megabytes"
growth=$(awk '{ most = 0
                for (i = 4; i <= NF; i++) if ($i > most) most = $i
                printf "%.2f", 100 * (most - $3) / $3 }' <<<"$megabytes")
echo "growth after epoch 3: $growth%"
pass_if "$(awk -v g="$growth" 'BEGIN { exit !(g <= 2) }'; echo $?)" "it grew by $growth%"
finish
