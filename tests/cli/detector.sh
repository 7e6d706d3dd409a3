# yolo detector: Darknet's call shape. A small cfg on drawn images is trained, its weights are where Darknet would put them and are
# read again; options with one dash; what means nothing is said, what has no counterpart is refused by name.
. "$(dirname "$0")/lib.sh"

run data synth set --images 12 --val 4 --size 96 --seed 3
expect_status 0
run data convert set/data.cfg yolo --to yolo --split train
run data convert set/data.cfg yolo_val --to yolo --split val
find "$PWD/yolo_val" -path '*images*' \( -name '*.png' -o -name '*.jpg' \) | sort >valid.txt
find "$PWD/yolo" -path '*images*' \( -name '*.png' -o -name '*.jpg' \) | sort >train.txt
expect_is "$(wc -l <train.txt) $(wc -l <valid.txt)" '12 4'
names=$(find yolo -name '*.names' -o -name 'classes.txt' | head -n 1)
expect_file "$names"
cp "$names" obj.names
classes=$(grep -c . obj.names)
printf 'classes = %d\ntrain = train.txt\nvalid = valid.txt\nnames = obj.names\nbackup = backup/\n' "$classes" >obj.data

# net FILE LINES: a network of three layers with these lines in [net].
net() {
  {
    printf '[net]\nwidth=96\nheight=96\nchannels=3\nbatch=4\nsubdivisions=2\nlearning_rate=0.001\nburn_in=4\nmax_batches=%s\n' "${3:-6}"
    printf 'policy=steps\nsteps=4,5\nscales=.1,.1\nmomentum=0.9\ndecay=0.0005\n%b\n' "$2"
    printf '[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=4\npad=1\nactivation=leaky\n'
    printf '[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=4\npad=1\nactivation=leaky\n'
    printf '[convolutional]\nfilters=%d\nsize=1\nactivation=linear\n' $((2 * (5 + classes)))
    printf '[yolo]\nmask=0,1\nanchors=16,16, 32,32\nclasses=%d\nnum=2\njitter=.3\nignore_thresh=.7\nrandom=0\n' "$classes"
  } >"$1"
}
net net.cfg 'hue=.1\nsaturation=1.5\nexposure=1.5\nmosaic=1\ncutmix=1\nmax_chart_loss=20'

# ---- train ----
run detector train obj.data net.cfg -map -dont_show -clear --dir one
expect_status 0
expect_err '^yolo detector: -dont_show changes nothing: no window'
reject_err 'clear|-map'
expect_out '^net.cfg:[0-9]+: \[net\]: cutmix: Darknet ignores it for detectors'
expect_out '^net.cfg:[0-9]+: \[net\]: max_chart_loss: is about Darknet'
expect_out '^Darknet   max_batches = 6: 2 epochs of 3 iterations with 4 images'
expect_out '^steps     4 images each, 2 at a time'
expect_out '^epoch  2/2 .*AP50'
for name in last best final; do expect_file backup/net_$name.weights; done
expect_equal backup/net_last.weights backup/net_final.weights
expect_is "$(od -An -t d4 -N 20 backup/net_final.weights | tr -s ' \n' ' ')" ' 0 2 5 24 0 ' # 6 iterations of 4 images
run info backup/net_final.weights --cfg net.cfg
expect_status 0
run convert backup/net_final.weights --cfg net.cfg --names obj.names final.safetensors
run convert one/last.safetensors last.weights
expect_equal <(tail -c +21 last.weights) <(tail -c +21 backup/net_final.weights)
for line in 'batch = 4' 'part = 2' 'epochs = 2' 'lr = 0.001' 'momentum = 0.9' 'nesterov = off' 'darknet_rates = on' 'warmup_power = 4' \
  'schedule = steps' 'ema = 0' 'mosaic = 0.5' 'jitter = 0.3' 'saturation_factor = 1.5' 'fit = stretch'; do
  pass_if "$(grep -qE "^$line( |\$)" one/data.cfg; echo $?)" "the run's data.cfg has no line '$line'"
done
# The learning rate of results.csv: after iteration 3 it is still burn-in, after 6 both steps have passed.
expect_is "$(awk -F, 'NR > 1 { printf "%.6g ", $3 / 0.001 }' one/results.csv)" '0.316406 0.01 '

