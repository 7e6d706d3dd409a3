# zoo_table.c: the cfg files of backbone/models as arrays of characters, so that the program carries its networks along.
#   cmake -DMODELS=FOLDER -DOUT=FILE -P yoloModels.cmake
file(GLOB models ${MODELS}/*.cfg)
list(SORT models)
set(arrays "")
set(rows "")
set(number 0)
foreach(model ${models})
  get_filename_component(name ${model} NAME_WE)
  file(READ ${model} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,){24})" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const char model_${number}[] = {\n${bytes}0};\n")
  string(APPEND rows "  {\"${name}\", model_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/yoloModels.cmake from backbone/models. */\n#include \"backbone/cfg/zoo.h\"\n\n#include <stddef.h>\n\n"
  "${arrays}\nconst yolo_zoo_model yolo_zoo[] = {\n${rows}  {NULL, NULL}};\n")
