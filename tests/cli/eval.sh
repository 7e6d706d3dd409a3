# yolo eval: result files, models, classifiers, label maps; what is said about bad input.
. "$(dirname "$0")/lib.sh"
make_tiny
make_image one.ppm
make_image two.ppm
cat >gt.json <<'JSON'
{"images":[{"id":7,"file_name":"one.ppm","width":64,"height":32},{"id":3,"file_name":"two.ppm","width":64,"height":32}],
 "annotations":[{"id":1,"image_id":7,"category_id":5,"bbox":[8,4,16,8],"area":128,"iscrowd":0,
                 "segmentation":[[8,4,24,4,24,12,8,12]]},
                {"id":2,"image_id":7,"category_id":5,"bbox":[40,4,16,8],"area":128,"iscrowd":0,
                 "segmentation":[[40,4,56,4,56,12,40,12]]},
                {"id":4,"image_id":3,"category_id":2,"bbox":[8,20,16,8],"area":128,"iscrowd":0,
                 "segmentation":[[8,20,24,20,24,28,8,28]]}],
 "categories":[{"id":5,"name":"cat"},{"id":2,"name":"traffic light"}]}
JSON
cat >dt.json <<'JSON'
[{"image_id":7,"category_id":5,"bbox":[8,4,16,8],"score":0.9},
 {"image_id":7,"category_id":5,"bbox":[0,0,4,4],"score":0.8},
 {"image_id":3,"category_id":2,"bbox":[8,20,16,8],"score":0.7},
 {"image_id":3,"category_id":77,"bbox":[8,20,16,8],"score":0.6}]
JSON

# ---- anybody's results ----
run eval --gt gt.json --dt dt.json --json scores.json --per-class --voc07
expect_status 0
expect_out '^Truth: gt.json, 2 images, 3 objects in 2 of 2 classes$'
expect_out '^Detections: 3 in dt.json$'
expect_out '^COCOeval: IoU 0.5 to 0.95 \(10\); at most 1, 10, 100 detections an image and class; areas all 0-1e\+10, small 0-1024'
# cat: one of two, 51 of 101 recalls at precision 1; traffic light: 1
expect_out '^ Average Precision  \(AP\) @\[ IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0.752$'
expect_out '^ Average Precision  \(AP\) @\[ IoU=0.50      \| area=   all \| maxDets=100 \] = 0.752$'
expect_out '^ Average Precision  \(AP\) @\[ IoU=0.50:0.95 \| area=medium \| maxDets=100 \] = -1.000$'
expect_out '^ Average Recall     \(AR\) @\[ IoU=0.50:0.95 \| area=   all \| maxDets=  1 \] = 0.750$'
expect_out '^Pascal VOC 2007: mAP 0.7727 \(precision at 11 recalls; .* IoU 0.5'  # cat: 6 of 11
expect_out '^Best F1 0.6667 at confidence 0.7: precision 0.6667, recall 0.6667'
expect_out '^AP 0.7525 \(.* to .*\); AP50 .*: in brackets 95% of 1000 samples of the images \(seed 0\)$'
expect_out '^traffic light +1  1.000  1.000  1.000  1.000      -      -  1.000  1.000  1.000  1.000  0.700  1.000$'
expect_out '^At confidence 0.7 and IoU 0.5: 2 right, 1 missed, 1 found where nothing is$'
expect_err '1 detection of categories that the truth does not have \(such as 77\)'
expect_json scores.json
expect_flat '^\.bbox\.AP = 0\.752'
expect_flat '^\.bbox\.APm = -1$'
expect_flat '^\.protocol\.images = 2$'
expect_flat '^\.protocol\.iou\[9\] = 0\.9'
expect_flat '^\.intervals\.samples = 1000$'
expect_flat '^\.voc07\.mAP = 0\.7727'
expect_flat '^\.per_class\[0\]\.name = traffic light$'
expect_flat '^\.per_class\[1\]\.id = 5$'
expect_flat '^\.curves\.best\.confidence = 0\.7'
expect_flat '^\.confusion\.counts\[2\]\[1\] = 1$'
pass_if "$(! grep -q segm scores.json; echo $?)" 'masks were scored, although there are none'
# Exactly the twelve keys of a kind, with 17 digits.
expect_is "$(head -n 1 scores.json | grep -o '"[A-Za-z0-9]*":' | tr -d '":' | tr '\n' ' ')" \
  'bbox AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl '
