# yolo train and memory: the plan is printed with its sum; what does not fit into `ulimit -v` is cut into parts, and what cannot be is
# refused with what would fit: fewer images at a time, a smaller input, a smaller network.
. "$(dirname "$0")/lib.sh"

run data synth set --images 8 --size 96 --seed 3
expect_status 0

limited() { # limited KILOBYTES ARGS: the program with so much room for addresses
  local most=$1
  shift
  status=0
  (
    ulimit -v "$most"
    exec "$yolo" "$@"
  ) >out 2>err </dev/null || status=$?
  last="ulimit -v $most; yolo $*"
}
numbers() { grep -oE '[0-9]+' | tr '\n' ' '; }

# The parts of the plan add up to its sum (each is rounded), which is below what is free.
run train set/data.cfg --imgsz 96 --batch 8 --epochs 1 --dir free --set train.threads=1
expect_status 0
n='[0-9]+'
expect_out "^memory    weights $n MB, gradients $n, optimizer and average $n, validation $n, activations $n, workspace $n$"
expect_out '^          [0-9]+ MB in all; [0-9]+ MB are free$'
read -r a b c d e f <<<"$(grep '^memory' out | numbers)"
read -r sum room <<<"$(grep 'MB in all' out | numbers)"
off=$((a + b + c + d + e + f - sum))
pass_if "$([ $off -le 6 ] && [ $off -ge -6 ]; echo $?)" "$a+$b+$c+$d+$e+$f is not $sum"
pass_if "$([ "$room" -gt "$sum" ]; echo $?)" "$sum MB do not fit into $room"

# Sanitizers take terabytes of addresses: there is nothing to limit then.
limited 1500000 version
if [ "$status" -ne 0 ]; then
  echo 'SKIP: this build does not start below ulimit -v'
  [ "$failures" -eq 0 ] && exit 77
  finish
fi

# Too much for one pass: fewer images at a time, of the same step.
options=(--epochs 1 --set train.threads=1 --set data.workers=1)
limited 1500000 train set/data.cfg --imgsz 416 --batch 64 "${options[@]}" --dir parts
expect_status 0
expect_out '^64 images at a time would take [0-9]+ MB, and [0-9]+ MB of memory are free: it is [0-9]+, with summed gradients'
expect_out '^steps     64 images each, [0-9]+ at a time'
part=$(sed -n 's/^steps     64 images each, \([0-9]*\) at a time.*/\1/p' out)
pass_if "$([ "${part:-0}" -ge 1 ] && [ "$part" -lt 64 ] && [ $((64 % part)) -eq 0 ]; echo $?)" "$part at a time"

# Asked for explicitly, it is refused, and the number it names fits.
limited 1500000 train set/data.cfg --imgsz 416 --batch 64 "${options[@]}" --set train.part=64 --dir asked
expect_status 1
expect_err "train.part = 64: so many images of 416x416 at a time take [0-9]+ MB with the network, and [0-9]+ MB of memory are free; \
train.part = $part fits \(gradients add up to a step of 64 images all the same\)"
reject_file asked
limited 1500000 train set/data.cfg --imgsz 416 --batch 64 "${options[@]}" --set train.part="$part" --dir asked
expect_status 0

# Not even one image: the size that fits is named, and fits.
limited 600000 train set/data.cfg --imgsz 2048 --batch 8 "${options[@]}" --dir large
expect_status 1
expect_err 'one image of 2048x2048 and the network take [0-9]+ MB, and [0-9]+ MB of memory are free; model.imgsz = [0-9]+x[0-9]+ fits'
size=$(sed -n 's/.*model.imgsz = \([0-9]*x[0-9]*\) fits.*/\1/p' err)
reject_file large
limited 600000 train set/data.cfg --imgsz "${size:-1}" --batch 1 "${options[@]}" --dir large
expect_status 0
limited 600000 train set/data.cfg --imgsz "${size:-1}" --batch 1 "${options[@]}" --set augment.multi_scale=0.5,3 --dir varied
expect_status 1
expect_err 'with multi-scale, and [0-9]+ MB of memory are free; augment.multi_scale = 1 fits'

# Not even the weights.
limited 900000 train set/data.cfg --model yolov3 --imgsz 96 "${options[@]}" --dir heavy
expect_status 1
expect_err 'the weights of yolov3, their gradients and the optimizer alone take [0-9]+ MB, and [0-9]+ MB of memory are free; '
expect_err 'a smaller network is needed'
reject_file heavy

run train set/data.cfg --imgsz 96 --batch 8 --set train.part=3 --dir odd
expect_status 1
expect_err 'train.part = 3 does not divide the 8 images of a step'
finish
