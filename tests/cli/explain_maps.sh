# yolo explain --cam and --features: networks whose maps are known by hand, the ways to choose, trouble.
. "$(dirname "$0")/lib.sh"

# Layer 0 gives the mean of red and of blue in each of 4x4 cells; layer 1 makes objectness -2 + 6 red, "red" 4 red and "blue" 4 blue
# of them. A picture with one red cell has one red object there: y = (-2 + 6) + 4 = 8, alpha = (6 + 4) / 16 pixels = 0.625.
zeros() { head -c $(($1 * 4)) /dev/zero; }
repeat() { # repeat TIMES BYTES
  for _ in $(seq "$1"); do printf "$2"; done
}
one_64th='\0\0\200\074'
first_layer() {
  zeros 2
  repeat 64 "$one_64th"
  zeros 256
  repeat 64 "$one_64th"
}
net='[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=2\nsize=8\nstride=8\nactivation=linear\n'
printf "$net"'[convolutional]\nfilters=7\nsize=1\nactivation=linear\n[yolo]\nmask=0\nanchors=8,8\nclasses=2\nnum=1\n' >spot.cfg
printf 'red\nblue\n' >spot.names
{
  printf '\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'
  first_layer
  printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\300\0\0\0\0\0\0\0\0'
  zeros 8
  printf '\0\0\300\100\0\0\0\0\0\0\200\100\0\0\0\0\0\0\0\0\0\0\200\100'
} >spot.weights
printf "$net"'[avgpool]\n[connected]\noutput=2\nactivation=linear\n[softmax]\n' >mean.cfg
{
  printf '\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'
  first_layer
  zeros 2
  printf '\0\0\0\101\0\0\0\0\0\0\0\0\0\0\0\101'
} >mean.weights

# 64x32, black but for the third cell of the second row: x 32 to 48, y 8 to 16.
{
  printf 'P6\n64 32\n255\n'
  zeros $((8 * 48))
  for _ in 1 2 3 4 5 6 7 8; do
    zeros 24
    repeat 16 '\377\0\0'
    zeros 12
  done
  zeros $((16 * 48))
} >spot.ppm
spot="--weights spot.weights --names spot.names"

# ---- the heat of a detection ----
# shellcheck disable=SC2086
run explain --cam spot.ppm $spot
expect_status 0
expect_empty err
expect_out '^Grad-CAM \(Selvaraju et al. 2017, section 3'
expect_out '^Eigen-CAM \(Muhammad & Yeasin 2020'
expect_out '^->   0  red +0\.96  \(32, 8\) to \(48, 16\)$'
expect_out '^     1  blue +0\.49  \(32, 8\) to \(48, 16\)$'
expect_out '^red 0\.96: y = t_object \+ t_class, .* = 8\.000 \(cell 2, 1, anchor 0, of the head in layer 2\)$'
expect_out '^Maps of layer 0 \[convolutional\], 4x4x2$'
expect_out 'Grad-CAM:  heat up to 0\.625; most by channel 0 \(0\.625\); 100% of the heat lies within the box$'
expect_out 'Eigen-CAM: heat up to 1; .* 100% of the layer.s sum of squares; 100% of the heat lies within the box$'
expect_out '^written: runs/explain/spot-cam.png$'
expect_file runs/explain/spot-cam.png

# blue: y = 4 + 0, and only objectness grows with red: 6 / 16.
# shellcheck disable=SC2086
run explain --cam spot.ppm $spot --class blue -q --out blue.jpg
expect_status 0
reject_out 'Selvaraju'
expect_out '^blue 0\.49: .* = 4\.000 '
expect_out 'heat up to 0\.375; '
expect_file blue.jpg
# shellcheck disable=SC2086
run explain --cam spot.ppm $spot --detection 1 --layer 0 -q
expect_out '^blue 0\.49'

