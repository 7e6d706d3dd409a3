# info, bench, convert and doctor, on networks written here: nothing outside is needed.
. "$(dirname "$0")/lib.sh"
make_tiny

# ---- info ----
run info tiny.cfg -v
expect_status 0
expect_empty err
expect_out '^ +0  convolutional +7  16x16/16 +32x32x3 +2x2x7 +5,383 +0\.000$'
expect_out '^ +1  yolo +2x2x7 +2x2x7$'
expect_out '^2 layers, 5,383 learned parameters and 0 running statistics, 0\.000 GFLOPs an image at 32x32$'
expect_out '^input: +32x32, RGB; stretch .*; half-pixel bilinear$'
expect_out '^output: +\[yolo\] in layer 1; overlaps by IoU$'
expect_out '^classes: +2'
expect_out '^memory: +packed weights [0-9.]+ MB .*\(ACT\) [0-9.]+ MB, scratch \(WORK\) [0-9.]+ MB$'
expect_out '^  line 5 +\[net\] learning_rate=0.001$'
expect_out '^  line [0-9]+ +\[yolo\] ignore_thresh=.5$'
reject_out ' $'
run info tiny.cfg --imgsz 64x128 --letterbox --resize align-corners --names tiny.names
expect_out 'at 64x128$'
expect_out '64x128x3 +4x8x7'
expect_out 'letterbox .*; align-corners bilinear'
expect_out '^classes: +2: cat, traffic light$'
reject_out 'learning_rate'
sed 's/^filters=7/filter=7/' tiny.cfg >typo.cfg
run info typo.cfg
expect_status 1
expect_err "^yolo info: typo.cfg:8: .*filter"
cat >layers.cfg <<'CFG'
[net]
width=32
height=32
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[convolutional]
groups=8
filters=8
size=3
stride=1
pad=1
activation=mish
[shortcut]
from=-2
activation=linear
[maxpool]
size=2
stride=2
[upsample]
stride=2
[route]
layers=-1,0
[avgpool]
[connected]
output=5
activation=linear
[softmax]
CFG
run info layers.cfg
expect_status 0
expect_out '^ +0  convolutional +8  3x3/2 +32x32x3 +16x16x8 +232 +0\.000$'
expect_out '^ +1  convolutional +8  3x3/1 groups 8 '
expect_out '^ +2  shortcut +from 1, 0 '
expect_out '^ +3  maxpool +2x2/2 +16x16x8 +8x8x8$'
expect_out '^ +4  upsample +x2 +8x8x8 +16x16x8$'
expect_out '^ +5  route +from 4, 0 +16x16x8 +16x16x16$'
expect_out '^ +6  avgpool +whole map +16x16x16 +1x1x16$'
expect_out '^ +7  connected +5 +1x1x16 +1x1x5 +85 '
expect_out '^9 layers, 397 learned parameters and 16 running statistics'

# Layers without nodes of their own say where they point, and are not missed by the layer after.
cat >handing.cfg <<'CFG'
[net]
width=32
height=32
[convolutional]
filters=8
stride=2
[convolutional]
filters=4
[route]
layers=-2
[convolutional]
filters=6
[route]
groups=2
group_id=1
layers=-1
[avgpool]
[softmax]
[cost]
CFG
run info handing.cfg
expect_status 0
expect_out '^ +2  route +from 0 +16x16x8 +16x16x8$'
expect_out '^ +3  convolutional +6  1x1/1 +16x16x8 +16x16x6 '
expect_out '^ +4  route +ch 3-5 +16x16x6 +16x16x3$'
expect_out '^ +7  cost +1x1x3 +1x1x3$'

# ---- bench ----
run bench layers.cfg --iterations 20 --warmup 1 --threads 1 --batch 2 --layers --json speed.json
expect_status 0
expect_out '^layers.cfg at 32x32, batch 2, on CPU'
expect_out '^latency +min [0-9.]+  median [0-9.]+  p90 [0-9.]+  p99 [0-9.]+ ms  \(20 passes\)$'
expect_out '^rate +[0-9.]+ images/s$'
expect_out '^peak +[0-9.]+ GFLOP/s measured here: the network reaches [0-9.]+% of it$'
expect_out '^ +0  convolutional +3x3/2 +16x16x8 +[0-9.]+ +[0-9.]+% +[0-9.]+ +[0-9.]+%$'
expect_out '^The weights are random'
expect_json speed.json
expect_flat '^\.iterations = 20$'
expect_flat '^\.batch = 2$'
expect_flat '^\.latency_ms\.p99 = [0-9.e+-]+$'
expect_flat '^\.peak_gflops = [1-9]'
expect_flat '^\.layers\.length = 9$'
expect_flat '^\.layers\[7\]\.type = connected$'
expect_flat '^\.gflop_per_image = 0.000'
run bench tiny.weights --cfg tiny.cfg -n 3 --json -
expect_status 0
expect_json out
expect_err '^latency'
reject_err 'random'
run bench tiny.cfg --seconds 0.05
expect_status 0
expect_out '^latency'