run eval --gt gt.json --dt dt.json --json - --bootstrap 0 --quiet
expect_status 0
cp out stdout.json
expect_json stdout.json
reject_err 'Truth'
pass_if "$(! grep -q intervals stdout.json; echo $?)" '--bootstrap 0 gives intervals'

# Equal files for any number of threads.
run eval --gt gt.json --dt dt.json --json one.json --threads 1 --quiet
run eval --gt gt.json --dt dt.json --json two.json --threads 2 --quiet
expect_equal one.json two.json
run eval --gt gt.json --dt dt.json --json seeded.json --seed 5 --quiet
pass_if "$(! cmp -s one.json seeded.json; echo $?)" '--seed changes nothing'

# ---- masks, limits, thresholds, areas, classes ----
run eval --gt gt.json --dt dt.json --mask --box --json both.json
expect_status 0
expect_out '^COCO, boxes:'
expect_out '^COCO, masks:'
expect_json both.json
expect_flat '^\.segm\.AP = 0\.752'
run eval --gt gt.json --dt dt.json --max-dets 1,2,3 --iou 0.5,0.75 --area tiny:0:100,all:0:1e10
expect_status 1
expect_err '--area wants up to 7 of NAME:FROM:TO'
run eval --gt gt.json --dt dt.json --max-dets 1,2,3 --iou 0.75,0.5 --area tiny:0:100,small:100:1000
expect_status 0
expect_out '^COCOeval: IoU 0.5, 0.75; at most 1, 2, 3 detections an image and class; areas all 0-1e\+10, tiny 0-100, small 100-1000$'
expect_out 'IoU=0.50:0.75 \| area= small \| maxDets=  3 \] = 0.752'
expect_out 'area= large \| maxDets=  3 \] = -1.000'
run eval --gt gt.json --dt dt.json --iou 0.5:0.25:1
expect_out '^COCOeval: IoU 0.5, 0.75, 1;'
run eval --gt gt.json --dt dt.json --classes cat
expect_status 0
expect_out '2 objects in 1 of 1 class$'
expect_out 'IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0.505'
reject_err 'categories'
run eval --gt gt.json --dt dt.json --one-class --per-class
expect_status 0
expect_out '3 objects, all classes as one$'
run eval --gt gt.json --dt dt.json --voc12 --quiet
expect_status 0
expect_empty out
# Recalls: cat reaches one half, at precision 1.
run eval --gt gt.json --dt dt.json --classes cat --recall-thresholds 0.6,0.1,0.5 --json recalls.json
expect_status 0
expect_out '; recalls 0.1 to 0.6 \(3\)$'
expect_out 'IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0.667$'
expect_json recalls.json
expect_flat '^\.protocol\.recall_thresholds\[1\] = 0\.5$'
run eval --gt gt.json --dt dt.json --recall-thresholds 0:0.01:1 --json recalls.json --quiet
run eval --gt gt.json --dt dt.json --json scores.json --quiet
expect_is "$(head -n 1 recalls.json)" "$(head -n 1 scores.json)"
pass_if "$(! grep -q recall_thresholds scores.json; echo $?)" 'the usual recalls are listed'
# Images: cats are in 7, the traffic light in 3. A detection elsewhere is no error.
run eval --gt gt.json --dt dt.json --image-ids 7
expect_status 0
expect_out '^Truth: gt.json, 1 image, 2 objects in 1 of 2 classes$'
expect_out '^Detections: 2 in dt.json$'
expect_out 'IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0.505$'
printf '3\n\n7, 3\n' >ids.txt
run eval --gt gt.json --dt dt.json --image-ids ids.txt --json all.json --quiet
expect_equal all.json scores.json
# Pascal VOC's rule on masks: the detections' boxes are their masks, the truths' are polygons of the same shape.
run eval --gt gt.json --dt dt.json --mask --voc12 --per-class --json masks.json --report voc.html
expect_status 0
expect_out '^Pascal VOC 2012, masks: mAP 0.7500 \(area under the curve; a mask is right from IoU 0.5'
expect_json masks.json
expect_flat '^\.voc12_segm\.mAP = 0\.75$'
expect_flat '^\.per_class\[1\]\.voc_segm = 0\.5$'
pass_if "$(! grep -q '"voc12"' masks.json; echo $?)" 'boxes were scored, although masks were asked for'
pass_if "$(grep -q 'a mask is right from IoU 0.5' voc.html; echo $?)" 'the page says nothing of masks'
run eval --gt gt.json --dt dt.json --mask --box --voc07
expect_out '^Pascal VOC 2007: mAP 0.7727 '
expect_out '^Pascal VOC 2007, masks: mAP 0.7727 '