# ---- a classifier: y = 8 x mean of red, so alpha = 8 / 16 ----
run explain --cam spot.ppm --weights mean.weights --names spot.names
expect_status 0
expect_out '^red 0\.62: y = c, .* = 0\.500$'
expect_out 'Grad-CAM:  heat up to 0\.5; most by channel 0 \(0\.5\)$'
run explain --cam spot.ppm --weights mean.weights --class 1 -q
expect_out '^class 1 0\.38: y = c, .* = 0\.000$'
expect_out 'Grad-CAM:  no heat: summed over its channels nothing in this layer speaks for the score$'
expect_out '^  Eigen-CAM: heat up to 1; '

# ---- features ----
# shellcheck disable=SC2086
run explain --features 0 spot.ppm $spot
expect_status 0
expect_empty err
expect_out '^Feature maps \(Zeiler & Fergus 2014, section 2\)'
expect_out '^layer 0 \[convolutional\], 4x4x2: mean 0\.03125, from 0 to 1, 96\.9% zeros, 1 of 2 channels dead$'
expect_out '^      0          0          1     0\.0625     0\.2421   93\.8%$'
expect_out '^      1          0          0          0          0  100\.0%  dead$'
expect_out '^written: runs/explain/spot-features.png$'
expect_file runs/explain/spot-features.png
# shellcheck disable=SC2086
run explain --features model.1 spot.ppm $spot --channels 3 --in-order -q -o f.png
expect_status 0
expect_out '^layer 1 \[convolutional\], 4x4x7'
expect_is "$(sed -n '3,5s/^ *\([0-9]*\) .*/\1/p' out | tr '\n' ' ')" '0 1 2 '
# Two questions at once.
# shellcheck disable=SC2086
run explain --cam --features 1 spot.ppm $spot -q
expect_status 0
expect_out 'spot-cam.png'
expect_out 'spot-features.png'

# ---- trouble: one sentence each ----
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run explain $words
  expect_status 1
  expect_empty out
  expect_is "$(wc -l <err)" 1
  expect_err "$sentence"
done <<TABLE
--cam spot.ppm $spot --conf 0.99|spot.ppm: nothing was detected above a confidence of 0.99; try a lower --conf
--cam spot.ppm $spot --class blue --conf 0.9|nothing of blue was detected above a confidence of 0.9
--cam spot.ppm $spot --detection 2|there is no detection 2 above a confidence of 0.25
--cam spot.ppm $spot --class rde|no class 'rde'. Did you mean 'red'
--cam spot.ppm $spot --class 7|there is no class 7; the model's 2 are numbered from 0
--cam spot.ppm $spot --layer 9|there is no layer 9; the network has layers 0 to 2
--cam spot.ppm $spot --layer convolutional|2 layers are \[convolutional\] \(0, 1\); give the number of one
--features sigmoid spot.ppm $spot|there is no layer 'sigmoid'; give its number of 'yolo info', 0 to 2
--features avgpool spot.ppm --weights mean.weights|layer 1 \[avgpool\] gives a vector of 2 values, no map
--features 0 spot.ppm --cfg spot.cfg|there are no weights, and random ones see nothing
--cam $spot|no picture was named
--cam none.ppm $spot|none.ppm
--cam spot.ppm $spot --channels 3|--channels and --in-order go with --features
--features 0 spot.ppm $spot --conf 0.5|--detection, --class, --conf and --layer go with --cam
--cam --features 0 spot.ppm $spot --out one.png|--out names one picture, but 2 are asked for
TABLE
rm -r runs
expect_no_leftovers

# ---- real pictures ----
if [ -n "${YOLO_TEST_DATA:-}" ]; then
  weights=$YOLO_TEST_DATA/weights
  run explain --cam "$YOLO_TEST_DATA/images/dog.jpg" --weights "$weights/yolo-fastest-1.1-xl.weights" \
    --names "$weights/coco.names" --class dog
  expect_status 0
  expect_out '^->   0  dog '
  inside=$(sed -n 's/.*Grad-CAM: .*; \([0-9]*\)% of the heat lies within the box/\1/p' out)
  pass_if "$([ "${inside:-0}" -ge 80 ]; echo $?)" "of the dog's heat $inside% lies in its box"
else
  echo "SKIP: YOLO_TEST_DATA is not set; no real picture was explained"
fi
finish
