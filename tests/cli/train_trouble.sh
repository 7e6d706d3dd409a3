# What happens to a training: killed, a full disk at every file it writes, a folder it may not write, images and labels that
# change under it, a damaged checkpoint, signals, a reader that goes away. One sentence each, nothing lost, and --resume ends
# with the bytes of the run that nothing happened to.
# A namespace of its own, where it may mount a small file system; what is mounted leaves with it.
for space in -m -rm; do
  if [ -z "${YOLO_TEST_SPACE:-}" ] && unshare $space true 2>/dev/null; then
    YOLO_TEST_SPACE=1 exec unshare $space bash "$0" "$@"
  fi
done
root=$(cd "$(dirname "$0")" && pwd)
. "$root/lib.sh"
. "$root/train_lib.sh"
make_small
all_pages="1 4 8 18 24 50 70" rounds=4
if [ $short = yes ]; then all_pages="8 24" rounds=1; fi

run data synth set --images 12 --val 4 --size 64 --seed 3
expect_status 0
settings="--model small.cfg --batch 4 --epochs 3 --set augment.preset=yolov5 --set train.plain_epochs=1 --set data.workers=2
  --set output.samples=2 --set train.threads=2"
train() { # train FOLDER OPTION...
  local folder=$1
  shift
  # shellcheck disable=SC2086
  run train set/data.cfg $settings --dir "$folder" "$@"
}
train whole
expect_status 0

# ---- killed at random moments and while files are written (the long form: scripts/kill_test.sh alone) ----
last="scripts/kill_test.sh --rounds $rounds"
status=0
bash "$root/../../scripts/kill_test.sh" --yolo "$yolo" --rounds "$rounds" --epochs 3 >out 2>err </dev/null || status=$?
expect_status 0
expect_out '^[0-9]+ kills .* 0 wrong'

# ---- a disk that fills up: one sentence that names the file and what to do; with room again it goes on ----
# A file system in memory of so many pages; each number is another file that does not fit.
mkdir disk
if mount -t tmpfs -o size=4k tmpfs disk 2>/dev/null; then
  for pages in ${YOLO_TEST_PAGES:-$all_pages}; do
    mount -o "remount,size=$((pages * 4))k" disk
    train disk/run
    if [ "$status" -eq 0 ]; then break; fi
    expect_status 1
    expect_sentence 'disk/run.*No space left on device; (once that is mended, --dir disk/run --resume goes on|nothing was saved yet)'
    if [ -e disk/run/last.ckpt ]; then expect_err 'resume goes on'; else reject_err 'resume goes on'; fi
    expect_is "$(find disk -name '*.tmp-*' -o -name '*.new')" ""
    echo "full at $pages pages: $(cut -c1-250 err)"
    mount -o remount,size=64m disk
    train disk/run --resume
    expect_status 0
    reject_out damaged
    expect_same_run whole disk/run
    diff -r whole/samples disk/run/samples >err
    expect_empty err
    rm -rf disk/run
  done
  # ---- a folder that nobody may write, and one that becomes so ----
  mount -o remount,size=64m,ro disk
  train disk/run
  expect_status 1
  expect_sentence 'disk/run.*Read-only file system'
  mount -o remount,rw disk
  cp -r whole disk/run
  mount -o remount,ro disk
  train disk/run --resume
  expect_status 1
  expect_sentence 'disk/run.*Read-only file system'
  umount disk
else
  echo "SKIP: no small file system can be mounted here; a full disk was only tested with a limit on files' sizes"
fi

# One file after the other on a full disk: the smallest ones, too.
for file in samples/001-000001.jpg results.csv train.log report.html last.safetensors; do
  rm -rf link
  mkdir -p link/samples
  ln -s /dev/full link/$file
  train link
  expect_status 1
  expect_sentence "link/$file: .*No space left on device; "
  rm link/$file
  train link --resume
  expect_status 0
  expect_same_run whole link
done

# A limit on the size of files instead (in 1024 bytes): what is larger fails, where the whole disk would be full.
for limit in 1 20 40; do
  last="ulimit -f $limit; yolo train"
  rm -rf limited
  status=0
  (
    ulimit -f $limit
    # shellcheck disable=SC2086
    exec "$yolo" train set/data.cfg $settings --dir limited
  ) >out 2>err </dev/null || status=$?
  expect_status 1
  expect_sentence 'limited.*File too large'
  echo "files of $limit KB at most: $(cut -c1-250 err)"
  expect_no_leftovers
  train limited --resume
  expect_status 0
  expect_same_run whole limited
done

# ---- a place below a file ----
train set/data.cfg/run
expect_status 1
expect_sentence 'set/data.cfg'