# No detections at all: everything is missed.
echo '[]' >empty.json
run eval --gt gt.json --dt empty.json --per-class
expect_status 0
expect_out '^Detections: 0 in empty.json$'
expect_out '\(AP\) @\[ IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = 0.000$'

# ---- what is wrong: arguments, then what standard error must contain ----
sed 's/"id":2,"name"/"id":5,"name"/' gt.json >same_id.json
sed 's/"traffic light"/"cat"/' gt.json >same_name.json
sed 's/"area":128,//; s/"id":4,/"id":0,/' gt.json >odd.json
cat >no_mask.json <<'JSON'
{"images":[{"id":7,"file_name":"one.ppm","width":64,"height":32}],"categories":[{"id":5,"name":"cat"}],
 "annotations":[{"id":9,"image_id":7,"category_id":5,"bbox":[8,4,16,8],"area":128,"iscrowd":0}]}
JSON
echo '[{"image_id":7,"category_id":5,"bbox":[1,1,2,2]}]' >no_score.json
echo '[{"image_id":8,"category_id":5,"bbox":[1,1,2,2],"score":1}]' >no_image.json
echo '[{"image_id":7,"category_id":5,"bbox":[1,1,2],"score":1}]' >no_box.json
echo '{"annotations":[]}' >object.json
head -c 100 dt.json >cut.json
while IFS='|' read -r words sentence; do
  # shellcheck disable=SC2086
  run eval $words
  expect_status 1
  expect_empty out
  expect_err "$sentence"
  expect_no_leftovers
