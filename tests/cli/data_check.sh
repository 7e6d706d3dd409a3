# yolo data check: a table of planted faults. Each is put into a small clean set and must be found by its rule, at its place,
# and nothing else may be said; the clean sets give nothing at all.
. "$(dirname "$0")/lib.sh"

# ---- small sets, written here ----
photo() { # photo FILE SEED: 64x48, every seed another picture
  printf 'P6\n64 48\n255\n' >"$1"
  yes "$2 " | head -c $((64 * 48 * 3)) >>"$1"
}
jpeg() { # jpeg FILE: 64x48
  base64 -d >"$1" <<'B64'
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8
ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAAR
CAAwAEADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAwIFBv/EABYQAAMAAAAAAAAAAAAAAAAAAAABAv/EABcBAQEBAQAAAAAAAAAA
AAAAAAQCAQb/xAAWEQEBAQAAAAAAAAAAAAAAAAAAAhH/2gAMAwEAAhEDEQA/AOeUFqBFAigzWTY1BagRQWoK0mbGoEUCKC1BukTY1BagVQWo
K0ibZ6gtQIoEUB9c5NjUFqBFBagrSJsagRQIoLUG6TNjUFqBVBagrSJtnqC1AigRQH1zc2NQWoEUFqCtJmxqBFAigtQbpE2NQWoFUFqCtJm3
/9k=
B64
}
turned() { # turned FILE ORIENTATION: the same with an EXIF tag
  jpeg plain.jpg
  {
    head -c 2 plain.jpg
    printf '\377\341\000\042Exif\000\000MM\000*\000\000\000\010\000\001\001\022\000\003\000\000\000\001\000'
    printf "\\00$2\\000\\000\\000\\000\\000\\000"
    tail -c +3 plain.jpg
  } >"$1"
  rm plain.jpg
}
png() { # png FILE KIND: 16x12; a class-index mask with 0, 1, 2 / with 7, too / of 16x11 / in colours
  case $2 in
    good) base64 -d >"$1" <<'B64'
iVBORw0KGgoAAAANSUhEUgAAABAAAAAMBAMAAACZySCyAAAAGFBMVEUAAAD/AAAA/wAAAP8JCQkJCQkJCQkJCQnpVU2mAAAAJklEQVR42mNgQAeM
DIwCDP8/MDAwwUQwGUiKGRgYlBgY7uFRAwcA0boDDTyFchYAAAAASUVORK5CYII=
B64
      ;;
    seven) base64 -d >"$1" <<'B64'
iVBORw0KGgoAAAANSUhEUgAAABAAAAAMBAMAAACZySCyAAAAGFBMVEUAAAD/AAAA/wAAAP8JCQkJCQkJCQkJCQnpVU2mAAAAKUlEQVR42mMuNz3B
gAIYGRgFGP5/YGBggolgMpAUMzAwKDEw3MOjBg4AbMQEhPTiG1IAAAAASUVORK5CYII=
B64
      ;;
    small) base64 -d >"$1" <<'B64'
iVBORw0KGgoAAAANSUhEUgAAABAAAAALBAMAAACEzBAKAAAAGFBMVEUAAAD/AAAA/wAAAP8JCQkJCQkJCQkJCQnpVU2mAAAAJ0lEQVR42mMQFGBA
BYwMjAIM/z8wMDDBRDAZSIoZGBiUGBju4VEDAMLXAy4SEuP0AAAAAElFTkSuQmCC
B64
      ;;
    colour) base64 -d >"$1" <<'B64'
iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAF0lEQVR4nGNkZmFlIAUwkaR6VMMI0gAAOVIAJPAy+TYAAAAASUVORK5CYII=
B64
      ;;
  esac
}

