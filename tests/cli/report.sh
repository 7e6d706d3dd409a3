# yolo eval --report: the page holds the numbers that are printed, and opens in a browser: pictures decode, charts are there,
# nothing is cut off, no error, and no request leaves the file.
. "$(dirname "$0")/lib.sh"

evaluate() { run eval "$@"; }
expect_page() { pass_if "$(grep -qE -- "$2" "$1"; echo $?)" "the page $1 has no line like '$2'"; }
reject_page() { pass_if "$(! grep -qE -- "$2" "$1"; echo $?)" "the page $1 has a line like '$2'"; }

# ---- a data set, and detections: truth moved a little, one in seven missing, one in five of a wrong class, and inventions ----
"$yolo" data synth shapes --images 2 --val 24 --size 160 --quiet || exit 1
"$flatten" shapes/annotations/instances_val.json >flat || exit 1
awk -F' = ' '
  match($1, /^\.annotations\[[0-9]+\]/) {
    i = substr($1, 14, RLENGTH - 14) + 0; key = substr($1, RLENGTH + 2); n = i + 1
    if (key == "image_id" || key == "category_id" || key ~ /^bbox/) value[i, key] = $2
  }
  END {
    printf "["
    for (i = 0; i < n; i++) {
      if (i % 7 == 0) continue
      class = i % 5 ? value[i, "category_id"] : value[i, "category_id"] % 14 + 1
      w = value[i, "bbox[2]"]; h = value[i, "bbox[3]"]
      printf "%s{\"image_id\":%d,\"category_id\":%d,\"bbox\":[%.2f,%.2f,%.2f,%.2f],\"score\":0.%02d}", sep, value[i, "image_id"],
        class, value[i, "bbox[0]"] + w * 0.05, value[i, "bbox[1]"] - h * 0.03, w, h, 40 + i * 37 % 60
      sep = ",\n"
    }
    for (i = 1; i <= 24; i += 2) printf "%s{\"image_id\":%d,\"category_id\":%d,\"bbox\":[2,3,30,40],\"score\":0.5}", sep, i, i % 14 + 1
    print "]"
  }' flat >results.json
evaluate shapes/data.cfg --dt results.json --per-class --report pages/deep/report.html
expect_status 0
expect_empty err
expect_file pages/deep/report.html
expect_no_leftovers
cp pages/deep/report.html page.html
cp out text

# ---- the page stands alone ----
reject_page page.html '<script|<iframe|<object|<embed|@import|url\(|javascript:| on[a-z]+='
reject_page page.html 'https?:'
expect_is "$(grep -o '<link [^>]*>' page.html)" '<link rel="icon" href="data:,">'
expect_is "$(grep -o ' src="[^,]*,' page.html | sort -u)" ' src="data:image/jpeg;base64,'

