# What `cmake --install` puts where:
#   bin/yolo                    the program
#   lib/libyolo.so.0, .a        the library, shared and static
#   include/yolo/               yolo.h and the status codes it includes
#   lib/cmake/yolo/             find_package(yolo): yolo::yolo (shared), yolo::yolo_static
#   lib/pkgconfig/yolo.pc       pkg-config yolo, with --static for the archive
#   share/yolo/models/          the model zoo
include(CMakePackageConfigHelpers)

# The archive's private libraries, in both languages: CMake targets that yoloConfig.cmake finds again, and
# pkg-config words. The shared library keeps them to itself.
set(YOLO_STATIC_TARGETS Threads::Threads m ZLIB::ZLIB PkgConfig::YOLO_CJSON PkgConfig::YOLO_EXPAT)
set(YOLO_PC_REQUIRES "libcjson expat zlib")
set(YOLO_PC_LIBS "-lm -pthread")
if(TURBOJPEG_FOUND)
  list(APPEND YOLO_STATIC_TARGETS PkgConfig::YOLO_TURBOJPEG)
  string(APPEND YOLO_PC_REQUIRES " libturbojpeg")
endif()
if(OpenMP_C_FOUND)
  list(APPEND YOLO_STATIC_TARGETS OpenMP::OpenMP_C)
  string(APPEND YOLO_PC_LIBS " ${OpenMP_C_FLAGS}")
endif()
if(YOLO_CUDA) # cudart's archive, which wants these of the system; cuDNN and the driver are loaded at run time
  list(APPEND YOLO_STATIC_TARGETS CUDA::cudart_static)
  string(APPEND YOLO_PC_LIBS " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -ldl -lrt")
endif()
set(YOLO_HAS_TURBOJPEG ${TURBOJPEG_FOUND})
set(YOLO_HAS_OPENMP ${OpenMP_C_FOUND})

foreach(library yolo_static yolo_shared)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                                                  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/yolo>)
endforeach()
foreach(dependency ${YOLO_STATIC_TARGETS})
  target_link_libraries(yolo_static INTERFACE $<INSTALL_INTERFACE:${dependency}>)
endforeach()
set_target_properties(yolo_shared PROPERTIES EXPORT_NAME yolo)

install(TARGETS yolo_shared yolo_static EXPORT yoloTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS yolo_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES detect/yolo.h backbone/base/yolo_status.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/yolo)
install(DIRECTORY backbone/models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/yolo/models FILES_MATCHING PATTERN "*.cfg")
# Where `yolo detect` finds its default (cli/default_model.h).
install(FILES weights/yolo-nano.safetensors weights/README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/yolo/weights)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/yolo)

set(YOLO_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/yolo)
install(EXPORT yoloTargets NAMESPACE yolo:: DESTINATION ${YOLO_CMAKE_DIR})
configure_package_config_file(cmake/yoloConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/yoloConfig.cmake
  INSTALL_DESTINATION ${YOLO_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/yoloConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/yoloConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/yoloConfigVersion.cmake
  DESTINATION ${YOLO_CMAKE_DIR})

# yolo.pc finds its prefix from its own place, so that an installed tree can be moved.
file(RELATIVE_PATH YOLO_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" YOLO_PC_PREFIX "${YOLO_PC_PREFIX}")
configure_file(cmake/yolo.pc.in ${CMAKE_CURRENT_BINARY_DIR}/yolo.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/yolo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
