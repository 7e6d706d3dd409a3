# yolo data convert: what it writes, what it refuses to write over, what it says.
. "$(dirname "$0")/lib.sh"

mkdir -p set/pics
make_image set/pics/a.ppm # 64 x 32
make_image set/pics/b.ppm
cat >set/all.json <<'JSON'
{"images":[{"id":3,"file_name":"a.ppm","width":64,"height":32},{"id":4,"file_name":"b.ppm","width":64,"height":32}],
 "annotations":[{"id":1,"image_id":3,"category_id":7,"bbox":[8,4,16,8],"area":128,"iscrowd":0},
                {"id":2,"image_id":3,"category_id":7,"bbox":[0,0,64,32],"area":2048,"iscrowd":1}],
 "categories":[{"id":7,"name":"cat"},{"id":9,"name":"dog"}]}
JSON
convert() { run data convert "$@"; }

# ---- to each format, and what cannot be said there ----
convert set/all.json yolo --to yolo --images set/pics
expect_status 0
expect_empty err
expect_out '1 crowd region'
expect_out '2 images, 2 objects, 2 classes: written to yolo \(yolo\)'
expect_is "$(cat yolo/labels/a.txt)" '0 0.25 0.25 0.25 0.25'
expect_is "$(wc -c <yolo/labels/b.txt)" 0
expect_is "$(tr '\n' ' ' <yolo/classes.txt)" 'cat dog '
expect_is "$(tr '\n' ' ' <yolo/images.txt)" './images/a.ppm ./images/b.ppm '
expect_equal yolo/images/a.ppm set/pics/a.ppm

convert yolo voc --to voc
expect_status 0
expect_out '2 images, 1 object, 2 classes: written to voc'
expect_is "$(tr -d '\n\t' <voc/Annotations/a.xml | grep -o '<xmin>.*</ymax>')" \
  '<xmin>9</xmin><ymin>5</ymin><xmax>24</xmax><ymax>12</ymax>'

convert voc back.json
expect_status 0
expect_out 'file names are written as paths'
expect_json back.json
expect_flat '^\.images\[0\]\.file_name = voc/JPEGImages/a\.ppm$'
expect_flat '^\.annotations\[0\]\.bbox\[3\] = 8$'
run data check back.json
expect_out 'image-unlabelled: voc/JPEGImages/b'
reject_out 'image-missing|box-'

convert set/all.json elsewhere/deep/copy.json --images set/pics # not below: absolute
expect_status 0
expect_json elsewhere/deep/copy.json
expect_flat "^\.images\[0\]\.file_name = $PWD/set/pics/a\.ppm$"
run data check elsewhere/deep/copy.json
reject_out 'image-missing|box-'

cp set/all.json set/pics/labels.json # names that lead to the images stay as they are
convert set/pics/labels.json set/pics/again.json
expect_status 0
expect_json set/pics/again.json
expect_flat '^\.images\[0\]\.file_name = a\.ppm$'

convert set/all.json masks --to masks --images set/pics
expect_status 0
expect_out '2 objects have only a box'
expect_file masks/masks/a.png

# ---- names, splits, data.cfg ----
printf 'bird\nfish\n' >other.names
convert yolo named.json --names other.names
expect_status 0
expect_json named.json
expect_flat '^\.categories\[0\]\.name = bird$'
printf '[data]\ntrain = yolo/images.txt\nval = voc\n' >data.cfg
convert data.cfg val.json --split val
reject_out 'the split'
expect_status 0
expect_json val.json
expect_flat '^\.images\[0\]\.file_name = voc/JPEGImages/a\.ppm$'
printf 'classes = 2\ntrain = yolo/images.txt\nvalid = yolo/images.txt\nnames = other.names\n' >obj.data
convert obj.data darknet.json # a file has room for one
expect_status 1
expect_err "darknet\.json' has room for one split, and obj\.data names 2"
reject_file darknet.json
convert obj.data darknet.json --split val
expect_status 0
expect_out '^2 images, 1 object, 2 classes: written to darknet\.json \(coco\)'
convert obj.data darknet --to coco
expect_status 0
expect_is "$(ls darknet/annotations | tr '\n' ' ')" 'instances_train.json instances_val.json '

# ---- all splits of a data.cfg: the written one is clean, can be converted again and be trained on ----
run data synth shapes --images 12 --val 4 --size 128 -q
run data synth more --images 3 --val 0 --size 128 --seed 2 -q
printf 'test = ../more/annotations/instances_train.json\ntest_images = ../more/images/train\n' >>shapes/data.cfg
counts() { grep -oE '^(train|val|test): [0-9]+ images?, [0-9]+ objects?, 14 classes' out; }
source=shapes
for format in voc yolo coco masks; do
  convert $source/data.cfg all/$format --to $format
  expect_status 0
  expect_empty err
  expect_out "^all/$format/data\.cfg names the splits"
  if [ $format = voc ]; then counts >first.counts; fi
  if [ $format != masks ]; then # there classes, not objects, are counted
    expect_is "$(counts | wc -l)" 3
    expect_is "$(counts)" "$(cat first.counts)"
  fi
  expect_is "$(grep -cE '^(train|val|test) = ' all/$format/data.cfg)" 3
  expect_is "$(grep "^format" all/$format/data.cfg)" "format = $format"
  run data check all/$format/data.cfg -q
  expect_status 0
  expect_out '^clean: 19 images'
  run data preview all/$format/data.cfg --split val -q -o sheet.png
  expect_status 0
  source=all/$format
