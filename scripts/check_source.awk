# The rules on C files for scripts/check_source.sh, which explains them. Comments, strings and character
# constants are blanked first, so patterns only meet code. Variable: list = the file with all paths of the tree.
function report(rule, what) { print rule " " FILENAME ":" FNR ": " what }

# What floor a file stands on; higher may include lower. The wings share a number but not each other.
function floor_of(path) {
  if (path ~ /^cli\//) return 100
  if (path ~ /^train\//) return 90
  if (path ~ /^detect\//) return 80
  if (path ~ /^datasets\//) return 70
  if (path ~ /^weights\//) return 71
  if (path ~ /^backbone\/cfg\//) return 60
  if (path ~ /^backbone\/graph\//) return 50
  if (path ~ /^backbone\/backend\//) return 40
  if (path ~ /^backbone\/ops\//) return 30
  if (path ~ /^backbone\/base\//) return 20
  if (path ~ /^(tests|docs|scripts)\//) return 1000
  return 0
}
function may_include(from, to) {
  if (from == 1000 || from == to) return 1
  if (from == 70 || from == 71) return to == 20
  return to < from
}
function check_include(line, path, top) {
  path = line
  sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
  # The one include that is not root-relative: both files are installed side by side.
  if (FILENAME == "detect/yolo.h" && path == "yolo_status.h") path = "backbone/base/yolo_status.h"
  if (FILENAME ~ /^docs\// && path == "yolo.h") path = "detect/yolo.h"
  if (!(path in exists)) {
    if (floor_of(FILENAME) != 1000 || index(path, "/")) report("INCLUDE", "no file \"" path "\" (includes are root-relative)")
    return
  }
  if (!may_include(floor_of(FILENAME), floor_of(path))) report("ARROW", "must not include " path)
  if (path !~ /_list\.h$/ && path !~ /\.inc$/ && seen[FILENAME, path]++) report("INCLUDE", path " is included twice")
}

# Blanks comments and literals of one line; in_comment carries over.
function strip(line, out, i, n, c, d, q) {
  out = ""; n = length(line); i = 1
  while (i <= n) {
    c = substr(line, i, 1); d = substr(line, i, 2)
    if (in_comment) { if (d == "*/") { in_comment = 0; i += 2 } else i++; continue }
    if (d == "/*") { in_comment = 1; i += 2; out = out " "; continue }
    if (d == "//") break
    if (c == "\"" || c == "\047") {
      q = c; out = out q; i++
      while (i <= n && (c = substr(line, i, 1)) != q) { if (c == "\\") i++; i++ }
      out = out q; i++
      continue
    }
    out = out c; i++
  }
  return out
}
function calls(code, words) { return match(code, "(^|[^A-Za-z0-9_.>])(" words ")[ ]*\\(") }
function called(code, s) { s = substr(code, RSTART, RLENGTH); sub(/^[^A-Za-z_]/, "", s); sub(/[ ]*\($/, "", s); return s }

# Function lengths: text at depth 0 since the last ; or } is the head; "name(...) {" opens a function.
function track(code, i, c) {
  if (code ~ /^[ \t]*#/ || in_macro) { in_macro = (code ~ /\\$/); return }
  for (i = 1; i <= length(code); i++) {
    c = substr(code, i, 1)
    if (c == "{") {
      if (depth == 0 && head ~ /\)[ ]*$/ && head !~ /=/ && head !~ /^extern/) { name = head; fn_line = head_line }
      if (depth == 0 && head ~ /^[ ]*extern ""[ ]*$/) { head = ""; continue }
      depth++
    } else if (c == "}") {
      if (depth > 0) depth--
      if (depth == 0) { if (name != "") end_function(); name = ""; head = "" }
    } else if (depth == 0) {
      if (c == ";") head = ""
      else { if (head == "" && c != " ") head_line = FNR; if (head != "" || c != " ") head = head c }
    }
  }
  if (depth == 0 && head != "") head = head " "
}
function check_library(code) {
  if (calls(code, exits)) report("EXIT", called(code) "() in library code: return a yolo_status")
  if (code ~ /(^|[^A-Za-z_])(stdout|stderr)([^A-Za-z_]|$)/) report("EXIT", "library code does not write to the terminal")
  if (FILENAME in may_allocate) return
  if (calls(code, allocs)) report("ALLOC", called(code) "(): memory comes from backbone/base/memory.h")
}
function is_openmp(code, raw) {
  return code ~ /#[ ]*pragma[ ]+omp/ || code ~ /(^|[^A-Za-z0-9_])omp_[a-z]/ || raw ~ /#[ ]*include[ ]*<omp\.h>/
}
function end_file() {
  if (file == "" || lines <= 400) return
  if (lines > 450) print "FILELEN " file ":" lines ": " lines " lines (450 at most)"
  else if (file ~ /^backbone\/backend\//) print "WARNING " file ":" lines ": a kernel file of " lines " lines (400 at most)"
}
function end_function(n, short) {
  n = FNR - fn_line + 1
  short = name; sub(/\(.*/, "", short); sub(/[ ]+$/, "", short); sub(/.*[ *]/, "", short)
  if (n > 100) report("FUNCLEN", short "() has " n " lines (100 at most)")
  else if (n > 60) print "WARNING " FILENAME ":" fn_line ": " short "() has " n " lines (60 without a reason)"
}

BEGIN {
  while ((getline path < list) > 0) exists[path] = 1
  exits = "exit|_exit|_Exit|quick_exit|abort|assert|__builtin_trap|raise"
  exits = exits "|printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|err|errx|warn|warnx"
  allocs = "malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|getline"
  allocs = allocs "|aligned_alloc|posix_memalign|memalign|alloca|mmap"
  # The door itself, and glue to other people's code: path and reason.
  may_allocate["backbone/base/memory.c"] = "the door"
  may_allocate["datasets/file_map.c"] = "maps files"
  unsafe = "gets|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|strtod|strtof|tmpnam|mktemp"
}
FNR == 1 {
  end_file()
  file = FILENAME
  in_comment = 0; in_macro = 0; depth = 0; head = ""; name = ""
  floor = floor_of(FILENAME); library = floor < 100
  if ($0 !~ /^\/\*/) report("OPENING", "the file does not open with a comment that says what it is")
}
{
  raw = $0; lines = FNR
  if (!in_comment && raw ~ /^[ ]*#[ ]*include[ ]*"/) check_include(raw)
  code = strip(raw)
  track(code)
  if (length(raw) > 128) {
    # UTF-8 continuation bytes are no characters (mawk counts bytes).
    plain = raw; gsub(/[\200-\277]/, "", plain)
    if (length(plain) > 128) report("LINELEN", length(plain) " characters (128 at most)")
  }
  if (library) check_library(code)
  if (floor != 1000 && calls(code, unsafe)) report("UNSAFE", called(code) "(): use a bounded, locale-independent one (base/text.h)")
  if (floor != 1000 && FILENAME != "backbone/base/threads.c" && is_openmp(code, raw)) {
    report("OPENMP", "OpenMP belongs in backbone/base/threads.c")
  }
  if (code ~ /(^|[^A-Za-z0-9_])YOLO_CUDA([^A-Za-z0-9_]|$)/ && FILENAME ~ /\.(c|h)$/ && !cuda[FILENAME]++) {
    if (cuda_file == "") cuda_file = FILENAME
    else report("CUDA", "YOLO_CUDA is already the business of " cuda_file)
  }
}

END { end_file() }
