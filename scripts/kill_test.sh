#!/usr/bin/env bash
# Kills trainings (SIGKILL) at random moments and at chosen ones (while a file of the run is being written), goes on each time
# with --resume, and compares what comes out with an uninterrupted run, bit for bit. After each kill every checkpoint that lies
# there, the one before the last too, is gone on from in a copy of the folder: none may be unreadable.
#
#   scripts/kill_test.sh [--yolo FILE] [--rounds N] [--seed N] [--model NAME|FILE.cfg] [--size N] [--epochs N] [--threads N]
#
# Defaults: build/release/yolo, 10 kills, seed 1, a small network of its own, 64 pixels, 6 epochs, 2 threads. Ends with 1 where
# anything differed.
set -u
yolo=build/release/yolo rounds=10 seed=1 model="" size=64 epochs=6 threads=2
while [ $# -gt 0 ]; do
  case $1 in
    --yolo) yolo=$2 ;; --rounds) rounds=$2 ;; --seed) seed=$2 ;; --model) model=$2 ;; --size) size=$2 ;;
    --epochs) epochs=$2 ;; --threads) threads=$2 ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift 2
done
yolo=$(realpath "$yolo") || exit 2
case $model in *.cfg) model=$(realpath "$model") || exit 2 ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
RANDOM=$seed

if [ -z "$model" ]; then # a few thousand parameters: most of the time goes into files
  model=small.cfg
  conv() { printf '[convolutional]\nbatch_normalize=1\nfilters=%d\nsize=3\nstride=2\npad=1\nactivation=leaky\n' "$1"; }
  {
    printf '[net]\nwidth=64\nheight=64\nchannels=3\n'
    conv 8; conv 16; conv 24
    printf '[convolutional]\nfilters=57\nsize=1\nactivation=linear\n'
    printf '[yolo]\nmask=0,1,2\nanchors=8,8, 16,16, 32,32\nclasses=14\nnum=3\n'
  } >small.cfg
fi
"$yolo" data synth set --images 16 --val 8 --size "$size" --seed "$seed" --quiet || exit 2
command=("$yolo" train set/data.cfg --model "$model" --imgsz "$size" --batch 4 --epochs "$epochs" --seed "$seed"
  --set augment.preset=yolov5 --set train.plain_epochs=2 --set "train.threads=$threads" --set data.workers=2 --set output.samples=4)

bad=0
wrong() {
  bad=$((bad + 1))
  echo "WRONG: $1"
  sed 's/^/  /' "${2:-out}" | tail -n 8
}

# ended_alike FOLDER: every file of it is the uninterrupted run's.
ended_alike() {
  local file
  for file in last.safetensors best.safetensors last.ckpt results.csv events.out.tfevents.0.yolo; do
    cmp -s "whole/$file" "$1/$file" || wrong "$1/$file differs from the uninterrupted run's"
  done
  diff -r whole/samples "$1/samples" >differs || wrong "the sample pictures differ" differs
  file=$(find "$1" -name '*.tmp-*' -o -name '*.new')
  [ -z "$file" ] || wrong "left behind: $file"
}

# finish FOLDER: goes on to the end; says where it began.
finish() {
  "${command[@]}" --dir "$1" --resume >out 2>&1 </dev/null || wrong "$1: --resume ended with $?"
  ! grep -q 'damaged' out || wrong "$1: a checkpoint is unreadable"
  grep -qE 'goes on with epoch|begins at the beginning' out || wrong "$1: not said where it goes on"
  ended_alike "$1"
}

began=$(date +%s%N)
"${command[@]}" --dir whole >out 2>&1 </dev/null || { cat out; exit 2; }
span=$((($(date +%s%N) - began) / 1000000))
echo "uninterrupted: $epochs epochs, $span ms"

# What is being written when the axe falls; "": whatever happens at a random moment (steps, validation, between the files).
moments=("" last.ckpt.new.tmp- "" last.ckpt.new "" best.safetensors.tmp- results.csv.tmp- "" samples/ last.ckpt.prev.new
  report.html.tmp- train.log.tmp- "" data.cfg.tmp-)

# wait_for PID MOMENT: sleeps a random while, then until the file is there; its name with the process in it.
wait_for() {
  local pid=$1 moment=$2 file
  sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
  case $moment in
    "") return ;;
    samples/) file=run/samples/002-000002.jpg.tmp-$pid ;;
    *-) file=run/$moment$pid ;;
    *) file=run/$moment ;;
  esac
  until [ -e "$file" ]; do kill -0 "$pid" 2>/dev/null || return; done
}

killed=0 trainings=0 hits="" first=0
while [ $killed -lt "$rounds" ]; do
  moment=${moments[$((killed % ${#moments[@]}))]}
  wait_ms=$((RANDOM % (span * 2 / 3 + 1)))
  # Every other training is killed in its first epoch, where there is no checkpoint yet.
  if [ ! -d run ] && [ $((trainings % 2)) -eq 0 ]; then wait_ms=$((RANDOM % (span / epochs + 1))) moment=""; fi
  if [ "$moment" = data.cfg.tmp- ]; then wait_ms=0; fi
  resume=""
  [ ! -d run ] || resume=--resume
  "${command[@]}" --dir run $resume >out 2>&1 </dev/null &
  pid=$!
  wait_for $pid "$moment"
  kill -KILL $pid 2>/dev/null
  status=0
  wait $pid 2>/dev/null || status=$?
  if [ $status -ne 137 ]; then # it was quicker
    [ $status -eq 0 ] || wrong "ended by itself with $status"
    ended_alike run
    rm -rf run
    trainings=$((trainings + 1))
    continue
  fi
  ! grep -q 'damaged' out || wrong "a checkpoint was unreadable"
  killed=$((killed + 1))
  caught=$(find run -name '*.tmp-*' -o -name '*.new' 2>/dev/null | sed 's/-[0-9]*$//; s|^run/||' | sort | tr '\n' ' ')
  [ -e run/last.ckpt ] || first=$((first + 1))
  hits+="${caught:-between_files }"
  echo "kill $killed after $wait_ms ms${moment:+, then at $moment}: half written: ${caught:-nothing};" \
    "$(grep -c '^epoch' out) epochs since it began"
  for checkpoint in last.ckpt last.ckpt.prev; do
    [ -e run/$checkpoint ] || continue
    rm -rf copy
    cp -r run copy
    rm -f copy/last.ckpt copy/last.ckpt.prev
    cp run/$checkpoint copy/last.ckpt
    finish copy
    grep -q 'goes on with epoch' out || wrong "$checkpoint was not gone on from"
  done
done
[ ! -d run ] || finish run
counts=$(tr ' ' '\n' <<<"$hits" | sort | grep . | uniq -c | tr -s ' \n' ' ')
echo "$killed kills ($first before the first checkpoint), $bad wrong; half written were: $counts"
[ $bad -eq 0 ]
