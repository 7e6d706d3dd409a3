# The CUDA backend (YOLO_CUDA=ON): its sources, its compiler, what it links. cuDNN is never linked: where its headers
# are found (YOLO_CUDNN), the library is loaded at run time, so one program runs with and without it.

# Every architecture by name, the last also as PTX for cards that come later: CMake's `all` names some that a toolkit
# refuses. Before 12.8 nvcc knows no 100 and 120, and 13 has nothing below 75.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "75-real;80-real;86-real;89-real;90-real;100-real;120" CACHE STRING "compute capabilities")
endif()
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
# The objects' target is older than these settings; targets that follow take them from the variables.
set_target_properties(yolo_objects PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}" CUDA_STANDARD 17
  CUDA_STANDARD_REQUIRED ON CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
enable_language(CUDA)
# The C compiler links: nothing here needs a C++ library.
set(CMAKE_CUDA_LINKER_PREFERENCE 5)
set(CMAKE_CUDA_LINKER_PREFERENCE_PROPAGATES 0)
find_package(CUDAToolkit REQUIRED)

file(GLOB YOLO_CUDA_SOURCES CONFIGURE_DEPENDS backbone/backend/cuda/*.c backbone/backend/cuda/*.cu)
target_sources(yolo_objects PRIVATE ${YOLO_CUDA_SOURCES})
string(REPLACE ";" " " YOLO_CUDA_NAMES "${CMAKE_CUDA_ARCHITECTURES}")
target_compile_definitions(yolo_objects PRIVATE YOLO_CUDA YOLO_BUILT_TOOLKIT="CUDA ${CUDAToolkit_VERSION}"
  YOLO_BUILT_ARCHITECTURES="${YOLO_CUDA_NAMES}")
target_compile_options(yolo_objects PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra;-Wno-deprecated-gpu-targets;-Xfatbin=-compress-all>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fno-exceptions,-fno-threadsafe-statics,-fno-asynchronous-unwind-tables>"
  "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${YOLO_WERROR}>>:-Werror=all-warnings>")
target_include_directories(yolo_objects SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
# cudart stands inside, so that the program starts where there is no driver. No C++ library: kernels and launchers use none.
target_link_libraries(yolo_objects PUBLIC CUDA::cudart_static)

# Only C files know cuDNN: with or without it, kernels are compiled alike.
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV CUDNN_INCLUDE_DIR)
if(YOLO_CUDNN AND CUDNN_INCLUDE_DIR)
  message(STATUS "cuDNN headers: ${CUDNN_INCLUDE_DIR}")
  target_include_directories(yolo_objects SYSTEM PRIVATE $<$<COMPILE_LANGUAGE:C>:${CUDNN_INCLUDE_DIR}>)
  target_compile_definitions(yolo_objects PRIVATE $<$<COMPILE_LANGUAGE:C>:YOLO_HAVE_CUDNN>)
else()
  message(STATUS "cuDNN headers: not used; convolutions run on our own kernels")
endif()