done
mv all moved # what is below one folder may be moved with it
run data check moved/voc/data.cfg
expect_status 0
mv moved all
for format in voc yolo coco; do
  run train all/$format/data.cfg --imgsz 64 --batch 8 --epochs 1 --dir runs/$format --set train.threads=1
  expect_status 0
done
convert shapes/data.cfg one --to yolo --split val # one split: no folder of its own, no data.cfg
expect_status 0
expect_file one/images.txt
reject_file one/data.cfg
# Classes in the order of the first split, whatever order the other has.
mkdir order
cp set/all.json order/a.json
sed 's/"categories":.*/"categories":[{"id":9,"name":"dog"},{"id":7,"name":"cat"}]}/' set/all.json >order/b.json
printf '[data]\ntrain = a.json\nval = b.json\ntrain_images = ../set/pics\nval_images = ../set/pics\n' >order/data.cfg
convert order ordered --to yolo
expect_status 0
expect_equal ordered/train/classes.txt ordered/val/classes.txt
expect_equal ordered/train/labels/a.txt ordered/val/labels/a.txt
sed -i 's/"dog"/"cow"/; s/"category_id":7,"bbox":\[8/"category_id":9,"bbox":[8/' order/b.json # unknown to the first: reported
convert order ordered --to yolo --overwrite
expect_status 2
expect_err 'order/b\.json.*cow'
# Nothing is written over unasked, and never what is read, the data.cfg included.
before=$(cat ordered/data.cfg ordered/*/labels/*.txt | cksum)
convert order ordered --to voc
expect_status 1
expect_err "ordered/data\.cfg' is there already; --overwrite"
convert ordered ordered --to voc --overwrite
expect_status 1
expect_err "ordered/data\.cfg' is what is read"
printf '[data]\ntrain = ordered/val/images.txt\nval = ordered/train\n' >crossed.cfg
convert crossed.cfg ordered --to yolo --overwrite
expect_status 1
expect_err 'is (what is )?read'
expect_is "$(cat ordered/data.cfg ordered/*/labels/*.txt | cksum)" "$before"

# Images inside other files cannot be named.
mkdir digits
printf '\0\0\010\003\0\0\0\001\0\0\0\002\0\0\0\002abcd' >digits/train-images-idx3-ubyte
printf '\0\0\010\001\0\0\0\001\003' >digits/train-labels-idx1-ubyte
convert digits digits.json
expect_status 0
expect_out '1 images? were left out: they have no file of their own'
expect_json digits.json
expect_is "$(grep -c file_name digits.json)" 0

# ---- nothing is written over unasked, and never the source ----
convert yolo back.json
expect_status 1
expect_err "back\.json' is there already; --overwrite"
convert yolo back.json --overwrite
expect_status 0
before=$(cat yolo/labels/*.txt yolo/classes.txt | cksum)
convert yolo yolo --to yolo --overwrite
expect_status 1
expect_err 'is (what is )?read'
convert yolo/images.txt other --to yolo --overwrite
expect_status 0
convert ./yolo/images/.. yolo/../yolo --to yolo --overwrite
expect_status 1
expect_is "$(cat yolo/labels/*.txt yolo/classes.txt | cksum)" "$before"
convert set/all.json set/all.json --overwrite --images set/pics
expect_status 1
convert voc voc --to voc --overwrite
expect_status 1
mkdir -p taken/images
echo mine >taken/images/a.ppm
convert set/all.json taken --to yolo --images set/pics
expect_status 1
expect_err 'taken/images/a\.ppm'
expect_is "$(cat taken/images/a.ppm)" mine

# ---- mistakes ----
convert yolo
expect_status 1
expect_err 'it takes what is read and where to write'
convert yolo new
expect_status 1
expect_err 'say what is to be written'
convert yolo new --to vox
expect_status 1
expect_err 'did you mean voc'
convert nowhere new --to yolo
expect_status 1
expect_err 'nowhere'
convert yolo masks --to coco
expect_status 1
expect_err 'is a folder'
reject_file new

# ---- what could not be read is named, the rest is converted ----
mkdir -p flawed/images flawed/labels
make_image flawed/images/a.ppm
printf '0 .5 .5 .5 .5\r\n\r\n0 .5 .5\n0 a b c d\n' >flawed/labels/a.txt
convert flawed flawed.json
expect_status 2
expect_err 'flawed/labels/a\.txt:3: label-syntax'
expect_err 'flawed/labels/a\.txt:4: label-syntax'
expect_out '1 image, 1 object, 1 class'

expect_no_leftovers
finish