# From weights, in the run's folder when there is no backup folder; a name that .data does not have.
grep -v backup obj.data >bare.data
run detector train bare.data net.cfg backup/net_final.weights -dont_show --dir two -q
expect_status 0
expect_empty out
expect_file two/net_final.weights
run detector train obj.data net.cfg --dir one
expect_status 1
expect_err 'one holds a training already'
run detector train obj.data net.cfg --dir one --resume -q
expect_status 0

# A cfg of more classes is made to fit the data, and lies beside the weights as it became.
(
  classes=5
  net five.cfg ''
)
run detector train obj.data five.cfg --dir five
expect_status 0
expect_out '^network   as it was made to fit the data: backup/five_final.cfg'
run detector map obj.data five.cfg backup/five_final.weights
expect_status 1
expect_err 'another list of names or another cfg belongs to it'
run detector map obj.data backup/five_final.cfg backup/five_final.weights -q
expect_status 0
reject_file backup/net_final.cfg # it fitted as it was

# Numbered weights of longer trainings: every 1000 iterations.
net long.cfg '' 1002
sed -i 's/^batch=4/batch=1/; s/^subdivisions=2/subdivisions=1/' long.cfg
run detector train obj.data long.cfg --dir long --set train.lr=0 --set augment.mosaic=0 -q
expect_status 0
expect_is "$(find backup -name 'long_*' | sort | tr '\n' ' ')" \
  'backup/long_1008.weights backup/long_best.weights backup/long_final.weights backup/long_last.weights '

# A backup folder that cannot be written: the training ends well, and the exit code says what did not.
sed 's|backup/|/dev/null/x|' obj.data >full.data
run detector train full.data net.cfg --dir three -q
expect_status 1
expect_err '/dev/null'
expect_file three/last.safetensors

# ---- test and map ----
image=$(head -n 1 valid.txt)
run detector test obj.data net.cfg backup/net_best.weights "$image" -thresh 0.001 -dont_show -ext_output
expect_status 0
expect_out ','
echo "$image" >paths
"$yolo" detector test obj.data net.cfg backup/net_best.weights -out found.json -thresh 0.001 <paths >out 2>err
status=$?
last='yolo detector test < paths'
expect_status 0
expect_err 'paths are read from standard input'
expect_json found.json
run detector map obj.data net.cfg backup/net_best.weights
expect_status 0
expect_out 'AP50'
expect_out 'Pascal VOC'
for points in 11 101; do
  run detector map obj.data net.cfg backup/net_best.weights -points $points -iou_thresh 0.5
  expect_status 0
done
run detector map obj.data net.cfg one/best.safetensors -thresh 0.2
expect_status 0
expect_err '-thresh changes nothing: it belongs to test'

# ---- what is refused: arguments, then what standard error must contain ----
net frames.cfg 'time_steps=3'
net none.cfg '' 0
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run detector $words
  expect_status 1
  expect_err "$sentence"
done <<'TABLE'
train obj.data|1 file where 2 to 3 are wanted: yolo detector train DATA CFG
test obj.data net.cfg|2 files where 3 to 4
train nowhere.data net.cfg|nowhere.data
train obj.data nowhere.cfg|nowhere.cfg
train obj.data yolov4-tny|there is no file 'yolov4-tny', and no network of the zoo has that name; did you mean 'yolov4-tiny'\?
train obj.data frames.cfg|frames.cfg:[0-9]+: \[net\]: time_steps = 3: training on sequences of frames has no counterpart
train obj.data none.cfg|max_batches is wanted
train obj.data net.cfg -mpa|no option '--mpa'. Did you mean '--map'
train obj.data net.cfg nowhere.weights --dir x1|nowhere.weights
trian obj.data net.cfg|there is no 'detector trian'. Did you mean 'train'\?
demo obj.data net.cfg|there is no video
calc_anchors obj.data|yolo data anchors
map obj.data net.cfg backup/net_best.weights -points 7|-points 7: 0
TABLE
run detector
expect_status 1
expect_out '^Usage: yolo detector train DATA CFG'
finish