done <<'TABLE'
|no ground truth was named: --gt instances.json, or a data.cfg
--gt gt.json|no detections: --dt results.json, or a model
--gt gt.json --dt dt.json --model m|--dt and --model: detections come from one of them
--gt gt.json other --dt dt.json|the truth was named twice
a b --dt dt.json|it takes one DATA
--gt gt.json --dt dt.json --voc07 --voc12|exclude each other
--gt gt.json --dt dt.json --iou 0|--iou wants up to 32 numbers above 0 and up to 1
--gt gt.json --dt dt.json --iou 0.5,0.5|--iou wants
--gt gt.json --dt dt.json --iou 0.5:0.001:0.95|--iou wants
--gt gt.json --dt dt.json --iou x|--iou wants
--gt gt.json --dt dt.json --recall-thresholds 0.5,1.1|--recall-thresholds wants up to 1001 numbers from 0 to 1
--gt gt.json --dt dt.json --recall-thresholds 0:0.0001:1|--recall-thresholds wants
--gt gt.json --dt dt.json --recall-thresholds 0.5,0.5|--recall-thresholds wants
--gt gt.json --dt dt.json --image-ids 7,8|--image-ids: the truth has no image of id 8; it has 2 images, such as 3
--gt gt.json --dt dt.json --image-ids nowhere.txt|nowhere.txt
--gt gt.json --dt dt.json --image-ids dt.json|--image-ids dt.json: '.*' is no whole number
--gt gt.json --dt dt.json --image-ids ,|names no image
--gt-masks a --dt-masks b --image-ids 7|--image-ids is for boxes and masks, not for label maps
--gt gt.json --dt dt.json --max-dets 0,1|--max-dets wants up to 8 whole numbers above 0
--gt gt.json --dt dt.json --max-dets 1,1|--max-dets wants
--gt gt.json --dt dt.json --area big|--area wants up to 7 of NAME:FROM:TO
--gt gt.json --dt dt.json --area big:5:1|--area wants
--gt gt.json --dt dt.json --area big:1:5:7|--area wants
--gt gt.json --dt dt.json --classes dog|the truth has no class 'dog'; it has 2 classes, such as 'traffic light'
--gt gt.json --dt dt.json --bootstrap 1000000|--bootstrap wants a whole number from 0 to 100000
--gt nowhere.json --dt dt.json|nowhere.json
--gt gt.json --dt nowhere.json|nowhere.json
--gt gt.json --dt no_score.json|no_score.json: byte 2: detection 1 has no number "score"
--gt gt.json --dt no_image.json|detection 1 is of image_id 8, which the ground truth does not have
--gt gt.json --dt no_box.json|detection 1 has a "bbox" that is not four numbers
--gt gt.json --dt object.json|this is no list of detections
--gt gt.json --dt cut.json|cut.json: byte 100: the JSON ends here
--gt dt.json --dt dt.json --format coco|dt.json
--gt same_id.json --dt dt.json|two categories of one name or id
--gt same_name.json --dt dt.json|two categories of one name or id
--gt no_mask.json --dt dt.json --mask|dt.json: detection 3 is of image_id 3
--gt gt.json --dt dt.json --json /dev/full --quiet|/dev/full.*No space left on device
--gt gt.json --dt dt.json --json nowhere/x.json --quiet|nowhere/x.json
--gt-masks .|label maps are compared in pairs
--gt-masks . --dt-masks . --gt gt.json|scored alone
--gt-masks . --dt-masks .|there is no PNG in this folder
--gt-masks nowhere --dt-masks .|nowhere
--gt gt.json --model nowhere.safetensors|nowhere.safetensors
--gt gt.json --model tiny.cfg|is a network without weights
TABLE
echo '[{"image_id":7,"category_id":5,"bbox":[8,4,16,8],"score":1}]' >one_box.json
run eval --gt no_mask.json --dt one_box.json --mask
expect_status 1
expect_err 'annotation 9: it has no "segmentation", so masks cannot be scored'
run eval --gt odd.json --dt dt.json
expect_status 0
expect_err '3 annotations without "area"'
expect_err 'the id 0, which COCOeval takes for'
run eval --gt gt.json --dt dt.json --json scores.json --quiet
"$yolo" eval --gt gt.json --dt dt.json >/dev/full 2>err && status=0 || status=$?
last='yolo eval > /dev/full'
expect_status 1
expect_err 'No space left on device'

# ---- a model over the images, and over what detect wrote: the same numbers ----
run eval --gt gt.json $tiny_model --json model.json --bootstrap 0
expect_status 0
expect_out '^Model: tiny.weights: 2 classes, images stretched to 32x32 \(half-pixel\)$'
expect_out '^Kept: confidence above 0.001, every class; NMS 0.45 \(greedy, by IoU\)$'
expect_out '^Detections: 16$'
expect_out '^2 images: load [0-9.]+, network [0-9.]+, post [0-9.]+ ms an image$'
run detect one.ppm two.ppm $tiny_model --conf 0.001 --coco-json found.json --coco-ref gt.json --no-images --quiet
expect_status 0
run eval --gt gt.json --dt found.json --json file.json --bootstrap 0 --quiet
expect_is "$(head -n 1 model.json)" "$(head -n 1 file.json)"
run eval --gt gt.json --images . $tiny_model --conf 0.6 --quiet --json model.json
expect_status 0
expect_json model.json
expect_flat '^\.protocol\.detections = 8$'
expect_flat '^\.protocol\.nms_kind = iou$'
# The kind of suppression is the network's own, or what was asked for.
sed 's/^\[yolo\]/[yolo]\nnms_kind=diounms/' tiny.cfg >diou.cfg
run eval --gt gt.json --weights tiny.weights --cfg diou.cfg --names tiny.names --nms 0.3 --bootstrap 0 --json model.json
expect_out '; NMS 0.3 \(greedy, by DIoU\)$'
expect_json model.json
expect_flat '^\.protocol\.nms_kind = diou$'
run eval --gt gt.json --weights tiny.weights --cfg diou.cfg --names tiny.names --nms-kind iou --agnostic --bootstrap 0
expect_out '; NMS 0.45 \(greedy, by IoU, across classes\)$'
run eval --gt gt.json $tiny_model --nms-kind none --bootstrap 0 --json model.json
expect_out '^Kept: confidence above 0.001, every class; no NMS$'
expect_json model.json
expect_flat '^\.protocol\.nms_kind = none$'
# Only the images that are named are run.
run eval --gt gt.json $tiny_model --bootstrap 0 --image-ids 3
expect_status 0
expect_out '^Truth: gt.json, 1 image, 1 objects in 1 of 2 classes$'
expect_out '^1 image: load'
mkdir -p set/pics
mv one.ppm set/pics
cp gt.json set
run eval --gt set/gt.json --images set/pics $tiny_model --bootstrap 0
expect_status 2
expect_err 'two.ppm'
expect_err '1 image could not be read: what they show counts as missed'
cp two.ppm set/pics
cat >data.cfg <<'CFG'
[data]
val = set/gt.json
val_images = set/pics
CFG
run eval data.cfg $tiny_model --json cfg.json --bootstrap 0
expect_status 0
expect_out '^Truth: data.cfg,.* 2 images'
expect_is "$(head -n 1 cfg.json)" "$(head -n 1 file.json)"
expect_json cfg.json
expect_flat '^\.protocol\.split = val$'
run eval data.cfg --split test $tiny_model
expect_status 1
expect_err 'test'
printf 'dog\ntraffic light\n' >other.names
run eval data.cfg --weights tiny.weights --cfg tiny.cfg --names other.names
expect_status 1
expect_err "the model does not know 1 class of the truth, such as 'cat' \(it knows 2 classes, such as 'dog'\); .*--classes"
run eval data.cfg --weights tiny.weights --cfg tiny.cfg --names other.names --classes 'traffic light'
expect_status 0
sed 's/"width":64,"height":32/"width":32,"height":64/g' gt.json >set/gt.json
run eval data.cfg $tiny_model
expect_err '2 images of another size than the truth says'
cp gt.json set/gt.json

