# cmake -DOBJDUMP=objdump -DTIER=avx2 -DOBJECTS=a.o;b.o -P check_encoding.cmake
#
# The tiers below AVX-512 have no instruction in its encoding, EVEX, which begins with the byte 62: a processor without
# AVX-512 would stop there. Dot products, vpdpbusd and vpdpwssd, are in AVX-VNNI and not in AVX2.
cmake_minimum_required(VERSION 3.20)

if(NOT OBJECTS)
    message(FATAL_ERROR "no objects of ${TIER}")
endif()
set(instructions 0)
set(dots 0)
foreach(object IN LISTS OBJECTS)
    execute_process(COMMAND ${OBJDUMP} -d -w ${object} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "\n *[0-9a-f]+:[ \t]+[0-9a-f][0-9a-f] [^\n]*" lines "${text}")
    list(LENGTH lines count)
    math(EXPR instructions "${instructions} + ${count}")
    list(FILTER lines INCLUDE REGEX ":[ \t]+62 |vpdp")
    foreach(line IN LISTS lines)
        if(line MATCHES ":[ \t]+62 ")
            message(FATAL_ERROR "an instruction of AVX-512 in ${object}:${line}")
        endif()
        math(EXPR dots "${dots} + 1")
    endforeach()
endforeach()

if(instructions LESS 1000)
    message(FATAL_ERROR "${OBJDUMP} shows only ${instructions} instructions of ${TIER}")
endif()
if(TIER STREQUAL "avxvnni" AND dots EQUAL 0)
    message(FATAL_ERROR "${TIER} has no dot products")
elseif(TIER STREQUAL "avx2" AND dots GREATER 0)
    message(FATAL_ERROR "${TIER} has ${dots} dot products, which are not in AVX2")
endif()
message(STATUS "${TIER}: ${instructions} instructions, ${dots} dot products, none of AVX-512")
