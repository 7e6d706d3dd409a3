# yolo explain: who answers for a truth, the loss taken apart, gradients against differences, and what is refused.
. "$(dirname "$0")/lib.sh"

run data synth set --images 3 --val 2 --size 128 --seed 3
expect_status 0
picture=set/images/train/000001.jpg

# A network of the zoo and the data.cfg above the picture: nothing else is needed.
run explain --assign $picture
expect_status 0
expect_empty err
expect_out '^picture   000001.jpg: [0-9]+ objects?'
expect_out '^network   yolo-nano, input 320x320, with the weights that a training begins with'
expect_out '^Loss yolov5\. '
expect_out '^Who answers:'
expect_out '^ +1  [a-z]+ +[0-9]+x[0-9]+ +[12] +[0-9]+x[0-9]+ +[01]\.[0-9]{2} +[01]\.[0-9]{2}  [0-9]+,[0-9]+'
expect_file runs/explain/000001-assign.png
reject_out "$(printf '\033')"
reject_out '(^|[^a-z])(nan|inf)($|[^a-z])'
run explain $picture --assign -q -o again.png
expect_status 0
reject_out '^Loss'
expect_equal runs/explain/000001-assign.png again.png
expect_no_leftovers

# Every loss of detectors: the table, the picture, and shares that add up to the total.
cat >body.cfg <<'CFG'
[net]
width=128
height=128
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=8
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky
CFG
{
  cat body.cfg
  printf '[convolutional]\nfilters=20\nsize=1\nactivation=linear\n'
  printf '[Gaussian_yolo]\nmask=0,1\nanchors=24,24, 60,60\nclasses=1\nnum=2\niou_loss=giou\n'
} >gaussian.cfg
{
  cat body.cfg
  printf '[connected]\noutput=176\nactivation=linear\n'
  printf '[detection]\nclasses=1\nside=4\nnum=2\nsqrt=1\ncoord_scale=5\nnoobject_scale=.5\n'
} >first.cfg
cat >adds_up.awk <<'AWK'
/^\.losses\[0\]\.total\.sum = / { total = $3 }
/^\.losses\[0\]\.(truths|background)\[[0-9]+\]\.sum = / { sum += $3; n++ }
END { d = sum - total; exit !(n > 1 && total > 0 && d < 1e-6 * total && -d < 1e-6 * total) }
AWK
while read -r model loss; do
  run explain --assign --loss $picture --model "$model" --imgsz 128 --set train.loss="$loss" --out all.png --json loss.json
  expect_status 0
  expect_out "^Loss $loss\\. "
  expect_out '^background, level 1 '
  expect_out '^total '
  expect_json loss.json
  expect_flat "^\\.losses\\[0\\]\\.loss = $loss\$"
  pass_if "$(awk -f adds_up.awk flat; echo $?)" "$loss: the shares do not add up to the total"
  expect_file all.png
  rm -f all.png loss.json
done <<'TABLE'
yolo-nano yolov3
yolo-nano yolov4
yolo-nano yolov5
yolov2-tiny region
gaussian.cfg gaussian
first.cfg detection
ssd-mobilenet ssd
TABLE

# JSON on standard output is nothing but JSON; people are spoken to on standard error.
run explain --loss $picture --json -
expect_status 0
cp out only.json
expect_json only.json
expect_err '^total '

# Gradients: of a network of the zoo, of a cfg; both orders of words.
run explain first.cfg --gradcheck
expect_status 0
expect_out 'The chain rule'
expect_out '^ +[0-9]+  convolutional +parameters +[0-9,]+ +[0-9.e+-]+ +[0-9.e+-]+  right'
expect_out '^No gradient is wrong'
cp out first
run explain --gradcheck first.cfg
expect_equal out first
run explain --gradcheck gaussian.cfg -q --imgsz 64
expect_status 0
reject_out 'chain rule'
expect_out 'values? of heads left out'
reject_out 'WRONG'

# A model of other classes; pictures without objects; what is missing.
mkdir empty && cp $picture empty/a.jpg && : >empty/a.txt
printf '[data]\nformat = yolo\ntrain = empty\nnames = thing\n' >empty.cfg
run explain --loss empty/a.jpg --data empty.cfg
expect_status 0
expect_out '^background, level 1 '
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run explain $words
  expect_status 1
  pass_if "$([ "$(wc -l <err)" -eq 1 ]; echo $?)" "more than one sentence"
  expect_err "$sentence"
done <<'TABLE'
|what should be explained\?
a b --assign|'b' is one too many
--assign|no picture was named
--gradcheck|no model was named
--assign nowhere/dog.jpg|nothing says what is on 'nowhere/dog.jpg': add --data
--assign dog.jpg --data set/data.cfg|does not list 'dog.jpg'
--assign 000001 --data set/data.cfg --split test|test
--assign empty/a.jpg --data empty.cfg|nothing is on 'empty/a.jpg'
--loss set/images/train/000001.jpg --model resnet18|has no detection head
--loss set/images/train/000001.jpg --set train.loss=nothing|there is no loss 'nothing'
--loss set/images/train/000001.jpg --set train.loss=ssd|does not fit the head
--assign set/images/train/000001.jpg --json x.json|--json goes with --loss
--assign set/images/train/000001.jpg -o nowhere.xyz|nowhere.xyz
--gradcheck first.cfg --set train.epochs=3|only takes --set train.loss=NAME
--gradcheck body.cfg|no head
--gradcheck first.cfg --data set/data.cfg|go with --assign and --loss
--gradcheck first.cfg -o a.png|nothing is drawn
--loss set/images/train/000001.jpg -o a.png|--json FILE takes the table
TABLE

# Weights that know other classes.
run train set/data.cfg --imgsz 96 --epochs 1 --batch 3 --dir trained -q
expect_status 0
run explain --loss $picture --model trained/best.safetensors
expect_status 0
expect_out '^network   trained/best.safetensors, input 96x96$'
mkdir one && cp $picture one/a.jpg && echo '0 0.5 0.5 0.3 0.2' >one/a.txt
printf '[data]\nformat = yolo\ntrain = one\nnames = thing\n' >one.cfg
run explain --loss one/a.jpg --data one.cfg --model trained/best.safetensors
expect_status 1
expect_err "class .thing. is none of the 14 that trained/best.safetensors knows"

finish
