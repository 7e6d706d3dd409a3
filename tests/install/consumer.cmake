# Copied as CMakeLists.txt into an empty folder: somebody else's project.
cmake_minimum_required(VERSION 3.22)
project(consumer LANGUAGES C)
find_package(yolo 0.1 REQUIRED)
add_executable(with_shared example_detect.c)
target_link_libraries(with_shared PRIVATE yolo::yolo)
add_executable(with_static example_detect.c)
target_link_libraries(with_static PRIVATE yolo::yolo_static)
