# Where images come from and where results go: folders, patterns, lists, names of every kind, broken files.
. "$(dirname "$0")/lib.sh"
make_tiny
make_image grey.ppm

# The files of the JSON in their order, on one line.
files() { sed -n 's/^\.images\[[0-9]*\]\.file = //p' flat | tr '\n' ' '; }
detect() {
  run detect "$@" $tiny_model --classes cat --json found.json
  if [ -e found.json ]; then expect_json found.json; fi
}

# ---- folders: recursive, natural order, suffixes in any case, hidden and foreign files left out ----
mkdir -p photos/b photos/a/deep photos/.hidden
cp grey.ppm photos/img10.ppm
cp grey.ppm photos/img2.PPM
cp grey.ppm photos/img1.pnm
cp grey.ppm photos/a/x.ppm
cp grey.ppm photos/a/deep/y.ppm
cp grey.ppm photos/b/x.ppm
cp grey.ppm photos/.hidden/z.ppm
cp grey.ppm photos/.secret.ppm
echo 'not an image' >photos/notes.md
detect photos/ --out mirror --save-txt
expect_status 0
expect_is "$(files)" 'photos/a/deep/y.ppm photos/a/x.ppm photos/b/x.ppm photos/img1.pnm photos/img2.PPM photos/img10.ppm '
expect_is "$(cd mirror && find . -name '*.png' | sort | tr '\n' ' ')" \
  './a/deep/y.png ./a/x.png ./b/x.png ./img1.png ./img10.png ./img2.png '
expect_is "$(find mirror/labels -name 'x.txt' | sort | tr '\n' ' ')" 'mirror/labels/a/x.txt mirror/labels/b/x.txt '

# A walk does not take what an earlier run wrote.
mkdir walk
cp grey.ppm walk/one.ppm
(cd walk && ln -s ../tiny.* .)
yolo_in_walk() { (cd walk && "$yolo" detect . $tiny_model --json ../found.json >../out 2>../err); }
yolo_in_walk
yolo_in_walk
expect_json found.json
expect_is "$(files)" 'one.ppm '
expect_file walk/runs/detect-2/one.png

# ---- files with equal names in two folders, and names that differ only in their suffix ----
detect photos/a/x.ppm photos/b/x.ppm --out two
expect_file two/a/x.png
expect_file two/b/x.png
cp grey.ppm photos/a/x.pgm
detect photos/a/x.ppm photos/a/x.pgm --out suffix
expect_is "$(ls suffix | tr '\n' ' ')" 'x-pgm.png x.png '
detect photos/a/x.ppm photos/a/../a/x.ppm ./photos/a/x.ppm --no-images
expect_is "$(files)" 'photos/a/x.ppm '

# ---- a picture is never written over a source ----
cp -r photos own
run convert tiny.weights tiny.safetensors --names tiny.names
"$yolo" detect grey.ppm --model tiny.safetensors --out png >out 2>err # makes png/grey.png, an image like any other
cp png/grey.png own/grey.png
cp own/grey.png before.png
detect own --out own
expect_status 1
expect_err "would be written over an image of yours"
expect_equal own/grey.png before.png

# ---- patterns, lists ----
detect 'photos/img*.ppm' 'photos/*/x.ppm' --no-images
expect_is "$(files)" 'photos/img10.ppm photos/a/x.ppm photos/b/x.ppm '
printf 'photos/b/x.ppm\r\n\n  photos/a/x.ppm  \nphotos/a/deep\n' >list.txt
detect list.txt --no-images
expect_is "$(files)" 'photos/b/x.ppm photos/a/x.ppm photos/a/deep/y.ppm '
printf 'img10.ppm\nimg1.pnm' >photos/own.txt
detect photos/own.txt --no-images
expect_is "$(files)" 'photos/img10.ppm photos/img1.pnm '
status=0
last='yolo detect - < list.txt'
"$yolo" detect - $tiny_model --no-images --json found.json <list.txt >out 2>err || status=$?
expect_status 0
expect_json found.json
expect_is "$(files)" 'photos/b/x.ppm photos/a/x.ppm photos/a/deep/y.ppm '
head -c 2000 tiny.weights >binary.txt
detect binary.txt --no-images
expect_status 1
expect_err 'binary.txt: this is no list of image files'
mkdir empty
run detect empty $tiny_model
expect_status 1
expect_err 'no image found'

