# cmake -DNATIVE=native -P check_includes.cmake
#
# Which folder may include which (CONTRIBUTING.md draws the arrows):
#
#     src/          include/, src/, src/cpu/, src/quant/
#     src/cpu/ISA/  include/, src/cpu/ISA/, src/cpu/, src/quant/, and what tiers share: src/cpu/simd/, x86/, arm/
#     src/cpu/      include/, src/cpu/, src/quant/
#     src/quant/    include/, src/quant/
#
# Everybody may include the leaves, which include nothing but include/: src/error.h and src/cpu/kernels.h.
# Headers of an instruction set are for src/cpu/ISA/, those that tell processors apart for src/cpu/.
cmake_minimum_required(VERSION 3.20)

set(leaves src/error.h src/cpu/kernels.h)
set(problems)
set(count 0)

file(GLOB_RECURSE files RELATIVE ${NATIVE} ${NATIVE}/src/*.c ${NATIVE}/src/*.h ${NATIVE}/src/*.inc)
foreach(file IN LISTS files)
    get_filename_component(folder ${file} DIRECTORY)
    file(STRINGS ${NATIVE}/${file} includes REGEX "^[ \t]*#[ \t]*include")
    foreach(line IN LISTS includes)
        math(EXPR count "${count} + 1")
        if(line MATCHES "<(.*intrin|arm_neon|arm_sve|arm_acle)\\.h>")
            if(NOT folder MATCHES "^src/cpu/")
                list(APPEND problems "${file}: intrinsics outside of src/cpu/ISA: ${line}")
            endif()
        elseif(line MATCHES "<cpuid\\.h>|<sys/auxv\\.h>")
            if(NOT folder MATCHES "^src/cpu")
                list(APPEND problems "${file}: asks for the processor outside of src/cpu: ${line}")
            endif()
        elseif(line MATCHES "\"(.*)\"")
            set(name ${CMAKE_MATCH_1})
            # As the compiler finds it: beside the file, else in include/, else in src/.
            set(found)
            foreach(base ${folder} include src)
                get_filename_component(path ${NATIVE}/${base}/${name} ABSOLUTE)
                if(NOT found AND EXISTS ${path})
                    file(RELATIVE_PATH found ${NATIVE} ${path})
                endif()
            endforeach()
            if(NOT found)
                list(APPEND problems "${file}: no such file: ${line}")
                continue()
            endif()
            get_filename_component(target ${found} DIRECTORY)
            if(file IN_LIST leaves)
                set(allowed "^include$")
            elseif(found IN_LIST leaves)
                continue()
            elseif(folder STREQUAL "src")
                set(allowed "^(include|src|src/cpu|src/quant)$")
            elseif(folder STREQUAL "src/quant")
                set(allowed "^(include|src/quant)$")
            else()
                set(allowed "^(include|src/cpu|src/cpu/(simd|x86|arm)|src/quant|${folder})$")
            endif()
            if(NOT target MATCHES "${allowed}")
                list(APPEND problems "${file}: ${folder} may not include ${target}: ${line}")
            endif()
        endif()
    endforeach()
endforeach()

if(count EQUAL 0)
    message(FATAL_ERROR "no includes below ${NATIVE}/src: is this the right folder?")
endif()
if(problems)
    list(JOIN problems "\n  " problems)
    message(FATAL_ERROR "includes against the arrows:\n  ${problems}")
endif()
message(STATUS "${count} includes, all along the arrows")