photos() { # photos FOLDER: four of them
  mkdir -p "$1"
  jpeg "$1/a.jpg"
  for name in b c d; do photo "$1/$name.ppm" $name; done
}
make_coco() {
  photos coco/images
  cat >coco/instances.json <<'JSON'
{"images": [
{"id": 5, "file_name": "a.jpg", "width": 64, "height": 48},
{"id": 6, "file_name": "b.ppm", "width": 64, "height": 48},
{"id": 8, "file_name": "c.ppm", "width": 64, "height": 48},
{"id": 9, "file_name": "d.ppm", "width": 64, "height": 48}
],
"annotations": [
{"id": 1, "image_id": 5, "category_id": 3, "bbox": [1, 2, 20, 10], "area": 200, "iscrowd": 0},
{"id": 2, "image_id": 5, "category_id": 7, "bbox": [30, 20, 34, 28], "area": 952, "iscrowd": 0},
{"id": 3, "image_id": 6, "category_id": 3, "bbox": [10, 10, 8, 6], "area": 48, "iscrowd": 0,
 "segmentation": [[10, 10, 18, 10, 18, 16, 10, 16]]},
{"id": 4, "image_id": 8, "category_id": 7, "bbox": [0, 0, 2, 3], "area": 6, "iscrowd": 0,
 "segmentation": {"size": [48, 64], "counts": [0, 3, 45, 3, 3021]}},
{"id": 5, "image_id": 9, "category_id": 7, "bbox": [5, 5, 5, 5], "area": 25, "iscrowd": 0},
{"id": 6, "image_id": 9, "category_id": 3, "bbox": [5, 5, 5, 5], "area": 25, "iscrowd": 0}
],
"categories": [
{"id": 3, "name": "cat"},
{"id": 7, "name": "dog"}
]}
JSON
}
make_yolo() {
  photos yolo/images
  mkdir yolo/labels
  printf 'cat\ndog\n' >yolo/classes.txt
  printf '0 0.5 0.5 0.25 0.5\n1 0.2 0.25 0.1 0.125\n' >yolo/labels/a.txt
  printf '1 0.5 0.5 1 1\n' >yolo/labels/b.txt
  printf '0 0.25 0.5 0.5 0.25\n' >yolo/labels/c.txt
  printf '1 0.1 0.1 0.3 0.1 0.3 0.4\n' >yolo/labels/d.txt
}
voc() { # voc NAME IMAGE CLASS "XMIN YMIN XMAX YMAX"
  # shellcheck disable=SC2086
  set -- "$1" "$2" "$3" $4
  cat >"voc/Annotations/$1.xml" <<XML
<annotation>
 <filename>$2</filename>
 <size><width>64</width><height>48</height><depth>3</depth></size>
 <object>
  <name>$3</name>
  <bndbox><xmin>$4</xmin><ymin>$5</ymin><xmax>$6</xmax><ymax>$7</ymax></bndbox>
 </object>
</annotation>
XML
}
make_voc() {
  photos voc/JPEGImages
  mkdir voc/Annotations
  voc a a.jpg cat '1 1 64 48'
  voc b b.ppm dog '10 10 20 20'
  voc c c.ppm cat '1 20 20 48'
  voc d d.ppm dog '44 8 64 30'
  printf '[data]\ntrain = voc\nnames = cat, dog\n' >voc.cfg
}
make_masks() {
  mkdir -p masks/images masks/masks
  for name in a b; do
    printf 'P6\n16 12\n255\n' >masks/images/$name.ppm
    yes "$name " | head -c $((16 * 12 * 3)) >>masks/images/$name.ppm
    png masks/masks/$name.png good
  done
  printf 'background\ncell\nnucleus\n' >masks/classes.txt
}
make_folders() {
  for class in cat dog; do
    mkdir -p folders/$class
    for n in 1 2; do photo folders/$class/$n.ppm $class$n; done
  done
}
make_splits() {
  for split in train val; do
    mkdir -p splits/$split/images splits/$split/labels
    for n in 1 2; do
      photo splits/$split/images/$n.ppm $split$n
      printf '0 0.5 0.5 0.25 0.5\n' >splits/$split/labels/$n.txt
    done
  done
  printf '[data]\ntrain = splits/train\nval = splits/val\nnames = thing\n' >splits.cfg
}
make_list() {
  make_yolo
  mv yolo list
  for image in a.jpg b.ppm c.ppm d.ppm; do echo "images/$image"; done >list/train.txt
}

# What is checked of each set.
declare -A words=([coco]=coco/instances.json [yolo]=yolo [voc]=voc.cfg [masks]=masks [folders]=folders [splits]=splits.cfg
  [list]=list/train.txt)
