# cmake -DNM=nm -DLIBRARY=librwkv4j.so -P check_symbols.cmake
#
# The library exports rwkv_* and nothing else, and calls nothing that ends the process, prints, or catches signals.
cmake_minimum_required(VERSION 3.20)
include(${CMAKE_CURRENT_LIST_DIR}/check_exported.cmake)

if(APPLE)
    set(exported_options -gU)
    set(needed_options -u)
else()
    set(exported_options -D --defined-only)
    set(needed_options -D --undefined-only)
endif()

# Names only: no addresses, no letters, no symbol versions, no underscore before them as on macOS.
function(symbols result)
    execute_process(COMMAND ${NM} ${ARGN} ${LIBRARY} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[^\n]+" lines "${output}")
    set(names)
    foreach(line IN LISTS lines)
        string(REGEX REPLACE "^.* " "" name "${line}")
        string(REGEX REPLACE "@.*$" "" name "${name}")
        if(APPLE)
            string(REGEX REPLACE "^_" "" name "${name}")
        endif()
        list(APPEND names "${name}")
    endforeach()
    set(${result} "${names}" PARENT_SCOPE)
endfunction()

symbols(exported ${exported_options})
symbols(needed ${needed_options})

check_exported("${exported}" "${needed}")
set(forbidden ${needed})
list(FILTER forbidden INCLUDE REGEX
    "^(__)?(abort|exit|_exit|_Exit|quick_exit|assert_fail|assert_rtn|raise|kill|signal|sigaction|v?f?printf|puts|putc|putchar|fputs|fputc|fwrite|perror|write|stdout|stderr|stdoutp|stderrp|longjmp|system|fopen|open)(_chk)?$")
if(forbidden)
    message(FATAL_ERROR "a library does not call these: ${forbidden}")
endif()
message(STATUS "nothing that aborts, exits, prints or catches signals")
