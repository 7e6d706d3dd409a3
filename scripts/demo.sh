#!/usr/bin/env bash
# From a fresh clone to a detector of your own: installs what is missing, builds, then a guided tour of the main job on pictures
# that the program draws itself: look at data, train, score, detect, and see why. Three to five minutes on two cores that have
# nothing else to do; packages come on top.
#   scripts/demo.sh                    the tour; everything it makes lies in runs/demo
#   scripts/demo.sh MODEL IMAGE...     no tour: a model of yours on images of yours. MODEL: a .safetensors, or a .weights with its
#                                      .cfg (and a .names) beside it
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -eq 1 ]; then
  echo "A model but no image: scripts/demo.sh MODEL IMAGE..." >&2
  exit 2
fi
scripts/setup.sh
began=$SECONDS
echo "demo: building in build/release; about a minute the first time"
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DYOLO_TESTS=OFF >/dev/null
cmake --build build/release
yolo=build/release/yolo
out=runs/demo

if [ $# -gt 1 ]; then
  arguments=(--model "$1")
  case $1 in
    *.weights)
      arguments+=(--cfg "${1%.weights}.cfg")
      if [ -f "${1%.weights}.names" ]; then arguments+=(--names "${1%.weights}.names"); fi
      ;;
  esac
  shift
  "$yolo" detect "$@" "${arguments[@]}" --out "$out" --json "$out/detections.json"
  echo "Pictures and detections.json are in $out"
  exit 0
fi

# tell TITLE TEXT: what comes next and why. run COMMAND...: shows it as you would type it, then runs it.
tell() { printf '\n\n== %s\n%s\n' "$1" "$2"; }
run() {
  printf '\n$ yolo'
  printf ' %s' "$@"
  printf '\n'
  "$yolo" "$@"
}
rm -rf "$out"
mkdir -p "$out"

tell "1. Data: pictures, and what is on them" \
  "A detector learns from pictures whose objects somebody boxed and named. Here the program draws them: shapes of 14
kinds in all colours, with boxes and outlines as COCO JSON, and a data.cfg that says where everything lies."
run data synth $out/shapes --images 3000 --val 100 --size 128 --seed 1 -q
tell "2. Look before you train" \
  "Most failures begin with labels. One command reads every picture and every box, another draws some of them."
run data check $out/shapes/data.cfg
run data preview $out/shapes/data.cfg --out $out/data.png

tell "3. Training, from random weights" \
  "yolo-nano, 1.1 million parameters. A network is a text file, and so is what it is punished for: these shapes differ in
nothing but their kind, so the class part of the loss gets four times its weight. An epoch shows the network every
picture once, mirrored by chance. 'loss' is what training makes small: box (where), objectness (is anything there),
class (what). AP50 is judged after each epoch on pictures it never learns from: of all boxes claimed, how many lie on an
object (IoU 0.5) and name it right? * is the best so far."
printf "\n\$ sed 's/^loss=yolov5/&\\\\ncls_gain=2/' backbone/models/yolo-nano.cfg >%s/shapes-nano.cfg" $out
sed 's/^loss=yolov5/&\ncls_gain=2/' backbone/models/yolo-nano.cfg >$out/shapes-nano.cfg
run train $out/shapes/data.cfg --model $out/shapes-nano.cfg --imgsz 128 --epochs 12 --batch 16 --lr 0.04 --dir $out/run \
  --set train.warmup=0.5 --set augment.preset=none --set augment.flip=0.5 --set augment.flip_vertical=0.5

tell "4. How good is it?" \
  "Scored as COCO scores. AP, average precision, is the area under precision over recall, a mean over classes and over IoU
from 0.5 to 0.95: 1 is perfect, -1 means that there is no such object. In brackets 95% intervals: 100 pictures say only so
much. The page shows curves, mix-ups and the worst pictures first."
run eval $out/shapes/data.cfg --model $out/run/best.safetensors --report $out/report.html

tell "5. Detecting" "The model is one file. It holds the network, the names and how pictures are prepared."
run detect "$out/shapes/images/val/00000*.jpg" --model $out/run/best.safetensors --out $out/boxes

tell "6. Why?" \
  "Nothing here is a black box. Which cells of the network answered for which object while it trained:"
picture=$out/shapes/images/train/000001.jpg
run explain --assign $picture --model $out/run/best.safetensors --out $out/assign.png
printf '\nWhat each object cost, part by part:\n'
run explain --loss $picture --model $out/run/best.safetensors -q
printf '\nAnd what in a picture speaks for the best detection on it:\n'
run explain --cam $out/shapes/images/val/000001.jpg --model $out/run/best.safetensors --out $out/cam.png -q

took=$((SECONDS - began))
printf '\n\nThe tour took %d min %02d s, build included, packages not. Now look at:\n' $((took / 60)) $((took % 60))
cat <<TEXT
  $out/data.png            the pictures it learned from
  $out/boxes               what it finds on pictures it never saw
  $out/report.html         how good it is; opens in any browser, needs no network
  $out/run/report.html     how it learned
  $out/assign.png          who answers for which object
  $out/cam.png             where the network looks
Then take your own: 'yolo help data.cfg' says how to point at your pictures, 'yolo train data.cfg' does the rest.
The source follows one image from file to box: docs/architecture.md.
TEXT