# ---- its numbers are those of the text ----
expect_page page.html '<dd>shapes/data.cfg, split val, 24 images, [0-9]+ objects in 14 of 14 classes</dd>'
sed -n 's/^\(Truth\|Detections\|COCOeval\): \(.*\)$/<dt>\1<\/dt><dd>\2<\/dd>/p' text >facts
pass_if "$([ "$(wc -l <facts)" -eq 3 ]; echo $?)" 'the text has no protocol'
while IFS= read -r fact; do pass_if "$(grep -qF -- "$fact" page.html; echo $?)" "the page lacks $fact"; done <facts
sed -n 's/^ Average.* = \([0-9.-]*\)$/\1/p' text >twelve
grep -oE '<tr><td>A[PR][0-9a-z]*</td>.*</tr>' page.html | sed 's/.*<td>\([^<]*\)<\/td><\/tr>/\1/; s/^-$/-1.000/' >page_twelve
pass_if "$([ "$(wc -l <twelve)" -eq 12 ]; echo $?)" 'the text has no twelve numbers'
expect_equal twelve page_twelve
for number in $(sed -n 's/^AP \([0-9.]*\) (\([0-9.]*\) to \([0-9.]*\)); AP50 \([0-9.]*\) (\([0-9.]*\) to \([0-9.]*\)).*/\1 \2 \3 \4 \5 \6/p;
  s/^Best F1 \([0-9.]*\) at confidence \([0-9.]*\): precision \([0-9.]*\), recall \([0-9.]*\) .*/\1 \2 \3 \4/p' text); do
  pass_if "$(grep -qF -- "$number" page.html; echo $?)" "the page lacks the number $number"
done
# Classes: truths, AP, AP50 ... F1, conf; the page has the interval as one column more.
sed -n '/objects/,/^$/p' text | sed -nE 's/^(disc|ring|square|hourglass) +/\1 /p' | tr -s ' ' >classes
sed -nE 's/^<tr><td>(disc|ring|square|hourglass)<\/td>(.*)<\/tr>$/\1\2/p' page.html |
  sed 's/<td[^>]*>/ /g; s/<\/td>//g' | sed -E 's/ ([0-9.]+ to [0-9.]+|-) / /' >page_classes
pass_if "$([ "$(wc -l <classes)" -eq 4 ]; echo $?)" 'the text has no table of classes'
expect_equal classes page_classes

# ---- without images it says so; hostile names stay text ----
mkdir alone
cp shapes/annotations/instances_val.json alone/truth.json
sed 's/"name":"disc"/"name":"<script>alert(1)<\/script>\&\\"x"/' alone/truth.json >alone/hostile.json
evaluate --gt alone/truth.json --dt results.json --report alone.html -q
expect_status 0
expect_page alone.html 'There are no pictures, because the images could not be read .*--images DIR'
reject_page alone.html '<img'
evaluate --gt alone/hostile.json --dt results.json --images shapes/images/val --report hostile.html -q
expect_status 0
reject_page hostile.html '<script'
expect_page hostile.html '&lt;script&gt;alert\(1\)&lt;/script&gt;&amp;&quot;x'

# ---- nothing was found ----
echo '[]' >none.json
evaluate shapes/data.cfg --dt none.json --report none.html
expect_status 0
expect_page none.html '0 right'

# ---- label maps ----
run data convert shapes/data.cfg maps --to masks
maps=$(dirname "$(find maps -name '*.png' | head -n 1)")
evaluate --gt-masks "$maps" --dt-masks "$maps" --report maps.html
expect_status 0
expect_out '^mIoU 1\.0000'
expect_page maps.html '<span>mIoU</span><b>1\.0000</b>'

# ---- a classifier: all weights are zero, so it always says the first class ----
cat >class.cfg <<'CFG'
[net]
width=32
height=32
channels=3

[convolutional]
filters=2
size=1
stride=1
activation=linear

[avgpool]

[softmax]
CFG
{
  printf '\0\0\0\0\2\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0'
  head -c $(((2 + 6) * 4)) /dev/zero
} >class.weights
printf 'cat\ndog\n' >class.names
mkdir -p pets/val/cat pets/val/dog
for i in 1 2 3; do make_image pets/val/cat/$i.ppm; done
make_image pets/val/dog/1.ppm
evaluate pets/val --weights class.weights --cfg class.cfg --names class.names --report pets.html
expect_status 0
expect_out '^top-1 0\.7500'
expect_page pets.html '<dd>pets/val, 4 images of 2 classes</dd>'
expect_page pets.html '<span>top-1</span><b>0\.7500</b>'
expect_page pets.html '<td>dog, taken for cat</td><td>1</td>'

# ---- a training's page: its facts, and the scores of results.csv ----
run train shapes/data.cfg --imgsz 96 --batch 2 --epochs 3 --set train.validate_every=2 --dir trained
expect_status 0
expect_page trained/report.html '<dt>Network</dt><dd>yolo-nano, input 96x96, [0-9,]+ parameters, of which [0-9,]+ learn; loss'
expect_page trained/report.html '<dt>Data</dt><dd>2 images with [0-9]+ objects of 14 classes \(.*validation: 24 images'
expect_page trained/report.html '<dt>Epochs</dt><dd>3 of 3 done, each of 1 steps with 2 images'
reject_page trained/report.html '<script|<iframe|url\(|https?:|Time per image|trained/|shapes/'
best=$(sed -n 's/.*<dd>mAP50-95 \([0-9.]*\) after epoch \([0-9]*\)<.*/\2 \1/p' trained/report.html)
expect_is "$(awk -F, -v best="${best%% *}" '$1 == best { printf "%d %.4f", $1, $13 }' trained/results.csv)" "$best"
evaluate shapes/data.cfg --model trained/best.safetensors --report judged.html -q
expect_status 0
for page in judged trained/report; do
  grep -oE '<tr><td>A[PR][0-9a-z]*</td>.*</tr>' $page.html | sed 's/.*<td>\([^<]*\)<\/td><\/tr>/\1/' >numbers
  expect_is "$(wc -l <numbers)" 12
  mv numbers "${page##*/}.numbers"
done
expect_equal judged.numbers report.numbers
run train shapes/data.cfg --imgsz 96 --batch 2 --epochs 2 --set data.val= --dir blind
expect_status 0
expect_page blind/report.html 'nothing is validated'
reject_page blind/report.html 'The best model|mAP'
run train pets/val --set data.val=pets/val --model class.cfg --batch 2 --epochs 2 --dir petrun
expect_status 0
expect_page petrun/report.html '<dd>top-1 [01]\.[0-9]* after epoch [12]</dd>'
expect_page petrun/report.html '<span>top-1</span>'

# ---- whole or not at all; a bad place is said before anything is scored ----
evaluate shapes/data.cfg --dt results.json --report shapes
expect_status 1
expect_empty out
expect_err 'shapes'
evaluate shapes/data.cfg --dt results.json --report plain.json/x.html --json -
expect_status 0
evaluate shapes/data.cfg --dt results.json --report results.json/x.html
expect_status 1
expect_empty out
evaluate shapes/data.cfg --dt results.json --report - --json -
expect_status 1
expect_err 'cannot both go to standard output'
evaluate shapes/data.cfg --dt results.json --report -
expect_status 0
expect_equal out page.html
cp page.html kept.html
last='ulimit -f 8; yolo eval --report kept.html'
status=0
(
  ulimit -f 8
  exec "$yolo" eval shapes/data.cfg --dt results.json --report kept.html
) >out 2>err || status=$?
expect_status 1
expect_err 'kept.html.*File too large'
expect_equal kept.html page.html
expect_no_leftovers

# ---- in a browser ----
browser=
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then browser=${browser:-$name}; fi
done
if [ -z "$browser" ]; then
  echo 'SKIP: there is no Chromium; the pages were not opened in a browser'
  [ "$failures" -eq 0 ] && exit 77
  finish
fi

# What a page shows, as one line: charts, pictures, those that decoded, what does not fit (the page, tables, text of charts,
# pictures, at 1280 pixels), what was asked of elsewhere, and errors.
cat >before.js <<'JS'
<script>window.errors=[];addEventListener("error",e=>errors.push(e.message||e.target.src||e.target.href),true);
const complain=console.error;console.error=(...a)=>{errors.push(a.join(" "));complain(...a)};</script>
JS
cat >after.js <<'JS'
<script>addEventListener("load",()=>{const all=s=>[...document.querySelectorAll(s)],images=[...document.images];
const root=document.documentElement;
const inside=(a,b)=>a.left>=b.left-1&&a.right<=b.right+1&&a.top>=b.top-1&&a.bottom<=b.bottom+1;
const page={left:0,top:-1e9,right:innerWidth,bottom:1e9};
const cut=all("svg text").filter(t=>!inside(t.getBoundingClientRect(),t.closest("svg").getBoundingClientRect())).length+
all(".scroll").filter(t=>t.scrollWidth>t.clientWidth+1).length+(root.scrollWidth>innerWidth?1:0)+
all("svg,img,p,dl,h1").filter(e=>!inside(e.getBoundingClientRect(),page)).length;
const asked=performance.getEntriesByType("resource").filter(e=>!/^(data|file):/.test(e.name)).length;
const probe=document.createElement("pre");probe.textContent=`PROBE svg=${all("svg").length} img=${images.length} `+
`decoded=${images.filter(i=>i.naturalWidth>0&&i.naturalHeight>0).length} cut=${cut} asked=${asked} errors=${errors.length} end`;
document.body.append(probe)})</script>
JS
look() { # look PAGE: the line in $seen; requests of the page in the file asked
  sed -e '/<meta charset/r before.js' -e '/<\/body>/{
r after.js
}' "$1" >probed.html
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
    --disable-sync --no-first-run --disable-default-apps --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$scratch/profile" \
    --window-size=1280,1000 --enable-logging=stderr --log-net-log="$scratch/net.json" --virtual-time-budget=20000 \
    --dump-dom "file://$scratch/probed.html" >dom 2>console
  last="$browser $1"
  grep -F CONSOLE console >err || true
  seen=$(grep -o 'PROBE .* end' dom | tail -n 1)
  # The browser's own calls home go to its maker; file: and data: never reach this log.
  grep -oE '"url":"[^"]*' net.json | cut -c8- | grep -vE '^[a-z]+://[^/]*\.(google|googleapis|gvt1)\.com[/:]' |
    grep -vE '^(data|file|chrome|about|devtools|chrome-extension):' | sort -u >asked
  said=$(grep -c CONSOLE console)
  cp asked out
}
see() { # see PAGE CHARTS PICTURES
  look "$1"
  expect_is "$seen" "PROBE svg=$2 img=$3 decoded=$3 cut=0 asked=0 errors=0 end"
  expect_is "$said" 0
  expect_empty asked
}
see page.html 6 24
see hostile.html 6 24
see alone.html 6 0
see none.html 6 12
see maps.html 1 0
see pets.html 1 0
trained_pictures=$(grep -o '<img ' trained/report.html | wc -l)
pass_if "$([ "$trained_pictures" -ge 12 ]; echo $?)" "the page of a training has $trained_pictures pictures"
see trained/report.html 12 "$trained_pictures"
see blind/report.html 5 0
see petrun/report.html 5 0

# ---- and it would notice: pages that are broken on purpose ----
broken() { # broken WHAT PATTERN-OF-THE-LINE
  look broken.html
  pass_if "$(echo "$seen" | grep -qE "$2"; echo $?)" "$1 was not noticed: $seen"
}
sed '0,/base64,\/9j\//s//base64,AAAA/' page.html >broken.html
broken 'a damaged picture' 'img=24 decoded=23 '
sed 's/<h2>Scores/<img src="http:\/\/pictures.invalid\/a.png"><h2>Scores/' page.html >broken.html
broken 'a picture from elsewhere' 'img=25 decoded=24 .* errors=1 '
expect_is "$(cat asked)" 'http://pictures.invalid/a.png'
sed 's/<h2>Scores/<script>console.error("no")<\/script><h2>Scores/' page.html >broken.html
broken 'an error on the console' ' errors=1 '
pass_if "$([ "$said" -gt 0 ]; echo $?)" 'what the page said on the console was not noticed'
sed '0,/<svg viewBox="0 0 640 /s//<svg viewBox="0 0 600 /' page.html >broken.html
broken 'a chart that is cut off' ' cut=[1-9]'
sed '0,/<svg/s//<b/' page.html >broken.html
broken 'a missing chart' 'svg=5 '
finish