mkdir clean
(
  cd clean || exit 1
  for set in list coco yolo voc masks folders splits; do make_$set; done
)

# ---- the clean sets ----
cd clean || exit 1
mkdir ../before
cp -a . ../before
for set in "${!words[@]}"; do
  run data check "${words[$set]}"
  expect_status 0
  expect_out '^clean: [0-9]+ images?, [0-9]+ objects?, 0 errors, 0 warnings, 0 notes$'
  reject_out '^[^ ].*: [a-z-]*: '
  expect_empty err
done
rm out err
pass_if "$(diff -r . ../before >/dev/null; echo $?)" 'the check changed the files it looked at'
cd .. || exit 1

# ---- the faults ----
faults=0
# plant SET RULE TIMES PLACE COMMANDS: the fault is found TIMES times, at PLACE (a pattern for "file:line").
plant() {
  faults=$((faults + 1))
  rm -rf work
  cp -a clean work
  cd work || exit 1
  eval "$5"
  run data check "${words[$1]}" --json findings.json --quiet
  last="fault $faults: $5; $last"
  expect_json findings.json
  expect_is "$(sed -n 's/^\.rules\.//p' flat)" "$2 = $3"
  expect_out "^$4: $2: "
  severity=$("$yolo" data check --rules | sed -n "s/^$2 *\([a-z]*\) .*/\1/p")
  case $severity in
    note) expect_status 0 ;;
    *) expect_status 2 ;;
  esac
  expect_empty err
  cd .. || exit 1
}
json=coco/instances.json
line() { # line N COMMAND: sed on one line of the JSON
  sed -i "$1$2" $json
}

# images
plant coco image-missing 1 "$json:3" 'rm coco/images/b.ppm'
plant coco image-unreadable 1 coco/images/a.jpg 'truncate -s 300 coco/images/a.jpg'
plant coco image-unreadable 1 coco/images/b.ppm 'truncate -s 5000 coco/images/b.ppm'
plant coco image-unreadable 1 coco/images/c.ppm 'echo "no picture" >coco/images/c.ppm'
plant coco image-unreadable 1 coco/images/c.ppm ': >coco/images/c.ppm'
plant coco image-unreadable 1 coco/images/d.ppm 'echo "<html><body>404</body></html>" >coco/images/d.ppm'
plant coco image-extension 1 coco/images/b.jpg 'mv coco/images/b.ppm coco/images/b.jpg; line 3 s/b.ppm/b.jpg/'
plant coco image-size 1 "$json:2" 'line 2 s/64/70/'
plant coco image-size 1 "$json:3" 'line 3 "s/64, \"height\": 48/48, \"height\": 64/"'
plant coco image-exif 1 "$json:2" 'turned coco/images/a.jpg 6'
plant coco image-exif 1 "$json:2" 'turned coco/images/a.jpg 3'
plant coco image-duplicate 1 "$json:5" 'cp coco/images/c.ppm coco/images/d.ppm'
plant coco image-duplicate 1 "$json:4" 'rm coco/images/c.ppm; line 4 s/c.ppm/b.ppm/'
plant coco image-unlabelled 1 "$json:3" 'sed -i 10,11d $json'
plant coco image-unlisted 1 'coco/images/e.ppm' 'photo coco/images/e.ppm e'
plant masks image-damaged 1 masks/images/a.png 'rm masks/images/a.ppm; png good.png colour
  (head -c 33 good.png; printf "\000\000\000\001tEXta\000\000\000\000"; tail -c +34 good.png) >masks/images/a.png'

# COCO JSON
plant coco label-syntax 1 "$json:8" 'line 8 "s/, 10\]/]/"'
plant coco label-syntax 1 "$json:9" 'line 9 "s/\"image_id\": 5/\"image_id\": \"5\"/"'
plant coco label-orphan 1 "$json:8" 'line 8 "s/\"image_id\": 5/\"image_id\": 99/"'
plant coco class-unknown 1 "$json:8" 'line 8 "s/\"category_id\": 3/\"category_id\": 4/"'
plant coco class-duplicate 1 "$json:19" 'line 18 "a {\"id\": 3, \"name\": \"cow\"},"'
plant coco class-duplicate 1 "$json:19" 'line 18 "a {\"id\": 4, \"name\": \"cat\"},"'
plant coco class-empty 1 "$json" 'line 18 "a {\"id\": 9, \"name\": \"cow\"},"'
plant coco id-duplicate 1 "$json:9" 'line 9 "s/\"id\": 2/\"id\": 1/"'
plant coco id-duplicate 1 "$json:3" 'line 2 "s/.*/&\n&/"'
plant coco id-zero 1 "$json:8" 'line 8 "s/\"id\": 1/\"id\": 0/"'
plant coco area-missing 1 "$json:8" 'line 8 "s/, \"area\": 200//"'