# ---- a classifier over class folders ----
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
printf 'a\nb\nc\nd\ne\nf\n' >letters.names
for class in a b f; do mkdir -p folders/$class && cp two.ppm folders/$class/1.ppm; done
cp two.ppm folders/f/2.ppm
classify="--weights classify.weights --cfg classify.cfg --names letters.names"
run eval folders $classify --json top.json --per-class
expect_status 0
expect_out '^top-1 0.5000   top-5 0.7500$'
expect_out '^  f +2  1.0000  1.0000$'
expect_json top.json
expect_flat '^\.top1 = 0\.5$'
expect_flat '^\.images = 4$'
expect_flat '^\.protocol\.truth = folders$'
expect_flat '^\.protocol\.model = classify.weights: 6 classes'
run eval folders --weights classify.weights --cfg classify.cfg
expect_status 1
expect_err "the model does not know the class 'a' of the truth"
run eval folders $tiny_model
expect_status 1
expect_err "is a detector, but the truth has a class an image"
run eval gt.json $classify
expect_status 1
expect_err 'is a classifier, but the truth has boxes'
run eval folders --dt dt.json
expect_status 1

# ---- label maps ----
run data convert set/gt.json truth --to masks --images set/pics
sed 's/\[8,4,24,4,24,12,8,12\]/[8,4,24,4,24,8,8,8]/' gt.json >set/other.json # half of the first object is missed
run data convert set/other.json said --to masks --images set/pics
expect_status 0
run eval --gt-masks truth/masks --dt-masks said/masks --json maps.json
expect_status 0
expect_out '^2 label maps, [0-9,]+ pixels \(and [0-9,]+ of index 255, which are not scored\)$'
expect_out '^mIoU 0\.[0-9]+   Dice 0\.[0-9]+   pixel accuracy 0\.9'
expect_json maps.json
expect_flat '^\.semantic\.mIoU = 0\.[0-9]+$'
expect_flat '^\.protocol\.predictions = said/masks$'
expect_flat '^\.per_class\[0\]\.class = 0$'
run eval --gt-masks truth/masks --dt-masks truth/masks
expect_out '^mIoU 1.0000   Dice 1.0000   pixel accuracy 1.0000   mean accuracy 1.0000$'
rm said/masks/one.png
run eval --gt-masks truth/masks --dt-masks said/masks
expect_status 1
expect_err 'said/masks/one.png: there is no such map for truth/masks/one.png'
expect_no_leftovers
finish
