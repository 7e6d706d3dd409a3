# What the tests of long and of broken trainings share, sourced after lib.sh: a set of shapes, a network of a few thousand
# parameters that reads 64x64 pixels, a classifier as small.
# Under the address sanitizer, where all takes several times as long, each kind of trouble happens once or twice.
short=no
if grep -q __asan_init "$yolo"; then short=yes; fi

conv() { printf '[convolutional]\nbatch_normalize=1\nfilters=%d\nsize=3\nstride=2\npad=1\nactivation=leaky\n' "$1"; }

make_small() {
  {
    printf '[net]\nwidth=64\nheight=64\nchannels=3\n'
    conv 8; conv 16; conv 24
    printf '[convolutional]\nfilters=57\nsize=1\nactivation=linear\n'
    printf '[yolo]\nmask=0,1,2\nanchors=8,8, 16,16, 32,32\nclasses=14\nnum=3\n'
  } >small.cfg
}

make_classifier() {
  {
    printf '[net]\nwidth=32\nheight=32\nchannels=3\n'
    conv 8; conv 16
    printf '[dropout]\nprobability=.2\n[convolutional]\nfilters=3\nsize=1\nactivation=linear\n[avgpool]\n[softmax]\n'
  } >classifier.cfg
}

# make_labelled FOLDER: three classes of grey pictures, one folder each.
make_labelled() {
  local class i
  for class in 0 1 2; do
    mkdir -p "$1/c$class"
    for i in $(seq 8); do
      { printf 'P6\n32 32\n255\n'; head -c 3072 /dev/zero | tr '\0' "\\$(printf %o $((40 + 70 * class + 3 * i)))"; } >"$1/c$class/$i.ppm"
    done
  done
}

# The files that do not depend on how often a run was interrupted.
run_files="last.safetensors best.safetensors last.ckpt results.csv events.out.tfevents.0.yolo"

# expect_same_run ONE OTHER
expect_same_run() {
  local file
  for file in $run_files; do expect_equal "$1/$file" "$2/$file"; done
}

# expect_sentence WORDS: standard error is one line, with these words.
expect_sentence() {
  expect_is "$(grep -c . err)" 1
  expect_err "$1"
}
