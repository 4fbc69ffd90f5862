# How a room of the house is built: one target each, with the rooms and libraries it may include, and no others.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)

# The commit goes into every manifest; an unpacked tarball has none.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD OUTPUT_VARIABLE LOAM_COMMIT
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT LOAM_COMMIT)
  set(LOAM_COMMIT "unknown")
endif()

add_library(loam_flags INTERFACE)
target_include_directories(loam_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(loam_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++'s -Wconversion leaves signedness alone in C++, and so do we.
  target_compile_options(loam_flags INTERFACE -Wno-sign-conversion)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees overlapping copies in std::string's operator+ and insert that are not there (GCC bug 105651).
  target_compile_options(loam_flags INTERFACE -Wno-restrict)
  if(LOAM_UNITY)
    # Files compiled together are included by another: to g++ their anonymous namespaces look like a header's.
    target_compile_options(loam_flags INTERFACE -Wno-subobject-linkage)
  endif()
endif()
# Twenty-five test programs of the same libraries: binutils' other linker takes a third of the time for each.
find_program(LOAM_GOLD ld.gold)
if(LOAM_GOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT LOAM_SANITIZE)
  target_link_options(loam_flags INTERFACE -fuse-ld=gold)
endif()
if(LOAM_WERROR)
  target_compile_options(loam_flags INTERFACE -Werror)
endif()
if(LOAM_ASSERTS)
  target_compile_definitions(loam_flags INTERFACE LOAM_ASSERTS=1)
endif()
if(LOAM_SANITIZE)
  target_compile_options(loam_flags INTERFACE -fsanitize=${LOAM_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(loam_flags INTERFACE -fsanitize=${LOAM_SANITIZE})
endif()

if(LOAM_FUZZ)
  # Coverage and sanitizers in every room; the targets themselves add the fuzzer's main.
  target_compile_options(loam_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g)
  target_link_options(loam_flags INTERFACE -fsanitize=address,undefined)
endif()

# loam_room(NAME DIR dir [ROOMS room...] [LIBS library...]): every .cpp directly in `dir`, as static library loam_NAME.
function(loam_room name)
  cmake_parse_arguments(ROOM "" "DIR" "ROOMS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/loam/${ROOM_DIR}/*.cpp)
  list(TRANSFORM ROOM_ROOMS PREPEND loam_)
  if(NOT sources)
    add_library(loam_${name} INTERFACE)
    target_link_libraries(loam_${name} INTERFACE loam_flags ${ROOM_ROOMS})
    return()
  endif()
  add_library(loam_${name} STATIC ${sources})
  target_link_libraries(loam_${name} PUBLIC loam_flags ${ROOM_ROOMS} PRIVATE ${ROOM_LIBS})
endfunction()
