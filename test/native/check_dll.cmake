# cmake -DNM=nm -DOBJDUMP=objdump -DUNALIGNED=ON -DIMPORT_LIBRARY=librwkv4j.dll.a -DLIBRARY=rwkv4j.dll
#       -P check_dll.cmake
#
# The library exports rwkv_* and nothing else, and needs no DLL but those of Windows. UNALIGNED: it was made by gcc, whose
# vectors on the stack are not aligned there; no instruction may take 32 or 64 bytes in memory for aligned.
cmake_minimum_required(VERSION 3.20)
include(${CMAKE_CURRENT_LIST_DIR}/check_exported.cmake)

function(lines result regex)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "${regex}" found "${output}")
    set(${result} "${found}" PARENT_SCOPE)
endfunction()

lines(exported "__imp_[^\n\r]+" ${NM} ${IMPORT_LIBRARY})
list(TRANSFORM exported REPLACE "^__imp_" "")
list(REMOVE_DUPLICATES exported)
lines(needed "DLL Name: [^\n\r]+" ${OBJDUMP} -p ${LIBRARY})
list(TRANSFORM needed REPLACE "^DLL Name: " "")

check_exported("${exported}" "${needed}")
set(foreign ${needed})
list(FILTER foreign EXCLUDE REGEX "^(KERNEL32|kernel32|msvcrt|ucrtbase|api-ms-win-[a-z0-9-]+)[.]dll$")
if(foreign)
    message(FATAL_ERROR "not part of Windows: ${foreign}")
endif()

if(UNALIGNED)
    lines(moves "vmov(ap|up|dq|nt)[^\n]*%[yz]mm[^\n]*" ${OBJDUMP} -d -w --no-show-raw-insn ${LIBRARY})
    list(FILTER moves INCLUDE REGEX "[(]") # those from and to memory
    list(LENGTH moves move_count)
    if(move_count LESS 1000)
        message(FATAL_ERROR "${OBJDUMP} shows only ${move_count} moves of vectors")
    endif()
    list(FILTER moves INCLUDE REGEX "^vmov(ap|dqa|nt)")
    if(moves)
        list(JOIN moves "\n  " moves)
        message(FATAL_ERROR "vectors in memory that must be aligned:\n  ${moves}")
    endif()
endif()
list(JOIN needed ", " needed)
message(STATUS "needs ${needed}")