# boxes
plant coco box-clipped 1 "$json:9" 'line 9 "s/30, 20, 34/30, 20, 34.8/"'
plant coco box-outside 1 "$json:9" 'line 9 "s/30, 20, 34/30, 20, 44/"'
plant coco box-outside 1 "$json:9" 'line 9 "s/30, 20, 34/100, 100, 34/"'
plant coco box-empty 1 "$json:9" 'line 9 "s/34, 28/34, 0/"'
plant coco box-empty 1 "$json:9" 'line 9 "s/34, 28/-4, 28/"'
plant coco box-invalid 1 "$json:9" 'line 9 "s/30, 20, 34/1.7e308, 20, 1.7e308/"'
plant coco box-tiny 1 "$json:9" 'line 9 "s/34, 28/1, 1/"'
plant coco box-duplicate 1 "$json:15" 'line 15 "s/\"category_id\": 3/\"category_id\": 7/"'

# masks of annotations
plant coco mask-invalid 1 "$json:10" 'line 11 "s/, 18, 16, 10, 16//"'
plant coco mask-invalid 1 "$json:12" 'line 13 "s/3021/3020/"'
plant coco mask-size 1 "$json:12" 'line 13 "s/48, 64/64, 48/"'
plant coco mask-box 1 "$json:10" 'line 10 "s/10, 10, 8, 6/13, 10, 8, 6/"'
plant coco mask-box 1 "$json:12" 'line 12 "s/0, 0, 2, 3/0, 0, 2, 13/"'

# YOLO txt
plant yolo label-syntax 1 yolo/labels/a.txt:2 'printf "0 0.5 0.5 0.25 0.5\n1 0.2 0.25 0.1\n" >yolo/labels/a.txt'
plant yolo label-syntax 1 yolo/labels/a.txt:2 'sed -i "2s/0.25/abc/" yolo/labels/a.txt'
plant yolo class-unknown 1 yolo/labels/a.txt:1 'sed -i "1s/^0/9/" yolo/labels/a.txt'
plant yolo class-unknown 1 yolo/labels/a.txt:1 'sed -i "1s/^0/-1/" yolo/labels/a.txt'
plant yolo label-orphan 1 yolo/labels/e.txt 'cp yolo/labels/a.txt yolo/labels/e.txt'
plant yolo box-outside 1 yolo/labels/a.txt:1 'sed -i "1s/0.5/1.2/" yolo/labels/a.txt'
plant yolo box-clipped 1 yolo/labels/b.txt:1 'echo "1 0.505 0.5 1 1" >yolo/labels/b.txt'
plant yolo box-empty 1 yolo/labels/a.txt:2 'sed -i "2s/0.125/0/" yolo/labels/a.txt'
plant yolo box-duplicate 1 yolo/labels/c.txt:2 'cat ../clean/yolo/labels/c.txt >>yolo/labels/c.txt'
plant yolo image-unlabelled 1 yolo/labels/b.txt ': >yolo/labels/b.txt'
plant yolo image-unlabelled 1 yolo/images/b.ppm 'rm yolo/labels/b.txt'
plant yolo image-unreadable 1 yolo/images/b.ppm 'truncate -s 5000 yolo/images/b.ppm'
plant list image-missing 1 list/train.txt:2 'rm list/images/b.ppm'
plant list image-duplicate 1 list/train.txt:5 'echo images/c.ppm >>list/train.txt'
plant list image-unlisted 1 'list/images/d.ppm' 'sed -i 4d list/train.txt'

