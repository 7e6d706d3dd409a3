# data.cfg as a user meets it: the documented file, overrides, mistakes that are named with file and line.
root=$(realpath "$(dirname "$0")/../..")
. "$(dirname "$0")/lib.sh"

# ---- the documentation holds what the program prints ----
run help data.cfg
expect_status 0
expect_empty err
for section in data model train augment output; do expect_out "^\[$section\] +# "; done
cp out documented
sed -n '/^<!-- begin: yolo help data.cfg -->/,/^<!-- end/p' "$root/docs/data.md" | grep -v -e '^<!--' -e '^```' >in_docs
last='docs/data.md against yolo help data.cfg; print it anew and put it between the two marks'
expect_file in_docs
expect_equal documented in_docs

# What is printed is itself a data.cfg (one that names no data).
cp documented data.cfg
run data anchors data.cfg
expect_status 1
expect_err "data.cfg: \[data\]: no 'train' split is named"

# ---- a small data set ----
mkdir -p set/images set/labels
for name in a b c; do make_image set/images/$name.ppm; done
echo '0 0.5 0.5 0.25 0.5' >set/labels/a.txt
printf '1 0.5 0.5 0.5 0.5\n0 0.25 0.5 0.125 0.25\n' >set/labels/b.txt
printf 'cat\ndog\n' >set/set.names
printf '[data]\ntrain = images\nnames = set.names\nindex = off\n' >set/data.cfg
for words in set/data.cfg set set/images; do
  run data anchors $words --clusters 2 --set data.index=off
  expect_status 0
  expect_out 'train: 3 objects in 3 images'
done

# --set: the last of equals wins, paths begin in the current folder, the option may stand anywhere.
run data anchors --set data.train=nowhere set/data.cfg --set data.train=set/images --clusters 2
expect_status 0
expect_out 'train: 3 objects'
run data anchors set/data.cfg --set augment.fit=stretch --set=model.imgsz=128x64 --clusters 2
expect_out 'stretched to 128x64'
run data anchors set/data.cfg --set model.fit=letterbox --set augment.preset=darknet --clusters 2
expect_out 'letterboxed into 416x416'

# ---- a Darknet .data file ----
ls set/images/*.ppm >set/train.txt
printf 'classes= 2\ntrain  = set/train.txt\nvalid  = set/train.txt\nnames = set/set.names\nbackup = backup/\n' >set/obj.data
for split in train val; do
  run data anchors set/obj.data --split $split --clusters 2
  expect_status 0
  expect_out "$split: 3 objects in 3 images"
done

# ---- mistakes: the file (\\n between lines), the options, what standard error must contain ----
while IFS='~' read -r text words sentence; do
  printf "$text" >bad.cfg
  # shellcheck disable=SC2086
  run data anchors bad.cfg $words
  expect_status 1
  expect_empty out
  expect_err "$sentence"
done <<'TABLE'
[data]\nworkrs = 2\n~~bad.cfg:2: \[data\]: unknown key 'workrs'; did you mean 'workers'\?
[data]\n\n[augmnt]\n~~bad.cfg:3: unknown section \[augmnt\]; did you mean \[augment\]\?
[data]\nworkers = two\n~~bad.cfg:2: \[data\]: workers=two: a whole number from 0 to 1024 is wanted
[data]\r\nworkers = 1\r\nworkers = 2\r\n~~bad.cfg:3: \[data\]: a second 'workers'; the first is on line 2
[augment]\nflip = 2\n~~bad.cfg:2: \[augment\]: flip=2: a number from 0 to 1
[augment]\npreset = yolo5\n~~did you mean 'yolov5'
[data]\nnames = none.names\n~~bad.cfg:2: \[data\]: names: .*none.names
train = a\n~~bad.cfg:1: 'train = a' stands before any section; a data.cfg begins with \[data\]
~~bad.cfg: is empty
\001~~does not look like a data.cfg
[data]\ntrain = set/images\n~--set data.workrs=2~setting data.workrs: .*did you mean 'workers'
[data]\n~--set workers=2~'workers=2' is no setting: section.key=value
[data]\n~--set=~--set was given an empty value
[data]\n~--set~--set needs a value
[data]\ntrain = a\n~--split val~bad.cfg: \[data\]: no 'val' split is named; it names train
[data]\n~--split valid~there is no split 'valid'
[data]\n~--format cooc~data.format: .*did you mean 'coco'
TABLE
run data anchors nowhere.cfg
expect_status 1
expect_err 'nowhere.cfg: .*No such file'
run data anchors
expect_status 1
expect_err 'no data.cfg and no labels were named: yolo data anchors'
run data anchors set set
expect_status 1
expect_err 'it takes one data.cfg'
finish