# ---- names ----
mkdir 'fö ld[er]'
for name in 'dög ü.ppm' ' leading.ppm' 'star*.ppm' "quote'\".ppm" 'fö ld[er]/犬.ppm' '-dash.ppm' '#hash.ppm'; do
  cp grey.ppm "./$name"
done
detect --out names -- 'dög ü.ppm' ' leading.ppm' 'star*.ppm' "quote'\".ppm" 'fö ld[er]' '-dash.ppm' '#hash.ppm'
expect_status 1 # everything after -- is a file, so the model was not named
run detect 'dög ü.ppm' ' leading.ppm' 'star*.ppm' "quote'\".ppm" 'fö ld[er]' '#hash.ppm' ./-dash.ppm $tiny_model --out names \
  --json found.json --save-txt --crops
expect_status 0
expect_json found.json
expect_flat '^\.images\.length = 7$'
expect_flat '^\.images\[0\]\.file = dög ü.ppm$'
for name in 'dög ü' ' leading' 'star*' "quote'\"" 'fö ld[er]/犬' '-dash' '#hash'; do
  expect_file "names/$name.png"
  expect_file "names/labels/$name.txt"
  expect_file "names/crops/cat/$name-1.jpg"
done
printf 'P6\n1 1\n255\nabc' >"$(printf 'bell\a\033[2J.ppm')"
run detect "$(printf 'bell\a\033[2J.ppm')" $tiny_model --no-images
expect_status 0
expect_out '^bell\?\?\[2J.ppm: 1x1'
printf 'P6\n9 9\n255\nabc' >"$(printf 'bad\a\033[2J.ppm')"
run detect "$(printf 'bad\a\033[2J.ppm')" $tiny_model --no-images
expect_status 2
reject_err "$(printf '[\a\033]')"

# ---- one broken image among good ones: named, skipped, status 2, the rest done ----
printf 'P6\n64 32\n255\nshort' >photos/broken.ppm
: >photos/empty.png
ln -s nowhere photos/dangling.jpg
detect photos missing.ppm --out rest
expect_status 2
expect_err '^yolo detect: photos/broken.ppm: .*\(skipped\)$'
expect_err '^yolo detect: photos/empty.png: .*\(skipped\)$'
expect_err '^yolo detect: missing.ppm: No such file or directory \(skipped\)$'
expect_out '^7 images, 28 detections, 3 failed\.'
expect_flat '^\.images\.length = 7$'
expect_file rest/photos/img10.png

# Any number of decoders says the same in the same order: pictures of many sizes, broken and missing ones between them.
mkdir mixed
for i in $(seq 60); do
  case $((i % 5)) in
    0) printf 'P6\n64 32\n255\nshort %d' "$i" >mixed/$i.ppm ;;
    1) ;;
    2) { printf 'P6\n%d 900\n255\n' $((i * 20)); head -c $((i * 20 * 900 * 3)) /dev/zero; } >mixed/$i.ppm ;;
    *) cp grey.ppm mixed/$i.ppm ;;
  esac
  echo mixed/$i.ppm >>mixed.txt
done
for decoders in 1 2 4 64; do
  for batch in 1 7; do
    detect mixed.txt --no-images --decoders $decoders --batch $batch
    expect_status 2
    expect_out '^36 images, [0-9]+ detections, 24 failed\.'
    if [ "$decoders $batch" = '1 1' ]; then cp found.json one.json; cp err one.err; fi
    expect_equal found.json one.json
    expect_equal err one.err
  done
done
expect_out 'decoded by 60 threads\.$' # no more than there are images
detect photos/broken.ppm --out none
expect_status 2
reject_file none
expect_flat '^\.images\.length = 0$'
finish