# Pascal VOC XML
xml=voc/Annotations
plant voc label-syntax 1 "$xml/b.xml:[0-9]+" 'sed -i 7d $xml/b.xml'
plant voc label-syntax 1 "$xml/b.xml:4" 'sed -i 6d $xml/b.xml'
plant voc label-syntax 1 "$xml/b.xml:4" 'sed -i "6s/<xmin>10/<xmin>ten/" $xml/b.xml'
plant voc class-unknown 1 "$xml/b.xml:4" 'sed -i s/dog/cow/ $xml/b.xml'
plant voc image-missing 1 "$xml/b.xml:1" 'rm voc/JPEGImages/b.ppm'
plant voc image-size 1 "$xml/b.xml:1" 'sed -i s/48/40/ $xml/b.xml'
plant voc box-outside 1 "$xml/b.xml:4" 'sed -i "s/<xmax>20/<xmax>90/" $xml/b.xml'
plant voc box-empty 1 "$xml/b.xml:4" 'sed -i "s/<xmax>20/<xmax>9/" $xml/b.xml'
plant voc box-tiny 1 "$xml/b.xml:4" 'sed -i "s/>20</>10</g" $xml/b.xml'

# class-index masks
plant masks mask-value 1 masks/masks/a.png 'png masks/masks/a.png seven'
plant masks mask-size 1 masks/masks/a.png 'png masks/masks/a.png small'
plant masks mask-invalid 1 masks/masks/b.png 'png masks/masks/b.png colour'
plant masks mask-invalid 1 masks/masks/b.png 'truncate -s 100 masks/masks/b.png'
plant masks label-orphan 1 masks/masks/e.png 'cp masks/masks/a.png masks/masks/e.png'
plant masks image-unlisted 1 masks/images/b.ppm 'rm masks/masks/b.png'

# class folders; splits
plant folders image-unreadable 1 folders/dog/1.ppm 'truncate -s 100 folders/dog/1.ppm'
plant folders image-duplicate 1 folders/dog/2.ppm 'cp folders/cat/1.ppm folders/dog/2.ppm'
plant splits split-leak 1 'splits/val/labels/2.txt' 'cp splits/train/images/1.ppm splits/val/images/2.ppm'
plant splits image-duplicate 1 'splits/val/labels/2.txt' 'cp splits/val/images/1.ppm splits/val/images/2.ppm'
pass_if "$([ $faults -ge 30 ]; echo $?)" "only $faults faults were planted"
echo "$faults faults"

# ---- what is shown ----
rm -rf work
cp -a clean work
cd work || exit 1
rm coco/images/?.*
run data check coco/instances.json --max 1
expect_status 2
expect_is "$(grep -c ': image-missing: ' out)" 1
expect_out '^\.\.\. 3 more of image-missing; --max 0 shows all$'
expect_out '^not clean: 4 images, 6 objects, 4 errors, 0 warnings, 0 notes \(image-missing 4\)$'
run data check coco/instances.json --max 0
expect_is "$(grep -c ': image-missing: ' out)" 4
reject_out ' more of '
run data check coco/instances.json --no-images # labels alone
expect_status 0
expect_out '^  cat +3  #+$'
expect_out '^  below 32x32 +6  #+$'
expect_out '^clean: '

# JSON in one line: the byte is said; names of files do not steer the terminal.
tr -d '\n' <coco/instances.json | sed "s/b.ppm/b\\\\u001b[31m.ppm/" >coco/one.json
run data check coco/one.json
expect_status 2
expect_out '^coco/one.json:1: image-missing: there is no image coco/b\?\[31m\.ppm \(byte [0-9]+\)$'
reject_out "$(printf '\033')"

# Labels beside the images: those of an image that is gone are found; notes and lists of names are none.
mkdir beside
photo beside/a.ppm a
echo '0 0.5 0.5 0.25 0.25' >beside/a.txt
cp beside/a.txt beside/b.txt
echo 'drawn by hand' >beside/notes.txt
echo thing >beside/classes.txt
run data check beside --quiet
expect_status 2
expect_out '^beside/b.txt: label-orphan: '
expect_out '^not clean: 1 image, 1 object, 0 errors, 1 warning, 0 notes'
rm beside/b.txt
run data check beside --quiet
expect_status 0