# ---- bench --train ----
run bench --train tiny.weights --cfg tiny.cfg --batch 2 --iterations 4 --threads 1 --layers --json train.json
expect_status 0
expect_out '^tiny.weights at 32x32, training with batch 2$'
expect_out '^ +0  convolutional +16x16/16 +2x2x7 +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+%$'
expect_out 'pixels and losses [0-9.]+ ms .*, update [0-9.]+ ms'
expect_out '^step +min [0-9.]+  median [0-9.]+  p90 [0-9.]+  p99 [0-9.]+ ms  \(4 steps; update [0-9.]+\)$'
expect_out '^memory +[1-9][0-9]* MB at most$'
expect_json train.json
expect_flat '^\.training = true$'
expect_flat '^\.iterations = 4$'
expect_flat '^\.peak_rss_mb = [1-9]'
expect_flat '^\.losses\.length = 3$'
expect_flat '^\.gradients\.model\.0\.conv\.bias = [0-9]*\.[0-9]'
expect_flat '^\.layers\[0\]\.backward_ms = [0-9.e+-]+$'
run bench --train tiny.cfg --seconds 0.05
expect_status 0
expect_out '^rate +[0-9.]+ images/s$'
run bench --train tiny.cfg --device cuda
expect_status 1
expect_err 'training runs on the CPU'

# ---- convert: there and back ----
run convert tiny.weights tiny.safetensors --cfg tiny.cfg --names tiny.names
expect_status 0
expect_out '^tiny.safetensors: 2 classes, images stretched to 32x32 \(half-pixel\)$'
expect_out '^5,383 parameters, 0\.0 MB written to tiny.safetensors$'
run convert tiny.safetensors back.weights
expect_status 0
expect_equal tiny.weights back.weights
cp tiny.safetensors first.safetensors
run convert tiny.weights tiny.safetensors --cfg tiny.cfg --names tiny.names
expect_equal tiny.safetensors first.safetensors
run info tiny.safetensors
expect_out '^classes: +2: cat, traffic light$'
expect_out '^origin: +\{"source":"tiny.weights"\}$'
run convert --model tiny.safetensors again.weights
expect_status 0
run convert tiny.safetensors half.safetensors --half
expect_status 0
expect_is "$(( $(wc -c <half.safetensors) < $(wc -c <tiny.safetensors) * 6 / 10 ))" 1
run convert half.safetensors rounded.weights # what was rounded once stays
expect_status 0
run convert rounded.weights again.safetensors --half --cfg tiny.cfg --names tiny.names
run convert again.safetensors again.weights
expect_equal rounded.weights again.weights
run convert tiny.safetensors half.weights --half
expect_status 1
expect_err 'only a .safetensors file can hold weights in 16 bits'
reject_file half.weights
run convert tiny.weights tiny.weights
expect_status 1
expect_err 'both input and output'
head -c 1000 tiny.weights >short.weights
run convert short.weights short.safetensors --cfg tiny.cfg
expect_status 1
expect_err 'short.weights'
reject_file short.safetensors
echo '<!DOCTYPE html><html>404</html>' >page.weights
run convert page.weights page.safetensors --cfg tiny.cfg
expect_status 1
expect_err 'page.weights'
reject_file page.safetensors
expect_no_leftovers

# A backbone's weights: only where the cut is named, and never without a word about what is random.
head -c 260 tiny.cfg | sed '/\[yolo\]/,$d' >deep.cfg
printf '[convolutional]\nfilters=3\n' >>deep.cfg
run convert tiny.weights deep.safetensors --cfg deep.cfg
expect_status 1
expect_err 'ends inside layer 1 \[convolutional\]'
run convert tiny.weights deep.safetensors --cfg deep.cfg --cutoff 1
expect_status 0
expect_err '^yolo convert: only layers 0 to 0 come from the file \(--cutoff 1\); the weights of the others are random$'
run convert tiny.weights deep.safetensors --cfg deep.cfg --cutoff 3
expect_status 1
expect_err 'a cutoff of 3 layers does not fit this network, which has 2'

# ---- a classifier ----
cat >classify.cfg <<'CFG'
[net]
width=4
height=4
channels=3
[convolutional]
filters=6
size=1
stride=1
activation=linear
[avgpool]
[softmax]
CFG
{
  printf '\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'
  printf '\0\0\0\0\0\0\200\77\0\0\0\100\0\0\100\100\0\0\200\100\0\0\240\100' # biases 0 1 2 3 4 5
  head -c $((6 * 3 * 4)) /dev/zero
} >classify.weights
make_image grey.ppm
run detect grey.ppm --model classify.weights --json found.json --out classes
expect_status 0
expect_out '^grey.ppm: 64x32  class 5 0\.63[0-9], class 4 0\.23[0-9], class 3 0\.08[0-9], class 2 0\.03[0-9], class 1 0\.01[0-9]  \(load'
expect_file classes/grey.png
expect_json found.json
expect_flat '^\.images\[0\]\.classes\.length = 5$'
expect_flat '^\.images\[0\]\.classes\[0\]\.class_id = 5$'
expect_flat '^\.images\[0\]\.classes\[0\]\.confidence = 0\.63'
run detect grey.ppm --model classify.weights --no-images --csv -
expect_is "$(wc -l <out)" 6
run detect grey.ppm --model classify.weights --crops
expect_status 1
expect_err 'is a classifier'

# ---- doctor ----
run doctor
expect_status 0
for line in yolo compiler build threads processor backend libraries peak; do expect_out "^$line +[^ ]"; done
expect_out '^backend +cpu: '
expect_out '^(All is well\.|To know:)$'
status=0
last='YOLO_ISA=portable yolo doctor'
YOLO_ISA=portable "$yolo" doctor >out 2>err || status=$?
expect_status 0
expect_out 'YOLO_ISA=portable decides'
YOLO_ISA=abacus "$yolo" doctor >out 2>err || status=$?
expect_status 1
expect_out "instruction set 'abacus'"
finish
