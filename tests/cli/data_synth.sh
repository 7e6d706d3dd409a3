# yolo data synth: the same files for the same options, a data set that the other commands take, folders of others left alone.
. "$(dirname "$0")/lib.sh"

synth() { run data synth "$@"; }
sums() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum); }

# ---- what is written ----
synth one --images 20 --val 6 --size 128
expect_status 0
expect_empty err
expect_out '^26 images of 128x128 \(20 train, 6 val\), [0-9]+ objects of 14 classes: '
expect_out ': [0-9]+% small, [0-9]+% medium, [0-9]+% large; [0-9.]+ s$'
expect_out '^Written to one. Look at it:  yolo data preview one/data.cfg$'
reject_out "$(printf '[\r\033]')"
expect_is "$(ls one | tr '\n' ' ')" 'annotations data.cfg images synth.txt '
expect_is "$(ls one/images/train | wc -l) $(ls one/images/val | wc -l)" '20 6'
expect_is "$(ls one/annotations | tr '\n' ' ')" 'instances_train.json instances_val.json '
for split in train val; do
  expect_json one/annotations/instances_$split.json
  expect_flat '^\.categories\.length = 14$'
  expect_flat '^\.categories\[0\]\.name = disc$'
  expect_flat '^\.categories\[13\]\.id = 14$'
  expect_flat '^\.images\[0\]\.file_name = 000001.jpg$'
  expect_flat '^\.images\[0\]\.width = 128$'
  expect_flat '^\.annotations\[0\]\.id = 1$'
  expect_flat '^\.annotations\[0\]\.iscrowd = 0$'
  expect_flat '^\.annotations\[0\]\.segmentation\.size\[1\] = 128$'
  # A box lies in the picture, an area in its box.
  pass_if "$(awk -F' = ' '
    /^\.annotations\[[0-9]+\]\.bbox\[[0-3]\]/ { match($1, /[0-9]+\]$/); box[substr($1, RSTART, 1)] = $2 }
    /^\.annotations\[[0-9]+\]\.area/ { area = $2; n++
      if (box[0] < 0 || box[1] < 0 || box[2] < 3 || box[3] < 3 || box[0] + box[2] > 128 || box[1] + box[3] > 128) bad = 1
      if (area < 40 || area > box[2] * box[3]) bad = 1 }
    END { exit bad || n < 20 }' flat; echo $?)" "a box or an area of the split $split is wrong"
done
expect_is "$(grep -c '^train = annotations/instances_train.json$' one/data.cfg)" 1
expect_is "$(grep -c '^names = disc, ring, ' one/data.cfg)" 1

# ---- the same options, the same bytes: any number of threads, any folder; other options, other pictures ----
sums one >one.sums
for threads in 1 2 5; do
  synth again/$threads --images 20 --val 6 --size 128 --threads $threads --quiet
  expect_status 0
  expect_empty out
  sums again/$threads >again.sums
  expect_equal one.sums again.sums
done
synth seed --images 20 --val 6 --size 128 --seed 2 -q
pass_if "$(! cmp -s one/images/train/000001.jpg seed/images/train/000001.jpg; echo $?)" 'another seed drew the same picture'
pass_if "$(! cmp -s one/images/train/000001.jpg one/images/val/000001.jpg; echo $?)" 'a picture is in both splits'
# Fewer or more pictures: those that are in both are the same.
synth few --images 3 --val 6 --size 128 -q
expect_equal one/images/train/000003.jpg few/images/train/000003.jpg
expect_equal one/images/val/000006.jpg few/images/val/000006.jpg
synth wide --images 2 --val 0 --size 192x96 -q
expect_status 0
expect_json wide/annotations/instances_train.json
expect_flat '^\.images\[1\]\.height = 96$'
expect_is "$(ls wide/images)" train
reject_file wide/annotations/instances_val.json
expect_is "$(grep -c val wide/data.cfg)" 0

# ---- its own folder is written over, and nothing of the larger run is left; somebody else's is not touched ----
cp -r one over
touch over/images/train/mine.jpg
synth over --images 5 --val 2 --size 128 -q
expect_status 0
expect_is "$(ls over/images/train | tr '\n' ' ')" '000001.jpg 000002.jpg 000003.jpg 000004.jpg 000005.jpg mine.jpg '
expect_json over/annotations/instances_train.json
expect_flat '^\.images\.length = 5$'
mkdir theirs
echo precious >theirs/data.cfg
synth theirs --images 2
expect_status 1
expect_err '^yolo data synth: theirs: this folder holds something .* name a new one$'
expect_is "$(ls theirs) $(cat theirs/data.cfg)" 'data.cfg precious'
mkdir empty
synth empty --images 2 --val 1 --size 64 -q
expect_status 0
echo file >plain
synth plain --images 2
expect_status 1
expect_err '^yolo data synth: plain: .*Not a directory'

# ---- wrong words ----
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  synth $words
  expect_status 1
  expect_empty out
  expect_err "$sentence"
done <<'TABLE'
|it takes one folder
a b|it takes one folder
a --images 0|--images wants a whole number from 1
a --size 32|--size wants a size
a --size 5000|--size wants a size
a --seed -1|--seed wants a whole number
a --sede 1|Did you mean '--seed'\?
TABLE
reject_file a

# ---- a limit on the size of files (1024 bytes), as a full disk: one sentence, no labels, no data.cfg, no half file ----
last='ulimit -f 1; yolo data synth limited'
status=0
(
  ulimit -f 1
  exec "$yolo" data synth limited --images 4 --size 128
) >out 2>err || status=$?
expect_status 1
expect_err 'limited/images/train/00000.\.jpg.*File too large'
reject_file limited/data.cfg
reject_file limited/annotations/instances_train.json
expect_no_leftovers

# ---- Ctrl-C: 130, said, nothing that describes pictures; the same command then finishes it ----
set -m # a job of its own, whose interrupts are not ignored
last='yolo data synth stopped, stopped by INT'
"$yolo" data synth stopped --images 20000 --size 128 >out 2>err &
job=$!
for _ in $(seq 400); do
  if [ -e stopped/images/train/000009.jpg ]; then break; fi
  sleep 0.05
done
kill -INT $job
status=0
wait $job || status=$?
set +m
expect_status 130
expect_err 'stopped after [0-9]+ images?; stopped has no labels and no data.cfg yet'
reject_file stopped/data.cfg
reject_file stopped/annotations/instances_train.json
expect_no_leftovers
synth stopped --images 3 --val 1 --size 64 -q
expect_status 0
expect_is "$(ls stopped/images/train | wc -l)" 3
finish
