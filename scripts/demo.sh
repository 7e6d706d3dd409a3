#!/usr/bin/env bash
# From a fresh clone to detections: installs what is missing, builds, and runs the main job.
#   scripts/demo.sh                            weights under YOLO_TEST_DATA, else a zoo network without weights
#   scripts/demo.sh MODEL [IMAGE...]           MODEL: a .safetensors, or a .weights with the .cfg beside it
#   YOLO_MODEL=FILE scripts/demo.sh [IMAGE...] the same
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DYOLO_TESTS=OFF >/dev/null
cmake --build build/release
yolo=build/release/yolo
out=runs/demo
data=${YOLO_TEST_DATA:-}

model=${YOLO_MODEL:-}
if [ -z "$model" ] && [ $# -gt 0 ]; then
  model=$1
  shift
fi
images=("$@")
origin="the weights you named"
if [ -z "$model" ] && [ -n "$data" ]; then
  model=$data/weights/yolo-fastest-1.1-xl.weights
  origin="published weights found under YOLO_TEST_DATA"
fi
if [ ${#images[@]} -eq 0 ] && [ -n "$data" ]; then images=("$data/images"); fi

if [ -z "$model" ]; then
  echo
  echo "No weights were named, and this project ships none of its own yet: nothing can be detected."
  echo "Name some (scripts/demo.sh MODEL IMAGE) to see boxes. Until then, a network of the zoo with random weights:"
  echo
  "$yolo" info backbone/models/yolov4-tiny.cfg
  "$yolo" bench backbone/models/yolov4-tiny.cfg
  exit 0
fi
if [ ${#images[@]} -eq 0 ]; then
  echo "Weights but no image: scripts/demo.sh MODEL IMAGE..." >&2
  exit 2
fi

arguments=(--model "$model")
case $model in
  *.weights)
    arguments+=(--cfg "${model%.weights}.cfg")
    # Class names live in a file of their own: the model's, else COCO's where the folder has it.
    folder=$(dirname "$model")
    case $model in
      *voc*) names=voc.names ;;
      *) names=coco.names ;;
    esac
    for file in "${model%.weights}.names" "$folder/$names"; do
      if [ -f "$file" ]; then
        arguments+=(--names "$file")
        break
      fi
    done
    ;;
esac
echo
echo "This project ships no weights of its own yet; this run uses $origin: $(basename "$model")"
mkdir -p "$out"
"$yolo" detect "${images[@]}" "${arguments[@]}" --out "$out" --json "$out/detections.json"
echo "Pictures and detections.json are in $out"