# ---- a folder of images that is not there: found before the run's folder is made ----
for split in train val; do
  rm -rf changing
  cp -r set changing
  sed -i 's|set/|changing/|g' changing/data.cfg
  mv changing/images/$split changing/images/elsewhere
  # shellcheck disable=SC2086
  run train changing/data.cfg $settings --dir nowhere
  expect_status 1
  expect_sentence "changing/images/$split/000001.jpg: there is no such file"
  reject_file nowhere
done

# ---- images and labels that change while it runs ----
start() { # start FOLDER OPTION...: stops when the first checkpoint lies there, with enough epochs to come for what is to happen
  local folder=$1
  shift
  # shellcheck disable=SC2086
  start_until last.ckpt train changing/data.cfg $settings --epochs 15 --dir "$folder" "$@"
}

for trouble in gone cut folder val; do
  rm -rf changing run
  cp -r set changing
  sed -i 's|set/|changing/|g' changing/data.cfg
  start run
  case $trouble in
    gone) rm changing/images/train/000005.jpg; name=000005.jpg ;;
    cut) truncate -s 200 changing/images/train/000005.jpg; name=000005.jpg ;;
    folder) mv changing/images changing/elsewhere; name=images/ ;;
    val) rm changing/images/val/000002.jpg; name=val/000002.jpg ;;
  esac
  go_on
  expect_status 1
  expect_sentence "$name.*--resume goes on"
  echo "$trouble: $(cut -c1-250 err)"
  reject_out '(^|[^a-z])(nan|inf)($|[^a-z])'
  # Mended, it goes on as if nothing had been.
  rm -rf changing/images
  cp -r set/images changing/images
  # shellcheck disable=SC2086
  run train changing/data.cfg $settings --epochs 15 --dir run --resume
  expect_status 0
  if [ $trouble = gone ]; then cp -r run unbroken; else expect_same_run unbroken run; fi
done
# The first of them against a run without trouble.
# shellcheck disable=SC2086
run train changing/data.cfg $settings --epochs 15 --dir calm
expect_status 0
expect_same_run calm unbroken

# Labels are read when a run begins: gone later, they are missed by --resume only.
rm -rf run
start run
find changing -name '*.json' -exec mv {} {}.away \;
kill -INT $child
go_on
expect_status 130
# shellcheck disable=SC2086
run train changing/data.cfg $settings --epochs 15 --dir run --resume
expect_status 1
expect_sentence 'changing/.*json'
find changing -name '*.json.away' | while read -r file; do mv "$file" "${file%.away}"; done

# ---- the data.cfg gone: the run's own holds everything ----
mv changing/data.cfg changing/away.cfg
# shellcheck disable=SC2086
run train changing/data.cfg $settings --epochs 15 --dir run --resume
expect_status 1
expect_sentence 'changing/data.cfg'
run train run/data.cfg --resume
expect_status 0
expect_same_run calm run
mv changing/away.cfg changing/data.cfg

# ---- signals: the first saves, a second one at once may end it there and then; either way nothing is lost ----
for signals in TERM:143 HUP:129 INT:130 "INT INT:130"; do
  rm -rf run
  start run
  for signal in ${signals%:*}; do kill -s "$signal" $child 2>/dev/null; kill -CONT $child; done
  go_on
  expect_status "${signals#*:}"
  if [ "$signals" != "INT INT:130" ]; then
    expect_err 'everything is saved'
    expect_err 'the same command with --dir run --resume'
  fi
  # shellcheck disable=SC2086
  run train changing/data.cfg $settings --epochs 15 --dir run --resume
  expect_status 0
  expect_same_run calm run
  expect_no_leftovers
done

# ---- a reader that goes away ----
rm -rf run
last='yolo train | head -n 1'
# shellcheck disable=SC2086
{ "$yolo" train changing/data.cfg $settings --epochs 15 --dir run 2>err </dev/null; echo $? >code; } | head -n 1 >out
expect_is "$(cat code)" 141
expect_err 'everything is saved'
# shellcheck disable=SC2086
run train changing/data.cfg $settings --epochs 15 --dir run --resume
expect_status 0
expect_same_run calm run

# ---- a checkpoint cut short anywhere: the one before it is gone on from, and it is said ----
size=$(stat -c %s whole/last.ckpt)
for part in $(seq 0 19); do
  if [ $short = yes ] && [ $((part % 9)) -ne 0 ]; then continue; fi
  rm -rf damaged
  cp -r whole damaged
  truncate -s $((size * part / 20)) damaged/last.ckpt
  train damaged --resume
  expect_status 0
  expect_out 'damaged/last.ckpt: .*; the checkpoint is damaged; the one before it'
  expect_out 'goes on with epoch 3'
  expect_same_run whole damaged
done
truncate -s 100 damaged/last.ckpt damaged/last.ckpt.prev
train damaged --resume
expect_status 1
expect_sentence 'damaged/last.ckpt: .*damaged, and so is damaged/last.ckpt.prev: begin a new run'
finish