# Several files are splits of one data set: the second holds the images of the first.
cp -a ../clean/coco/images coco/
cp coco/instances.json coco/val.json
run data check coco/instances.json coco/val.json --json -
expect_status 2
expect_err '^coco/val.json:2: split-leak: a.jpg is the same file as a.jpg in split .coco/instances.json.$'
expect_json out
expect_flat '^\.clean = false$'
expect_flat '^\.rules\.split-leak = 4$'
expect_flat '^\.findings\[3\]\.split = coco/val.json$'
expect_flat '^\.findings\[3\]\.line = 5$'
expect_flat '^\.splits\[1\]\.images = 4$'
expect_flat '^\.classes\[0\]\.objects = 6$'
run data check coco/instances.json coco/val.json --no-images
expect_empty err
expect_out 'split-leak: a.jpg is the same file as a.jpg'
cp -a coco/images coco/other # equal names in two folders: the folders are said
printf '[data]\ntrain = coco/instances.json\ntrain_images = coco/images\nval = coco/val.json\nval_images = coco/other\n' >named.cfg
run data check named.cfg
expect_out "split-leak: coco/other/a.jpg has the very pixels of coco/images/a.jpg in split 'train'$"
run data check splits.cfg --split val
expect_status 0
expect_out '^clean: 2 images'
run data check splits.cfg --set data.names=thing,other
expect_status 2
expect_out "^splits/train: class-empty: the class 'other' has no object in split 'train'$"

# ---- what cannot be checked: status 1 and one sentence ----
for words in '' 'nowhere.json' 'splits.cfg --split all-of-them' 'coco/images/a.jpg' 'coco/instances.json --format voc' \
  'coco/instances.json --json /dev/full' 'splits.cfg --set data.nmaes=a'; do
  # shellcheck disable=SC2086
  run data check $words
  expect_status 1
  expect_is "$(wc -l <err)" 1
done
printf '{"images": [' >cut.json
run data check cut.json --format coco
expect_status 1
expect_err 'cut.json'
last='data check coco/instances.json > /dev/full'
status=0
"$yolo" data check coco/instances.json >/dev/full 2>err || status=$?
expect_status 1
cd .. || exit 1

# ---- a terminal: a bar, which leaves ----
mkdir -p many/cat many/dog
for n in $(seq 200); do
  photo many/cat/$n.ppm cat$n
  photo many/dog/$n.ppm dog$n
done
if script -qec true /dev/null >/dev/null 2>&1; then
  last='yolo data check many, on a terminal'
  TERM=xterm script -qec "'$yolo' data check many --threads 1" /dev/null </dev/null >out 2>err
  expect_out '^clean: 400 images'
else
  echo "SKIP: no 'script' program here; the progress bar was not tested"
fi
run data check many
expect_status 0
reject_err 'images/s'

# ---- real data ----
if [ -n "${YOLO_TEST_DATA:-}" ]; then
  data=$YOLO_TEST_DATA
  run data check "$data/bccd/ImageSets/Main/train.txt" "$data/bccd/ImageSets/Main/val.txt" "$data/bccd/ImageSets/Main/test.txt"
  expect_status 2
  expect_out '^not clean: 364 images, 4,888 objects, 0 errors, 2 warnings, 0 notes \(box-tiny 2\)$'
  run data check "$data"/nuclei/instances_{train,val,test}.json
  expect_status 0
  expect_out '^clean: 334 images, 9,543 objects, 0 errors, 0 warnings, 0 notes$'
  run data check "$data"/coco/annotations/instances_{train,val}2017.json
  expect_status 2
  expect_out '^not clean: 375 images, 3,256 objects, 0 errors, 1 warning, 5 notes \(image-unlabelled 5, class-empty 1\)$'
  run data check "$data/cocoeval/instances_val2014_100.json" --no-images
  expect_out '^not clean: 100 images, 839 objects, 0 errors, 10 warnings, 0 notes \(class-empty 10\)$'
  run data check "$data"/mnist/{train,t10k}-images-idx3-ubyte.gz
  expect_out '70,000 images'
else
  echo "SKIP: YOLO_TEST_DATA is not set; real data were not checked"
fi
finish
